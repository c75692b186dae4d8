"""Indexing: NumPy is the judge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradus as gd
from gradus import ops
from gradus.errors import ArgumentError, DtypeError, GradusError, ShapeError

SHAPES = [(5,), (3, 4), (2, 3, 4), (4, 1, 3, 2), (0, 3), ()]


def basic_keys(n: int) -> st.SearchStrategy[Any]:
    end = st.none() | st.integers(-n - 2, n + 2)
    step = st.none() | st.sampled_from([1, 2, 3, -1, -2, -3])
    slices = st.builds(slice, end, end, step)
    return slices | st.integers(-n, n - 1) if n else slices


@st.composite
def shapes_and_basic_keys(draw: Any) -> tuple[tuple[int, ...], Any]:
    shape = draw(st.sampled_from(SHAPES))
    used = draw(st.integers(0, len(shape)))
    # With "..." the keys before it count from the left, those after it from the right.
    left = draw(st.integers(0, used))
    before = [draw(basic_keys(n)) for n in shape[:left]]
    after = [draw(basic_keys(n)) for n in shape[len(shape) - (used - left) :]]
    key: list[Any] = [*before, Ellipsis, *after] if draw(st.booleans()) else before
    for _ in range(draw(st.integers(0, 2))):
        key.insert(draw(st.integers(0, len(key))), None)
    return shape, key[0] if len(key) == 1 and draw(st.booleans()) else tuple(key)


@st.composite
def shapes_and_array_keys(draw: Any) -> tuple[tuple[int, ...], Any]:
    """One or two neighbouring arrays, or a mask, between slices."""
    shape = draw(st.sampled_from([s for s in SHAPES if s and 0 not in s]))
    first = draw(st.integers(0, len(shape) - 1))
    count = draw(st.integers(1, min(2, len(shape) - first)))
    key: list[Any] = [draw(st.builds(slice, st.none() | st.integers(-3, 3))) for _ in shape[:first]]
    lengths = shape[first : first + count]
    if draw(st.booleans()):
        bits = draw(st.lists(st.booleans(), min_size=24, max_size=24))
        key.append(np.array(bits[: int(np.prod(lengths))]).reshape(lengths))
    else:
        picked = draw(st.sampled_from([(), (3,), (2, 2), (0,)]))
        for n in lengths:
            if draw(st.booleans()) and key[first:]:
                key.append(draw(st.integers(-n, n - 1)))  # an integer beside an array
            else:
                size = int(np.prod(picked))
                positions = draw(st.lists(st.integers(-n, n - 1), min_size=size, max_size=size))
                kind = draw(st.sampled_from([np.int64, np.int32, np.int8]))
                key.append(np.array(positions, kind).reshape(picked))
    return shape, tuple(key)


def numbers(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(float(np.prod(shape))).reshape(shape)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(case=shapes_and_basic_keys())
def test_integers_slices_none_and_ellipsis_are_numpys(case: tuple[tuple[int, ...], Any]) -> None:
    shape, key = case
    x = numbers(shape)
    assert np.array_equal(gd.tensor(x)[key].numpy(), x[key])
    assert gd.tensor(x)[key].shape == x[key].shape


@settings(max_examples=400, deadline=None, derandomize=True)
@given(case=shapes_and_array_keys())
def test_integer_arrays_and_masks_are_numpys(case: tuple[tuple[int, ...], Any]) -> None:
    shape, key = case
    x = numbers(shape)
    ours = gd.tensor(x)[key]
    assert ours.shape == x[key].shape
    assert np.array_equal(ours.numpy(), x[key])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(case=shapes_and_basic_keys() | shapes_and_array_keys())
def test_the_derivative_counts_how_often_an_element_was_read(
    case: tuple[tuple[int, ...], Any],
) -> None:
    shape, key = case
    x = gd.tensor(numbers(shape), requires_grad=True)
    count = np.zeros(shape)
    np.add.at(count, key, 1.0)
    assert np.array_equal(gd.grad(x[key].sum(), x).numpy(), count)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    key=st.lists(st.sampled_from([0, slice(None), None, Ellipsis]), min_size=1, max_size=4).flatmap(
        lambda k: st.permutations([*k, np.array([0, 1])])
    )
)
def test_a_mix_of_keys_is_numpys_or_an_error(key: list[Any]) -> None:
    x = numbers((2, 3, 4))
    try:
        expected = x[tuple(key)]
    except IndexError:
        with pytest.raises(GradusError):
            gd.tensor(x)[tuple(key)]
        return
    try:
        ours = gd.tensor(x)[tuple(key)]
    except ArgumentError:  # arrays set apart; the test below says when
        return
    assert ours.shape == expected.shape
    assert np.array_equal(ours.numpy(), expected)


def test_tensors_lists_and_numpy_integers_are_keys() -> None:
    x = gd.tensor([10, 11, 12])
    assert x[gd.tensor([2, 0])].tolist() == [12, 10]
    assert x[gd.tensor(1)].tolist() == 11
    assert x[[0, -1]].tolist() == [10, 12]
    assert x[np.int64(-1)].tolist() == 12
    assert x[x > 10].tolist() == [11, 12]
    assert x[[True, False, True]].tolist() == [10, 12]
    assert x[[]].tolist() == []
    assert [10, 11, 12][gd.tensor(1)] == 11


@pytest.mark.parametrize(
    ("key", "error", "says"),
    [
        (2, ArgumentError, r"axis of length 2 lies in \[-2, 2\); received 2"),
        (-3, ArgumentError, r"axis of length 2 lies in \[-2, 2\); received -3"),
        ((0, 0, 0), ArgumentError, "at most 2 indices"),
        ((..., ...), ArgumentError, r"one '\.\.\.'"),
        (np.array([0, 2]), ArgumentError, r"axis of length 2 lie in \[-2, 2\); received 2"),
        ((np.array([0]), np.array([3])), ArgumentError, r"length 3 lie in \[-3, 3\)"),
        (np.array([True]), ShapeError, r"mask has the shape of .* \(2,\); received \(1,\)"),
        (np.array([True, False, True]), ShapeError, "mask"),
        (np.ones((2, 2), bool), ShapeError, r"\(2, 3\); received \(2, 2\)"),
        (True, DtypeError, "an index is an integer"),
        (np.True_, DtypeError, "an index is an integer"),
        (1.0, DtypeError, "an index is an integer.*received 1.0"),
        (np.array([0.0]), DtypeError, "an index is an integer"),
        ("a", DtypeError, "an index is an integer.*received 'a'.*no names or keys: give positions"),
        ([0, "a"], DtypeError, "an index is an integer.*give positions"),
        ({}, DtypeError, "an index is an integer.*give positions"),
        ([[0], [0, 1]], DtypeError, r"an index is an integer.*\[\[0\], \[0, 1\]\]"),
    ],
)
def test_a_key_that_fits_nothing_is_refused(key: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        gd.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])[key]


def test_arrays_set_apart_are_refused_because_numpy_would_move_their_axes() -> None:
    x = gd.tensor(np.zeros((2, 3, 4)))
    for key in [
        (0, slice(None), [0, 1]),
        ([0, 1], slice(None), [0, 1]),
        ([0], None, [1]),
        (0, slice(1), ..., [0]),
    ]:
        with pytest.raises(ArgumentError, match=r"next to each other.*x\[0\]\[:, positions\]"):
            x[key]


@pytest.mark.parametrize("position", [3, -4, 99])
def test_a_position_outside_the_axis_is_refused_never_wrapped(position: int) -> None:
    x, places = gd.tensor([1.0, 2.0, 3.0]), np.array([0, position])
    calls = [
        lambda: ops.take(x, places),
        lambda: ops.take_along_axis(x, places),
        lambda: ops.scatter_add(x[:2], places, axis=0, length=3),
        lambda: ops.scatter_add_along_axis(x[:2], places, axis=0, length=3),
    ]
    for run in calls:
        with pytest.raises(ArgumentError, match=rf"lie in \[-3, 3\); received {position}"):
            run()


def test_positions_that_are_no_integers_are_refused() -> None:
    for places in (np.array([0.0]), np.array([True])):
        with pytest.raises(DtypeError, match="positions are integers"):
            ops.take(gd.tensor([1.0]), places)


def test_scatter_counts_axes_from_the_end_too() -> None:
    values, places = np.arange(6.0).reshape(2, 3), np.array([0, 1, 1])
    for op, at in ((ops.scatter_add, places), (ops.scatter_add_along_axis, [places, places])):
        last = op(values, np.array(at), axis=-1, length=2)
        assert last.tolist() == op(values, np.array(at), axis=1, length=2).tolist()
        assert last.tolist() == [[0.0, 3.0], [3.0, 9.0]]
