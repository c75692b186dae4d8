"""Quantiles: NumPy's averaged inverse CDF, where a weight of 2 is two equal numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradus.data.quantiles import quantiles
from gradus.types import Array

NUMBERS = hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e6, 1e6))
PARTS = st.integers(2, 60)


@given(NUMBERS, PARTS)
def test_they_are_numpys_averaged_inverse_cdf(values: Array, parts: int) -> None:
    # NumPy takes a share that its product with n rounds off a number for one beside it.
    shares = np.arange(1, parts) / parts
    exact = np.array([divmod(k * values.size, parts)[1] == 0 for k in range(1, parts)], bool)
    at = shares * values.size
    alike = (at == np.round(at)) == exact
    expected = np.quantile(values, shares, method="averaged_inverted_cdf")
    np.testing.assert_allclose(
        np.array(quantiles(values.copy(), parts))[alike], expected[alike], rtol=1e-12, atol=1e-9
    )


@given(st.data(), NUMBERS, PARTS, st.sampled_from([1.0, 0.1, 7.3]))
def test_a_weight_is_a_number_of_equal_rows_in_any_order(
    data: st.DataObject, values: Array, parts: int, unit: float
) -> None:
    counts = data.draw(hnp.arrays(np.int64, values.size, elements=st.integers(1, 5)))
    repeated = data.draw(st.permutations(np.repeat(values, counts).tolist()))
    weighted = quantiles(values.copy(), parts, counts * unit)
    assert weighted == quantiles(np.array(repeated), parts)
