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
        (lambda: ops.pad(z(2), 1), r"one pair \(before, after\).*received 1"),
        (lambda: ops.pad(z(), 1), r"one pair \(before, after\).*received 1"),
        (lambda: ops.pad(z(2), ((0.5, 1),)), r"one pair \(before, after\)"),
        (lambda: ops.clip(z(2), min=1.0, max=0.0), "min ≤ max; received min=1.0, max=0.0"),
        (lambda: ops.clip(z(2)), "min, max, or both"),
        (lambda: z(2).sum(axis=1.0), "axis must be one or more whole numbers; received 1.0"),
        (lambda: z(2).sum(axis=(0.5,)), r"whole numbers; received \(0.5,\)"),
        (lambda: z(2).sum(axis=True), "whole numbers; received True"),
        (lambda: z(2, 2).argmax(axis=(0, 1)), r"axis must be a whole number; received \(0, 1\)"),
        (lambda: ops.concat([z(2)], axis=None), "axis must be a whole number; received None"),
        (lambda: ops.expand_dims(z(2), axis=(0, 1)), "axis must be a whole number"),
        (lambda: ops.take(z(2), [0], axis=None), "axis must be a whole number; received None"),
        (lambda: z(4).reshape(2.0, 2), "shape must be one or more whole numbers"),
        (lambda: ops.permute_dims(z(2), (0.0,)), "axes must be one or more whole numbers"),
        (lambda: ops.sliding_window(z(4), 2.0), "window must be one or more whole numbers"),
        (lambda: z(0).max(), r"empty axis has no largest.*float32\[0\]"),
        (lambda: z(2, 0).argmax(axis=1), "empty axis"),
        (lambda: ops.cumulative_sum(z(2, 2)), "needs one named"),
        (lambda: ops.sliding_window(z(4), (2,), stride=0), "numbers ≥ 1"),
        (lambda: ops.sliding_window(z(4), (2,), (1, 1)), "one an axis"),
        (lambda: ops.stack([]), "concat takes 1 or more operands, and axis; received 0"),
        (lambda: ops.add(1.0), "add takes 2 operands; received 1"),
        (lambda: ops.add(1.0, 2.0, 3.0), "add takes 2 operands; received 3"),
        (lambda: ops.reshape(z(2), (2,), 1), "reshape takes 1 operands, and shape; received 3"),
        (lambda: ops.reshape(z(2)), "reshape takes 1 operands, and shape; received no shape"),
        (lambda: ops.sum(z(2), axes=0), "and axis, keepdims; received the parameter 'axes'"),
        (lambda: ops.sum(z(2), 0, axis=0), "and axis, keepdims; received axis twice"),
    ],
)
def test_arguments_without_meaning(run: Callable[[], object], says: str) -> None:
    with pytest.raises(ArgumentError, match=says):
        run()


def test_the_buffer_of_a_forward_is_no_parameter_of_the_operation() -> None:
    for run in (lambda out: ops.add(z(2), z(2), out=out), lambda out: ops.exp(z(2), out=out)):
        with pytest.raises(ArgumentError, match="operands; received the parameter 'out'"):
            run(np.empty(2, np.float32))


def test_a_window_over_one_axis_may_be_a_number() -> None:
    x = np.arange(5.0)
    assert ops.sliding_window(x, 2).tolist() == ops.sliding_window(x, (2,)).tolist()


def test_integers_to_a_negative_power_are_an_error_not_zero() -> None:
    for run in (lambda: gd.tensor(2) ** -1, lambda: 2 ** gd.tensor([1, -1])):
        with pytest.raises(ArgumentError, match=r"negative power.*received the power -1.*2\.0"):
            run()
    assert (2.0 ** gd.tensor(-1)).item() == 0.5
