"""Applying an operation: cast the operands, work out the type, compute, record."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradus.errors import ArgumentError, TraceError
from gradus.modes import current_trace, is_recording
from gradus.ops.primitive import Params, Primitive, as_given
from gradus.tensor import Tensor, as_array, constant, record_of
from gradus.types import DType, bool_, float32, int64, is_float, promote

_NUMBERS = (bool, int, float)


def _literal(number: Any, dtype: DType) -> Tensor:
    try:
        return constant(np.asarray(number, dtype))
    except OverflowError:
        raise ArgumentError(
            f"a number beside tensors of {dtype} must be a value of that dtype",
            received=number,
            remedy="cast the tensor to a dtype that has it first, such as x.astype('int64')",
        ) from None


def _operands(op: Primitive, inputs: tuple[Any, ...]) -> list[Tensor]:
    """Tensors of the inputs. Python numbers are weakly typed: they take the others' dtype."""
    known: list[Tensor | None] = []
    for x in inputs:
        if isinstance(x, Tensor):
            known.append(x)
        elif type(x) in _NUMBERS:
            known.append(None)
        else:
            known.append(constant(np.array(as_array(x), order="C")))  # the caller may change theirs
    strong = [t.dtype for t in known if t is not None]
    weak_joins = bool(strong) and op.dtype_rule is not as_given
    found = []
    for x, t in zip(inputs, known, strict=True):
        if t is None:
            own = {bool: bool_, int: int64, float: float32}[type(x)]
            if weak_joins:
                meet = promote(*strong)
                own = meet if _rank(own) <= _rank(meet) else own
            t = _literal(x, own)
        found.append(t)
    return found


def _rank(dtype: DType) -> int:
    """Kind of number: boolean, integer, float. A weak number only widens the kind."""
    return {"b": 0, "u": 1, "i": 1, "f": 2}[dtype.kind]


def _check_trace(op: Primitive, operands: list[Tensor]) -> None:
    for t in operands:
        if t.trace is not None and t.trace is not current_trace():
            ended = t.trace.closed
            raise TraceError(
                "a symbolic tensor lives in its own trace only",
                received=f"{t.type} of {'a trace that has ended' if ended else 'another trace'}, "
                f"as an operand of {op.name}",
                remedy="return it from the traced function instead of storing it outside"
                if ended
                else "pass it as an argument of the inner function",
            )


def apply(op: Primitive, inputs: tuple[Any, ...], params: Params) -> Tensor:
    """Apply a primitive: cast the operands, work out the type, compute, record."""
    operands = _operands(op, inputs)
    trace = current_trace()
    _check_trace(op, operands)
    wanted = op.dtype_rule(*(t.type for t in operands))
    operands = [
        t
        if t.dtype == d
        else (_literal(t.numpy(), d) if t.literal and not t.shape else t.astype(d))
        for t, d in zip(operands, wanted, strict=True)
    ]
    types = [t.type for t in operands]
    if op.canonical is not None:
        try:
            params = op.canonical(*types, **params)
        except TypeError as error:
            raise TypeError(f"{op.name}: {error}") from error
    result = op.type_rule(*types, **params)
    if trace is None:
        with np.errstate(all="ignore"):
            value = op.forward(*(t._value for t in operands), **params)
        # One memory layout, whatever the operands' were: executors give the same bits.
        value = np.asarray(value) if op.view else np.asarray(value, order="C")
    else:
        value = None
    requires_grad = (
        is_recording()
        and is_float(result.dtype)
        and not op.blocks_gradient
        and any(t.requires_grad for t in operands)
    )
    record = None
    if requires_grad or trace is not None:
        record = record_of(op, operands, params)
    return Tensor(value, result, requires_grad=requires_grad, record=record, trace=trace)


Primitive.evaluator = staticmethod(apply)
