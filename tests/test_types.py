"""Dtypes and the type of a value."""

from __future__ import annotations

from itertools import combinations_with_replacement, permutations

import numpy as np
import pytest

from gradus.errors import DtypeError
from gradus.types import (
    DTYPES,
    TensorType,
    as_dtype,
    float32,
    float64,
    int32,
    int64,
    is_float,
    promote,
    uint32,
)


def test_promotion_does_not_depend_on_the_order() -> None:
    for group in combinations_with_replacement(DTYPES, 3):
        assert len({promote(*order) for order in permutations(group)}) == 1


def test_promotion_holds_every_integer_of_its_operands() -> None:
    for a, b in combinations_with_replacement([d for d in DTYPES if not is_float(d)], 2):
        for d in (a, b):
            ends = [0, 1] if d.kind == "b" else [np.iinfo(d).min, np.iinfo(d).max]
            assert [int(x) for x in np.array(ends, d).astype(promote(a, b))] == ends


def test_floats_are_wider_than_every_integer() -> None:
    assert promote(int64, float32) == float32
    assert promote(float32, float64) == float64
    assert promote(uint32, int32, np.dtype(bool)) == int64


@pytest.mark.parametrize("dtype", ["float16", "uint8", "int16", "complex64", "O", "U3"])
def test_other_dtypes_are_refused_with_the_list_of_ours(dtype: str) -> None:
    with pytest.raises(DtypeError, match="bool, uint32, int32, int64, float32, float64"):
        as_dtype(dtype)


def test_a_type_knows_its_size() -> None:
    t = TensorType((2, 0, 3), float64)
    assert (t.size, t.nbytes, str(t)) == (0, 0, "float64[2, 0, 3]")
    assert TensorType((), int32).size == 1
    assert TensorType((2, 3), float32).nbytes == 24
    assert TensorType.of(np.zeros((2, 3), np.int32)) == TensorType((2, 3), int32)


def test_types_are_keys() -> None:
    assert {TensorType((2,), float32): 1}[TensorType((2,), np.dtype("f4"))] == 1
