"""The contract table: one row for every primitive and every function written in primitives."""

from __future__ import annotations

import inspect
import itertools
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import ops
from gradus.errors import GradientError
from gradus.ops.primitive import COMPOSITES, PRIMITIVES, Call, every_sample
from gradus.types import TensorType

ROWS = [
    pytest.param(op, sample, id=f"{name}-{i}")
    for name, op in {**PRIMITIVES, **COMPOSITES}.items()
    for i, sample in enumerate(every_sample(op))
]
PRIMITIVE_ROWS = [row for row in ROWS if isinstance(row.values[0], ops.Primitive)]


def function_of(op: Any) -> Any:
    return op if isinstance(op, ops.Primitive) else op.function


def on_floats(op: Any, sample: Call) -> tuple[Any, list[np.ndarray]]:
    """The call as a function of its floating-point inputs alone, and those inputs."""
    places = sample.differentiable

    def function(*floats: gd.Tensor) -> gd.Tensor:
        inputs: list[Any] = list(sample.inputs)
        for place, x in zip(places, floats, strict=True):
            inputs[place] = x
        return function_of(op)(*inputs, **sample.params)

    return function, [sample.inputs[i] for i in places]


def has_gradient(op: Any, sample: Call) -> bool:
    if isinstance(op, ops.Primitive) and op.gradient_rule is None:
        return False
    return bool(sample.differentiable)


@pytest.mark.parametrize(
    "op", [*PRIMITIVES.values(), *COMPOSITES.values()], ids=[*PRIMITIVES, *COMPOSITES]
)
def test_every_operation_has_samples_and_says_its_maths(op: Any) -> None:
    assert list(every_sample(op))
    assert function_of(op).__doc__


@pytest.mark.parametrize(("op", "sample"), PRIMITIVE_ROWS)
def test_the_type_rule_foretells_the_forward(op: ops.Primitive, sample: Call) -> None:
    params = sample.params
    types = [TensorType.of(np.asarray(x)) for x in sample.inputs]
    if op.canonical is not None:
        params = op.canonical(*types, **params)
        assert op.canonical(*types, **params) == params, "canonical parameters stay as they are"
    value = np.asarray(op.forward(*sample.inputs, **params))
    assert TensorType.of(value) == op.type_rule(*types, **params)


@pytest.mark.parametrize(("op", "sample"), PRIMITIVE_ROWS)
def test_a_given_buffer_receives_the_same_bits(op: ops.Primitive, sample: Call) -> None:
    if not op.takes_out:
        return
    types = [TensorType.of(np.asarray(x)) for x in sample.inputs]
    params = op.canonical(*types, **sample.params) if op.canonical else sample.params
    fresh = np.asarray(op.forward(*sample.inputs, **params))
    buffer = np.full(fresh.shape, 77).astype(fresh.dtype)
    op.forward(*sample.inputs, **params, out=buffer)
    assert np.array_equal(fresh, buffer)


@pytest.mark.parametrize(("op", "sample"), ROWS)
def test_forwards_leave_their_inputs_alone(op: Any, sample: Call) -> None:
    before = [np.array(x) for x in sample.inputs]
    function_of(op)(*sample.inputs, **sample.params)
    for x, y in zip(sample.inputs, before, strict=True):
        assert np.array_equal(x, y)


@pytest.mark.parametrize(("op", "sample"), [r for r in ROWS if has_gradient(*r.values)])
def test_gradients_agree_with_finite_differences_to_second_order(op: Any, sample: Call) -> None:
    function, floats = on_floats(op, sample)
    if getattr(op, "blocks_gradient", False):
        assert not function(*(gd.tensor(x, requires_grad=True) for x in floats)).requires_grad
        return
    assert gd.gradcheck(function, floats, rtol=1e-8, atol=1e-9)
    assert gd.gradcheck(function, floats, order=2, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("op", "sample"),
    [r for r in ROWS if r.values[1].params and r.values[0] is not PRIMITIVES["concat"]],
)
def test_parameters_may_stand_behind_the_operands(op: Any, sample: Call) -> None:
    names = (
        op.param_names
        if isinstance(op, ops.Primitive)
        else list(inspect.signature(op.function).parameters)[len(sample.inputs) :]
    )
    behind = list(itertools.takewhile(sample.params.__contains__, names))
    named = {n: v for n, v in sample.params.items() if n not in behind}
    run = function_of(op)
    placed = run(*sample.inputs, *(sample.params[n] for n in behind), **named)
    assert np.array_equal(placed.numpy(), run(*sample.inputs, **sample.params).numpy())


def test_public_names_are_operations_and_their_table() -> None:
    for name in ops.__all__:
        assert name in ("PRIMITIVES", "Primitive") or name in {
            *PRIMITIVES, *COMPOSITES, "concat", "stack",
        }  # fmt: skip


def test_every_primitive_without_a_gradient_is_known() -> None:
    without = {name for name, op in PRIMITIVES.items() if op.gradient_rule is None}
    assert without == {
        "argmax", "argmin", "bitwise_right_shift", "equal", "greater", "greater_equal", "isfinite",
        "less", "less_equal", "logical_and", "logical_not", "logical_or", "not_equal",
        "random_bits", "sign", "stop_gradient",
    }  # fmt: skip


def test_a_planted_wrong_gradient_fails_the_checker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops.tanh, "gradient_rule", lambda dy, y, x: dy * (1.0 - y))
    with pytest.raises(GradientError, match="finite differences"):
        gd.gradcheck(ops.tanh, [np.array([0.3, -0.7])])


def test_a_planted_error_of_one_part_in_ten_million_fails_the_checker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ops.exp, "gradient_rule", lambda dy, y, x: dy * y * (1 + 1e-7))
    with pytest.raises(GradientError, match="place"):
        gd.gradcheck(ops.exp, [np.array([0.3, -0.7])])


def test_a_wrong_second_derivative_fails_the_second_order_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        ops.sin, "gradient_rule", lambda dy, y, x: dy * ops.cos(ops.stop_gradient(x))
    )
    assert gd.gradcheck(ops.sin, [np.array([0.3])])
    with pytest.raises(GradientError):
        gd.gradcheck(ops.sin, [np.array([0.3])], order=2)
