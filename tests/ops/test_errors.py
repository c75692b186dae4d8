"""Shapes and arguments that do not fit: the error names what was received."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import gradus as gd
from gradus import ops
from gradus.errors import ArgumentError, ShapeError


def z(*shape: int) -> gd.Tensor:
    return gd.zeros(shape)


@pytest.mark.parametrize(
    ("run", "says"),
    [
        (lambda: z(2, 3) + z(2, 4), r"\(2, 3\) and \(2, 4\).*axis of length 1"),
        (lambda: z(3) * z(2), r"\(3,\) and \(2,\)"),
        (lambda: ops.where(z(2) > 0, z(3), 0.0), r"\(2,\) and \(3,\) and \(\)"),
        (lambda: z(2, 3) @ z(2, 3), r"\(2, 3\) @ \(2, 3\).*transpose"),
        (lambda: z(2, 2, 3) @ z(4, 3, 2), r"\(2,\) and \(4,\)"),
        (lambda: z(2) @ z(), r"two axes or more"),
        (lambda: z(2, 3).reshape(4), r"number of elements, here 6 in \(2, 3\)"),
        (lambda: z(2, 3).reshape(4, -1), "number of elements"),
        (lambda: z(2, 3).reshape(-1, -1), "one length may be -1"),
        (lambda: z(2, 3).reshape(-2, -3), "number of elements"),
        (lambda: z(0, 3).reshape(0, -1), "number of elements"),
        (lambda: ops.concat([z(2, 3), z(3, 2)]), r"\(2, 3\) and \(3, 2\)"),
        (lambda: ops.concat([z(2), z(2, 1)]), r"\(2,\) and \(2, 1\)"),
        (lambda: ops.concat([z(2)], axis=1), r"\[-1, 1\); received 1"),
        (lambda: ops.stack([z(2), z(3)]), r"tensors of one shape; received \(2,\) and \(3,\)"),
        (lambda: ops.expand_dims(z(2), axis=3), r"\[-2, 2\); received 3"),
        (lambda: ops.squeeze(z(2, 1), axis=0), r"length 1 can be dropped; received \(2, 1\)"),
        (lambda: ops.matrix_transpose(z(2)), "two axes or more"),
        (lambda: z(2, 2, 2).T, r"takes a matrix; received float32\[2, 2, 2\]"),
        (lambda: z(2, 3).permute(0, 0), "each of the 2 axes once"),
        (lambda: z(2, 3).permute(0), "each of the 2 axes once"),
        (lambda: ops.broadcast_to(z(2), (3,)), r"\(2,\) and \(3,\)"),
        (lambda: ops.broadcast_to(z(2, 3), (3,)), r"\(2, 3\) stretches only"),
        (lambda: z(2, 3).sum(axis=2), r"\[-2, 2\); received 2"),
        (lambda: z(2, 3).sum(axis=(0, -2)), "each axis is named once"),
        (lambda: ops.take(z(2), np.array([0]), axis=1), r"\[-1, 1\)"),
        (lambda: ops.take_along_axis(z(2, 3), np.zeros((3, 1), int), axis=1), "but axis 1"),
        (lambda: ops.scatter_add(z(2), np.zeros(3, int), axis=0, length=3), "shape of the indices"),
        (lambda: ops.sliding_window(z(2), (3,)), "a window, dilated, must fit.*pad the input"),
        (lambda: len(z()), "without axes has no length"),
        (lambda: iter(z()), "without axes has no length"),
        (lambda: z(2).item(), r"one element; received float32\[2\]"),
        (lambda: float(z(2)), "one element"),
        (lambda: bool(z(2)), "one element"),
        (lambda: gd.tensor([[1.0], [1.0, 2.0]]), "equally long.*pad the shorter"),
    ],
)
def test_shapes_that_do_not_fit(run: Callable[[], object], says: str) -> None:
    with pytest.raises(ShapeError, match=says):
        run()


@pytest.mark.parametrize(
    ("run", "says"),
    [
        (lambda: ops.pad(z(2), ((1, -1),)), "widths ≥ 0"),
        (lambda: ops.pad(z(2), ((1, 1), (0, 0))), r"each axis of \(2,\)"),
        (lambda: ops.clip(z(2), low=1.0, high=0.0), "low ≤ high; received low=1.0, high=0.0"),
        (lambda: ops.clip(z(2)), "low, high, or both"),
        (lambda: z(0).max(), r"empty axis has no largest.*float32\[0\]"),
        (lambda: z(2, 0).argmax(axis=1), "empty axis"),
        (lambda: ops.cumulative_sum(z(2, 2)), "needs one named"),
        (lambda: ops.sliding_window(z(4), (2,), stride=0), "numbers ≥ 1"),
        (lambda: ops.sliding_window(z(4), (2,), (1, 1)), "one an axis"),
        (lambda: ops.stack([]), "concat takes 1 or more operands, and axis; received 0"),
        (lambda: ops.add(1.0), "add takes 2 operands; received 1"),
        (lambda: ops.add(1.0, 2.0, 3.0), "add takes 2 operands; received 3"),
        (lambda: ops.reshape(z(2), (2,), 1), "reshape takes 1 operands, and shape; received 3"),
    ],
)
def test_arguments_without_meaning(run: Callable[[], object], says: str) -> None:
    with pytest.raises(ArgumentError, match=says):
        run()


def test_an_unknown_parameter_is_named_with_its_operation() -> None:
    with pytest.raises(TypeError, match=r"sum: .*'axes'"):
        ops.sum(z(2), axes=0)


def test_parameters_may_stand_behind_the_operands() -> None:
    assert ops.reshape(z(2, 3), (3, 2)).shape == (3, 2)
    assert ops.take(z(2, 3), np.array([0]), 1).shape == (2, 1)


def test_integers_to_a_negative_power_are_an_error_not_zero() -> None:
    with pytest.raises(ValueError, match="negative integer powers"):
        gd.tensor(2) ** -1
