"""Standardising is exact, overflows never, and says which number is too large."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradus.data.scaling import Scale
from gradus.errors import DataError, FileError


def test_mean_and_deviation_are_numpys_bit_for_bit():
    values = np.random.default_rng(0).normal(size=1000) * 1e3
    assert Scale.fit(values, "a") == Scale(float(values.mean()), float(values.std()))


def test_missing_numbers_count_for_nothing():
    assert Scale.fit(np.array([1.0, np.nan, 3.0]), "a") == Scale(2.0, 1.0)
    assert Scale.fit(np.array([np.nan]), "a") == Scale(0.0, 1.0)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e300, 5e-324])
def test_a_constant_scales_to_zero(value):
    values = np.full(7, value)
    assert Scale.fit(values, "a").apply(values, "a").tolist() == [0.0] * 7


@given(
    hnp.arrays(
        np.float64,
        st.integers(1, 20),
        elements=st.floats(allow_nan=False, allow_infinity=False),
    )
)
def test_any_finite_numbers_scale_to_moderate_ones(values):
    z = Scale.fit(values, "a").apply(values, "a")
    # No number lies further than √(n − 1) deviations from the mean; subnormal deviations round.
    assert np.abs(z).max() <= 2 * np.sqrt(len(values))


def test_a_deviation_too_small_for_normal_floats_counts_as_none():
    values = np.array([0.0, 0.0, 15e-324])
    assert Scale.fit(values, "a").apply(values, "a").tolist() == [0, 0, 0]


def test_numbers_near_the_largest_float_do_not_overflow():
    values = np.array([1.7e308, -1.7e308])
    np.testing.assert_allclose(Scale.fit(values, "a").apply(values, "a"), [1, -1])


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_is_refused_with_column_and_row(value):
    message = f"numbers of column 'a' must be finite; received {value} in row 2"
    with pytest.raises(DataError, match=message):
        Scale.fit(np.array([1.0, value]), "a")
    with pytest.raises(DataError, match=message):
        Scale(0.0, 1.0).apply(np.array([1.0, value]), "a")


def test_a_number_that_float32_cannot_hold_is_refused_with_column_and_row():
    with pytest.raises(DataError, match=r"column 'a' must be near .*received 1e\+300 in row 2"):
        Scale(0.0, 1.0).apply(np.array([1.0, 1e300]), "a")


def test_invert_undoes_apply():
    values = np.array([10.0, 20.0, 40.0])
    scale = Scale.fit(values, "a")
    np.testing.assert_allclose(scale.invert(scale.apply(values, "a")), values, rtol=1e-6)  # float32


def test_a_scale_survives_json():
    scale = Scale(0.1, 1 / 3)
    assert Scale.from_config(json.loads(json.dumps(scale.to_config()))) == scale


@pytest.mark.parametrize("std", [0.0, -1.0, 5e-324, float("nan"), float("inf"), "1", None, 1])
def test_a_damaged_deviation_is_refused(std):
    with pytest.raises(FileError, match="std"):
        Scale.from_config({"mean": 0.0, "std": std})
