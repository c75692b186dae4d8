"""What a primitive operation is: the contract that every file of this folder fills in.

A primitive holds, in one place, the maths in one line, the rule for the type of its result, a
NumPy forward, its gradient *written in ops* (so that a gradient is a graph again), and sample
inputs for the contract tests. The forward knows arrays only. Calling a primitive on tensors goes
through the evaluator that ``gradus.evaluate`` installs here; this file knows no tensor.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np

from gradus import random
from gradus.checks import whole_number, whole_numbers
from gradus.errors import ArgumentError, DtypeError, ShapeError
from gradus.types import Array, DType, Shape, TensorType, bool_, float32, is_float, promote

Params = dict[str, Any]
TypeRule = Callable[..., TensorType]
DtypeRule = Callable[..., tuple[DType, ...]]

PRIMITIVES: dict[str, Primitive] = {}
COMPOSITES: dict[str, Composite] = {}


@dataclass(frozen=True)
class Call:
    """One sample call of an operation: arrays, parameters, and which arrays to differentiate."""

    inputs: tuple[Array, ...]
    params: Params = field(default_factory=dict)

    @property
    def differentiable(self) -> tuple[int, ...]:
        """Positions of the floating-point inputs."""
        return tuple(i for i, x in enumerate(self.inputs) if is_float(x.dtype))


def call(*inputs: Array, **params: Any) -> Call:
    """Write a sample call as the call itself would be written."""
    return Call(inputs, params)


class Draw:
    """Draws sample inputs, float64 and reproducible, kept off kinks and poles by ``gap``."""

    def __init__(self) -> None:
        self._site = 0

    def _uniform(self, shape: Shape) -> Array:
        self._site += 1
        return random.uniform(seed=0, step=0, site=self._site, shape=shape)

    def __call__(
        self, *shape: int, low: float = -2.0, high: float = 2.0, gap: float = 0.05
    ) -> Array:
        """Numbers in [low, high], each in a cell of its own, none nearer to 0 than ``gap``."""
        u = self._uniform((2, *shape))
        cell = np.argsort(np.argsort(u[0], axis=None)).reshape(shape)
        x = low + (high - low) * (cell + 0.25 + 0.5 * u[1]) / max(u[0].size, 1)
        return np.where(np.abs(x) < gap, np.copysign(gap, x) + x, x)

    def integers(self, high: int, *shape: int) -> Array:
        """Integers in [0, high)."""
        return (self._uniform(shape) * high).astype(np.int64)

    def booleans(self, *shape: int) -> Array:
        """True and False, about half and half."""
        return np.asarray(self._uniform(shape) < 0.5)


Sampler = Callable[[Draw], Iterable[Call]]


class Evaluator(Protocol):
    """What turns a primitive, its operands and its parameters into a result."""

    def __call__(self, op: Primitive, inputs: tuple[Any, ...], params: Params) -> Any:
        """Apply the operation."""


class Primitive:
    """One primitive operation.

    Attributes:
        name: the array API's name where it has one.
        maths: the operation and its derivative in one line.
        forward: arrays and parameters to an array; takes ``out=`` where NumPy can fill a buffer.
        type_rule: types and parameters to the type of the result, or a ShapeError.
        dtype_rule: the dtypes that the inputs are cast to before the forward.
        canonical: types and parameters as the caller wrote them to parameters in one form.
        arity: the number of operands; ``variadic`` where one or more are taken.
        param_names: names of the parameters in their order; ``needed`` are those without default.
        view: whether the result may share memory with the first input.
        elementwise: whether every element of the result needs one element of each input.
    """

    evaluator: Evaluator | None = None

    def __init__(
        self,
        forward: Callable[..., Array],
        type_rule: TypeRule,
        dtype_rule: DtypeRule,
        canonical: Callable[..., Params] | None,
        view: bool,
    ) -> None:
        self.name = forward.__name__.rstrip("_")
        self.maths = inspect.getdoc(forward) or ""
        self.__doc__ = self.maths
        self.__name__ = self.name
        self.__module__ = forward.__module__
        self.forward = forward
        signature = inspect.signature(forward).parameters
        self.takes_out = "out" in signature
        operands = [p for n, p in signature.items() if p.kind is not p.KEYWORD_ONLY and n != "out"]
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in operands)
        self.arity = len(operands)
        written = inspect.signature(canonical or forward).parameters
        params = [p for n, p in written.items() if n != "out"][self.arity :]
        self.param_names = [p.name for p in params]
        self._known = frozenset(self.param_names)
        self.needed = frozenset(p.name for p in params if p.default is p.empty)
        self.type_rule = type_rule
        self.dtype_rule = dtype_rule
        self.canonical = canonical
        self.view = view
        self.elementwise = type_rule in ELEMENTWISE
        self.gradient_rule: Callable[..., Any] | None = None
        self.blocks_gradient = False
        self.sampler: Sampler | None = None
        if self.name in PRIMITIVES:
            raise ValueError(f"two primitives are called {self.name}")
        PRIMITIVES[self.name] = self

    def __repr__(self) -> str:
        return f"<primitive {self.name}: {self.maths.splitlines()[0] if self.maths else ''}>"

    def __call__(self, *inputs: Any, **params: Any) -> Any:
        """Apply the operation to tensors, arrays or numbers."""
        assert Primitive.evaluator is not None, "import gradus before calling an operation"
        if not self.variadic and len(inputs) > self.arity:
            # Parameters may stand behind the operands: reshape(x, (2, 3)).
            inputs, extra = inputs[: self.arity], inputs[self.arity :]
            behind = dict(zip(self.param_names, extra, strict=False))
            if len(extra) > len(behind):
                raise self._misuse(self.arity + len(extra))
            if behind.keys() & params.keys():
                raise self._misuse(f"{', '.join(behind.keys() & params.keys())} twice")
            params = {**behind, **params}
        if len(inputs) < self.arity:
            raise self._misuse(len(inputs))
        if not self.needed <= params.keys() <= self._known:
            unknown = [f"the parameter {n!r}" for n in params if n not in self._known]
            raise self._misuse(unknown[0] if unknown else f"no {min(self.needed - params.keys())}")
        return Primitive.evaluator(self, inputs, params)

    def _misuse(self, received: object) -> ArgumentError:
        more = " or more" if self.variadic else ""
        params = f", and {', '.join(self.param_names)}" if self.param_names else ""
        rule = f"{self.name} takes {self.arity}{more} operands{params}"
        return ArgumentError(rule, received=received)

    def gradient(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate the gradient: ``rule(dy, y, *inputs, **params)`` to one gradient an input.

        A single input may give the gradient itself instead of a tuple; None stands for an input
        that has none (indices, conditions). What broadcasting stretched is summed back by the
        caller, once for all rules.
        """
        self.gradient_rule = rule
        return rule

    def samples(self, sampler: Sampler) -> Sampler:
        """Decorate the generator of sample calls for the contract tests."""
        self.sampler = sampler
        return sampler


class Composite:
    """A function written in primitives: it has samples, and needs no gradient of its own."""

    def __init__(self, function: Callable[..., Any], sampler: Sampler) -> None:
        self.function = function
        self.sampler = sampler


def primitive(
    type_rule: TypeRule,
    dtype_rule: DtypeRule | None = None,
    *,
    canonical: Callable[..., Params] | None = None,
    view: bool = False,
) -> Callable[[Callable[..., Array]], Primitive]:
    """Make the decorated NumPy forward a primitive; its docstring states the maths."""

    def make(forward: Callable[..., Array]) -> Primitive:
        return Primitive(forward, type_rule, dtype_rule or common, canonical, view)

    return make


Function = TypeVar("Function", bound=Callable[..., Any])


def composite(sampler: Sampler) -> Callable[[Function], Function]:
    """List the decorated function of ops in the contract table, with its samples."""

    def register(function: Function) -> Function:
        COMPOSITES[function.__name__] = Composite(function, sampler)
        return function

    return register


# ── Samples of elementwise operations ───────────────────────────────────────────────────────────


def one_operand(**domain: Any) -> Sampler:
    """Samples of a function of one number."""

    def sampler(draw: Draw) -> Iterable[Call]:
        yield call(draw(3, 4, **domain))
        yield call(draw(**domain))
        yield call(draw(0, 3, **domain))

    return sampler


def two_operands(draw: Draw) -> Iterable[Call]:
    """Samples of a function of two numbers: equal shapes, and every way of broadcasting."""
    yield call(draw(3, 4), draw(3, 4))
    yield call(draw(3, 4), draw(4))
    yield call(draw(2, 1, 3), draw(4, 1))
    yield call(draw(), draw(2, 3))
    yield call(draw(0, 3), draw(3))


# ── Dtype rules: what the inputs are cast to ────────────────────────────────────────────────────


def common(*types: TensorType) -> tuple[DType, ...]:
    """All inputs get the widest dtype among them."""
    widest = promote(*(t.dtype for t in types))
    return (widest,) * len(types)


def numbers(*types: TensorType) -> tuple[DType, ...]:
    """As ``common``, and booleans are refused."""
    found = common(*types)
    if found[0] == bool_:
        raise DtypeError(
            "arithmetic takes numbers",
            received=" and ".join(map(str, types)),
            remedy="use logical_and, logical_or, logical_not, or x.astype('float32')",
        )
    return found


def floating(*types: TensorType) -> tuple[DType, ...]:
    """As ``common``, and integers become float32."""
    widest = promote(*(t.dtype for t in types))
    return (widest if is_float(widest) else float32,) * len(types)


def as_given(*types: TensorType) -> tuple[DType, ...]:
    """Every input keeps its dtype."""
    return tuple(t.dtype for t in types)


# ── Type rules shared by several files ──────────────────────────────────────────────────────────


def broadcast_shapes(*shapes: Shape) -> Shape:
    """Shape that NumPy's broadcasting gives, or an error that names the shapes.

    >>> broadcast_shapes((3, 1), (4,))
    (3, 4)
    """
    rank = max(len(shape) for shape in shapes)
    result = []
    for lengths in zip(*((1,) * (rank - len(s)) + s for s in shapes), strict=True):
        wide = {n for n in lengths if n != 1}
        if len(wide) > 1:
            raise ShapeError(
                "shapes broadcast when, counted from the right, each axis is equal or 1",
                received=" and ".join(map(str, shapes)),
                remedy="reshape one of them, or add an axis of length 1",
            )
        result.append(wide.pop() if wide else 1)
    return tuple(result)


def same(x: TensorType, *others: TensorType, **_: Any) -> TensorType:
    """The broadcast shape, the (common) dtype of the inputs."""
    if not others:
        return x
    return TensorType(broadcast_shapes(x.shape, *(t.shape for t in others)), x.dtype)


def boolean(*types: TensorType) -> TensorType:
    """The broadcast shape, dtype bool."""
    return TensorType(broadcast_shapes(*(t.shape for t in types)), np.dtype(np.bool_))


def selected(condition: TensorType, x: TensorType, y: TensorType) -> TensorType:
    """The broadcast shape of all three, the dtype of the two choices."""
    return TensorType(broadcast_shapes(condition.shape, x.shape, y.shape), x.dtype)


ELEMENTWISE: tuple[TypeRule, ...] = (same, boolean, selected)


def normalise_axis(axis: int, rank: int) -> int:
    """Axis counted from 0, or an error that names the range."""
    axis = whole_number("axis", axis)
    if not -rank <= axis < rank:
        raise ShapeError(
            f"an axis of a tensor with {rank} axes lies in [{-rank}, {rank})", received=axis
        )
    return axis % rank


def normalise_axes(axis: int | Iterable[int] | None, rank: int) -> tuple[int, ...]:
    """Axes counted from 0 in ascending order; None stands for all of them."""
    if axis is None:
        return tuple(range(rank))
    found = tuple(sorted(normalise_axis(a, rank) for a in whole_numbers("axis", axis)))
    if len(set(found)) != len(found):
        raise ShapeError("each axis is named once", received=f"axis={axis}")
    return found


def every_sample(op: Primitive | Composite) -> Iterator[Call]:
    """Sample calls of an operation, drawn afresh."""
    if op.sampler is not None:
        yield from op.sampler(Draw())
