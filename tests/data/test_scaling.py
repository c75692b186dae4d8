"""Scaling is exact, overflows never, and says which number is too large."""

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.preprocessing import RobustScaler, StandardScaler

from gradus.data.scaling import SCALINGS, RobustScale, Scale, Unscaled, scaling_from_config
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


numbers = st.floats(-1e6, 1e6).map(lambda value: round(value, 3)) | st.just(np.nan)
counted = st.lists(st.tuples(numbers, st.integers(0, 3)), min_size=1)


@given(counted.filter(lambda rows: any(count for _, count in rows)), st.sampled_from([1, 0.1, 2.5]))
def test_a_weight_is_a_number_of_equal_rows_whatever_its_unit(rows, unit):
    values, counts = (np.array(column, float) for column in zip(*rows, strict=True))
    repeated = np.repeat(values, counts.astype(int))
    weighted = Scale.fit(values, "a", counts * unit)
    plain = Scale.fit(repeated, "a")
    # The same sums in another order: rounded at the size of the numbers, and the deviation as a
    # root of what is left when nearly equal numbers cancel.
    size = np.abs(np.nan_to_num(repeated)).max() + 1
    np.testing.assert_allclose(weighted.mean, plain.mean, rtol=0, atol=1e-13 * size)
    np.testing.assert_allclose(weighted.std, plain.std, rtol=1e-9, atol=1e-11 * size)
    # A quartile is one of the numbers or between two: nothing is rounded.
    assert RobustScale.fit(values, "a", counts * unit) == RobustScale.fit(repeated, "a")


def test_weights_of_1_give_the_bits_of_none():
    values = np.random.default_rng(0).normal(size=1001)
    for scaling in (Scale, RobustScale):
        assert scaling.fit(values, "a", np.ones(1001)) == scaling.fit(values, "a")


@pytest.mark.parametrize("weight", [1e308, 5e-324])
def test_weights_of_any_size_count_alike(weight):
    values = np.array([1.0, 2.0, 6.0, 7.0])
    weights = np.full(4, weight)
    assert Scale.fit(values, "a", weights) == Scale.fit(values, "a")
    assert RobustScale.fit(values, "a", weights) == RobustScale.fit(values, "a")


def test_the_weighted_deviation_is_scikit_learns():
    rng = np.random.default_rng(0)
    values, weight = rng.normal(size=50), rng.random(50)
    theirs = StandardScaler().fit(values[:, None], sample_weight=weight)
    ours = Scale.fit(values, "a", weight)
    np.testing.assert_allclose(
        [ours.mean, ours.std], [theirs.mean_[0], theirs.scale_[0]], rtol=1e-12
    )


@pytest.mark.parametrize("n", [1, 5, 9, 101])
def test_the_quartiles_are_scikit_learns_where_all_definitions_agree(n):
    # Of 4k + 1 numbers the quartiles are the (k + 1)-th, the (2k + 1)-th and the (3k + 1)-th.
    values = np.random.default_rng(n).normal(size=n)
    theirs = RobustScaler().fit(values[:, None])
    ours = RobustScale.fit(values, "a")
    assert ours.median == theirs.center_[0]
    if n > 1:
        assert ours.spread == theirs.scale_[0]


@given(hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e6, 1e6)))
@example(np.array([1.0] * 3 + [2.2e-313] + [1.0] * 4 + [0.0] * 21))
def test_the_quartiles_are_numpys_averaged_inverse_cdf(values):
    q = np.quantile(values, [0.25, 0.5, 0.75], method="averaged_inverted_cdf")
    ours = RobustScale.fit(values, "a")
    assert ours.median == pytest.approx(np.median(values), rel=1e-15)
    if q[2] - q[0] >= np.finfo(np.float64).tiny:  # a subnormal distance counts as none
        # NumPy rounds the average of two numbers at their size.
        assert ours.spread == pytest.approx(q[2] - q[0], rel=1e-15, abs=1e-9)


def test_a_robust_number_is_clipped_smoothly():
    values = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 50.0, np.nan])
    scale = RobustScale.fit(values[:5], "a")
    z = (values - 2) / 2
    np.testing.assert_allclose(
        scale.apply(values, "a", np.float64), z / np.sqrt(1 + (z / 3) ** 2), rtol=1e-15
    )


def test_no_number_is_too_far_for_the_robust_scale():
    scale = RobustScale.fit(np.array([0.0, 1.0, 2.0]), "a")
    far = np.array([1e300, -1e300, 1.7e308])
    assert scale.apply(far, "a").tolist() == [3, -3, 3]


def test_where_the_quartiles_are_equal_half_the_range_counts():
    values = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 6.0])
    assert RobustScale.fit(values, "a") == RobustScale(0.0, 3.0)


@pytest.mark.parametrize("values", [[2.5, 2.5, np.nan], [np.nan], [], [0.0, 5e-324]])
def test_a_constant_is_0_for_ever_on_the_robust_scale(values):
    scale = RobustScale.fit(np.array(values), "a")
    assert scale.spread == 0
    z = scale.apply(np.array([2.5, 1e9, np.nan]), "a")
    np.testing.assert_array_equal(z, [0, 0, np.nan])


@given(
    hnp.arrays(
        np.float64, st.integers(1, 20), elements=st.floats(allow_nan=False, allow_infinity=False)
    )
)
def test_any_finite_numbers_come_between_minus_3_and_3(values):
    z = RobustScale.fit(values, "a").apply(values, "a")
    assert np.abs(z).max() <= 3


def test_unscaled_numbers_stay_as_they_are():
    values = np.array([1.5, np.nan, -1e30])
    scaling = Unscaled.fit(values, "a")
    np.testing.assert_array_equal(scaling.apply(values, "a", np.float64), values)
    with pytest.raises(DataError, match=r"received 1e\+300 in row 1, where numbers are not scaled"):
        scaling.apply(np.array([1e300]), "a")


@pytest.mark.parametrize("kind", SCALINGS)
def test_every_scaling_keeps_nan_refuses_infinity_and_has_a_centre(kind):
    scaling = SCALINGS[kind].fit(np.array([1.0, 3.0, 4.0]), "a")
    assert scaling.apply(np.array([scaling.centre]), "a").tolist() == [0]
    assert np.isnan(scaling.apply(np.array([np.nan]), "a")).all()
    assert scaling_from_config(json.loads(json.dumps(scaling.to_config()))) == scaling
    for use in (scaling.apply, scaling.fit):
        with pytest.raises(DataError, match="'a' must be finite; received inf in row 2"):
            use(np.array([1.0, np.inf]), "a")


@pytest.mark.parametrize(
    "config",
    [
        {"kind": "other"},
        {"kind": 3},
        {"kind": "robust"},
        {"kind": "robust", "median": 0.0, "spread": -1.0},
        {"kind": "robust", "median": 0.0, "spread": 5e-324},
        {"kind": "robust", "median": float("nan"), "spread": 1.0},
        {},
    ],
)
def test_a_damaged_scaling_is_refused(config):
    with pytest.raises(FileError):
        scaling_from_config(config)
