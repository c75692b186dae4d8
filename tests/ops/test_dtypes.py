"""Dtypes: what operands become, weak Python numbers, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import ops
from gradus.errors import ArgumentError, DtypeError
from gradus.ops.primitive import COMPOSITES, PRIMITIVES, every_sample
from gradus.types import DTYPES, TensorType

F32, F64 = gd.tensor([1.0, 2.0]), gd.tensor(np.array([1.0, 2.0]))
INT, BOOL = gd.tensor([1, 2]), gd.tensor([True, False])


@pytest.mark.parametrize(
    ("result", "dtype"),
    [
        # A Python number takes the tensor's dtype and only widens its kind.
        (F32 * 2.0, "float32"),
        (2.0 * F32, "float32"),
        (F32 * 2, "float32"),
        (F64 * 2.0, "float64"),
        (1 - F64, "float64"),
        (INT * 2, "int64"),
        (INT * 2.5, "float32"),
        (2.5 - INT, "float32"),
        (BOOL * 2, "int64"),
        (BOOL * 2.5, "float32"),
        (INT + True, "int64"),
        (F32**2, "float32"),
        (F32**0.5, "float32"),
        (2**F32, "float32"),
        (gd.tensor([1], "int32") + 1, "int32"),
        (gd.tensor([1], "uint32") >> 1, "uint32"),
        # NumPy's arrays and numbers keep theirs.
        (F32 * np.array([1.0, 2.0]), "float64"),
        (np.array([1.0, 2.0]) * F32, "float64"),
        (F32 * np.float64(2.0), "float64"),
        (np.float64(2.0) * F32, "float64"),
        (F64 * np.float32(2.0), "float64"),
        (F32 * np.array([1, 2]), "float32"),
        (F32 * [1.0, 2.0], "float32"),
        # Between tensors the wider wins, and every float is wider than every integer.
        (F32 + F64, "float64"),
        (INT + F32, "float32"),
        (BOOL + INT, "int64"),
        (gd.tensor([1], "int32") + INT, "int64"),
        (gd.tensor([1], "int32") + gd.tensor([1], "uint32"), "int64"),
        # Real functions of integers are float32, sums of booleans count.
        (INT / INT, "float32"),
        (INT / 2, "float32"),
        (ops.exp(INT), "float32"),
        (INT.mean(), "float32"),
        (INT.sum(), "int64"),
        (BOOL.sum(), "int64"),
        (F64.argmax(), "int64"),
        (F32 > 0, "bool"),
        (ops.where(BOOL, F32, 0), "float32"),
        (ops.where(BOOL, 1, 0), "int64"),
        (ops.where(BOOL, 1.0, 0.0), "float32"),
        (ops.concat([F32, F64]), "float64"),
    ],
)
def test_promotion(result: gd.Tensor, dtype: str) -> None:
    assert str(result.dtype) == dtype


def test_a_float64_literal_is_exact_beside_a_float64_tensor() -> None:
    assert (F64 * 0.1).tolist() == [0.1, 0.2]


@pytest.mark.parametrize("name", PRIMITIVES)
def test_every_dtype_gives_the_foretold_type_or_a_dtype_error(name: str) -> None:
    """Otherwise a traced graph would promise one dtype and the executor deliver another."""
    for sample in every_sample(PRIMITIVES[name]):
        for dtype in DTYPES:
            # Indices stay integers; every number is cast.
            inputs = [
                gd.tensor(np.abs(x), dtype) if x.dtype.kind == "f" else gd.tensor(x)
                for x in sample.inputs
            ]
            try:
                y = PRIMITIVES[name](*inputs, **sample.params)
            except DtypeError:
                continue
            assert TensorType.of(y.numpy()) == y.type, f"{name} of {dtype}"


@pytest.mark.parametrize("name", COMPOSITES)
def test_functions_take_nested_lists_and_arrays_as_well_as_tensors(name: str) -> None:
    function = COMPOSITES[name].function
    for sample in every_sample(COMPOSITES[name]):
        from_tensors = function(*map(gd.tensor, sample.inputs), **sample.params).numpy()
        from_arrays = function(*sample.inputs, **sample.params)
        from_lists = function(*(x.tolist() for x in sample.inputs), **sample.params)
        assert isinstance(from_arrays, gd.Tensor)
        assert isinstance(from_lists, gd.Tensor)
        assert np.array_equal(from_arrays.numpy(), from_tensors)
        # Lists are float32.
        assert from_lists.numpy() == pytest.approx(from_tensors, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    "value",
    [
        np.zeros(2, np.uint8),
        np.zeros(2, np.int16),
        np.zeros(2, np.float16),
        np.zeros(2, np.complex128),
        np.zeros(2, np.longdouble),
        np.array(["a", "b"]),
        np.array([None, 1.0], dtype=object),
        np.array(["2020-01-01"], dtype="datetime64[D]"),
        "text",
        None,
        [1.0, None],
        ["1.5"],
        1j,
        {"a": 1},
    ],
    ids=lambda v: f"{type(v).__name__} {getattr(v, 'dtype', v)}",
)
def test_what_is_no_number_of_a_dtype_that_gradus_computes_in_is_refused(value: Any) -> None:
    for use in (gd.tensor, lambda v: F32 + v, lambda v: v * F32, lambda v: ops.equal(v, F32)):
        with pytest.raises(DtypeError, match="received"):
            use(value)


@pytest.mark.parametrize("value", ["1.5", ["1"], [1.0, None], 1j, [np.datetime64("2020-01-01")]])
def test_a_named_dtype_does_not_turn_text_or_none_into_numbers(value: Any) -> None:
    with pytest.raises(DtypeError, match="numbers or booleans"):
        gd.tensor(value, "float32")


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.float16])
def test_the_remedy_that_the_error_names_works(dtype: type) -> None:
    narrow = np.array([0, 1], dtype)
    with pytest.raises(DtypeError, match=r"array\.astype\('float32'\)"):
        gd.tensor(narrow)
    assert gd.tensor(narrow.astype("float32")).tolist() == [0.0, 1.0]
    assert gd.tensor(narrow, "float32").tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    "run",
    [
        lambda: BOOL - BOOL,
        lambda: -BOOL,
        lambda: BOOL**BOOL,
        lambda: ops.square(BOOL),
        lambda: ops.sign(BOOL),
    ],
)
def test_booleans_are_not_subtracted_or_raised(run: Any) -> None:
    with pytest.raises(DtypeError, match=r"arithmetic takes numbers; received bool.*logical_not"):
        run()


def test_logic_takes_booleans_and_shifts_take_integers() -> None:
    for run in (lambda: F32 & BOOL, lambda: BOOL | INT, lambda: ~INT):
        with pytest.raises(DtypeError, match=r"logic takes booleans.*compare first"):
            run()
    with pytest.raises(DtypeError, match="shifts take integers"):
        F32 >> 1
    with pytest.raises(DtypeError, match="where chooses by booleans"):
        ops.where(INT, 1.0, 2.0)


@pytest.mark.parametrize(("number", "dtype"), [(-1, "uint32"), (2**31, "int32"), (2**64, "int64")])
def test_a_number_that_the_dtype_does_not_have_is_refused(number: int, dtype: str) -> None:
    x = gd.tensor([1, 2]).astype(dtype)
    with pytest.raises(ArgumentError, match=rf"{dtype} must be .* received {number}"):
        x + number
