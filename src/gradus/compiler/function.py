"""``gd.compile``: a function of tensors that is traced once for each kind of arguments."""

from __future__ import annotations

import dis
import functools
from collections.abc import Callable, Hashable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from gradus import random
from gradus.autodiff import grad
from gradus.compiler.choose import executor_named
from gradus.compiler.executor import Executor, Program
from gradus.compiler.settings import settings
from gradus.compiler.trace import (
    OutputName,
    Traced,
    is_traced_leaf,
    named_arguments,
    symbol,
    trace,
    type_of,
)
from gradus.compiler.tree import named, rebuild, structure
from gradus.errors import TraceError
from gradus.modes import current_trace, is_recording
from gradus.ops import Primitive
from gradus.tensor import Tensor, record_of, tensor
from gradus.types import Array, TensorType, int64

_SEED, _STEP = "random.seed", "random.step"


class CompiledCall(Primitive):
    """A whole compiled call as one node of the caller's graph.

    Its gradient applies the traced operations one by one and differentiates those, so that it
    costs nothing until somebody asks for it, and can itself be differentiated.
    """

    def __init__(self, traced: Traced, output: str) -> None:  # not one of the ops' primitives
        self.name = "compiled"
        self.maths = "y = f(x), a function that was compiled"
        self.blocks_gradient = False
        self.gradient_rule = self._differentiate
        self.traced, self.output = traced, output

    def _differentiate(self, dy: Tensor, y: Tensor, *inputs: Tensor) -> Any:
        named = dict(zip(self.traced.graph.inputs, inputs, strict=True))
        result = self.traced.replay(named)[self.output]
        wanted = [t for t in inputs if t.requires_grad]
        gradients = grad(
            result, wanted, gradient=dy, create_graph=is_recording(), allow_unused=True
        )
        found = dict(zip(wanted, gradients, strict=True))
        return tuple(found.get(t) for t in inputs)


def _result(traced: Traced, name: str, array: Array, given: Mapping[str, Tensor]) -> Tensor:
    """An output of the program as a tensor, recorded where the function itself would record it."""
    record = None
    if traced.graph.outputs[name] in traced.recorded:
        record = record_of(CompiledCall(traced, name), [given[n] for n in traced.graph.inputs])
    return Tensor(array, TensorType.of(array), requires_grad=record is not None, record=record)


@dataclass(frozen=True)
class _Prepared:
    """A program, and what its function saw outside when it was traced."""

    traced: Traced
    program: Program
    outside: list[Any]
    grads: list[bool]  # whether each captured tensor asked for gradients

    def holds(self, outside: list[Any]) -> bool:
        """Whether the function would still be traced as it was."""
        return (
            len(self.outside) == len(outside)
            and all(a is b for a, b in zip(self.outside, outside, strict=True))
            and self.grads == _grads(self.traced)
        )


def _grads(traced: Traced) -> list[bool]:
    return [t.requires_grad for t in traced.captured.values()]


class CompiledFunction:
    """A function that runs as one program; make it with ``gd.compile``."""

    def __init__(self, function: Callable[..., Any], executor: Executor) -> None:
        functools.update_wrapper(self, function, updated=())
        self.function = function
        self.executor = executor
        self._prepared: dict[Any, _Prepared] = {}

    def __get__(self, owner: Any, _: Any = None) -> Any:
        """The compiled function as a method of the object it is asked of."""
        return self if owner is None else MethodType(self, owner)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program for arguments of this kind; trace first if they are new."""
        if current_trace() is not None:
            return self.function(*args, **kwargs)
        tree = named_arguments(self.function, args, kwargs)
        prepared = self._prepare(tree, args, kwargs)
        given = {n: _as_tensor(leaf) for n, leaf in named(tree).items() if is_traced_leaf(leaf)}
        given.update(prepared.traced.captured)
        if _SEED in prepared.traced.graph.inputs:
            given.update(_fresh_draws())
        arrays = prepared.program.run({n: t.numpy() for n, t in given.items()})
        results = {n: _result(prepared.traced, n, a, given) for n, a in arrays.items()}
        shape = prepared.traced.output
        found = [results[v.name] if isinstance(v, OutputName) else v for v in named(shape).values()]
        return rebuild(shape, iter(found))

    def graph(self, *args: Any, **kwargs: Any) -> Any:
        """The optimised graph for arguments of this kind."""
        tree = named_arguments(self.function, args, kwargs)
        return self._prepare(tree, args, kwargs).program.graph

    def _prepare(self, tree: Any, args: Any, kwargs: Any) -> _Prepared:
        key, outside, modules = self._seen(tree)
        prepared = self._prepared.get(key)
        if prepared is not None and prepared.holds(outside):
            return prepared
        with ExitStack() as stack:
            for module in modules:
                stack.enter_context(module.bind({}))
            traced = trace(_with_traced_draws(self.function), *args, **kwargs)
            for module in modules:
                written = [n for n, t in module.named_buffers().items() if t.is_symbolic]
                if written:
                    raise TraceError(
                        "a compiled function changes nothing outside itself",
                        received=f"a change of {', '.join(written)}",
                        remedy="call .eval() on the module first, or train it with gd.Trainer",
                    )
        program = self.executor.prepare(traced.graph)
        # Looked at again: the function may have changed what it counts or collects.
        key, outside, _ = self._seen(tree)
        self._prepared[key] = _Prepared(traced, program, outside, _grads(traced))
        return self._prepared[key]

    def _seen(self, tree: Any) -> tuple[Hashable, list[Any], list[Any]]:
        """What the program depends on, what the function reads by name, and the modules in it."""
        outside = _outside(self.function)
        modules = _modules_in([*outside, *named(tree).values()])
        plain = tuple(map(settings, modules))
        return (is_recording(), structure(tree, _kind), plain), outside, modules


def compile(
    function: Callable[..., Any], *, executor: str | Executor = "reference"
) -> CompiledFunction:
    """Compile a function of tensors into one program.

    The function is traced at the first call, and again when the shape or dtype of an argument,
    a Python value among the arguments, the mode or a plain field of a module it uses, or what a
    name that it (or a function it uses) reads from outside is bound to changes. Tensors that it
    reads from outside, such as weights, are read anew at every call; arrays, and what stands in
    lists or in fields of objects that are no modules, are constants. Random draws differ from call
    to call. Inside the function nothing may depend on the *value* of a tensor: use
    ``gd.ops.where`` instead of ``if``. Put the gradient inside, for the program to compute it too.

    Args:
        function: takes and returns tensors, arrays, and nested tuples, lists and dictionaries.
        executor: what runs the graph: ``"reference"`` (NumPy), ``"native"`` (C++), ``"auto"``
            (native where it can be), or an executor.

    Raises:
        ArgumentError: an unknown executor, or the native one where the installation lacks it.
        TraceError: at the call, when the function cannot be traced; the message says why.

    >>> import gradus as gd
    >>> slope = gd.compile(lambda x: gd.grad((x ** 3).sum(), x))
    >>> slope(gd.tensor([1.0, 2.0], requires_grad=True)).tolist()
    [3.0, 12.0]
    """
    return CompiledFunction(function, executor_named(executor))


def _with_traced_draws(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with its random draws as functions of two further inputs of the graph."""

    @functools.wraps(function)
    def seeded(*args: Any, **kwargs: Any) -> Any:
        scalar = TensorType((), int64)
        with random.use_stream(random.Stream(symbol(_SEED, scalar), symbol(_STEP, scalar))):
            return function(*args, **kwargs)

    return seeded


def _fresh_draws() -> dict[str, Tensor]:
    """Seed and step of one call. Steps from 2³² up are never those of eager draws."""
    seed, step, site = random.current_stream().next()
    return {_SEED: tensor(int(seed)), _STEP: tensor((1 << 32) + (int(step) << 33) + site)}


def _as_tensor(leaf: Any) -> Tensor:
    return leaf if isinstance(leaf, Tensor) else tensor(np.asarray(leaf))


def _kind(leaf: Any) -> Hashable:
    """What of an argument the program depends on."""
    if is_traced_leaf(leaf):
        return type_of(leaf), isinstance(leaf, Tensor) and leaf.requires_grad
    if isinstance(leaf, (float, complex)):
        return type(leaf), repr(leaf)  # which tells 0.0 from −0.0, and nan from nothing
    try:
        hash(leaf)
    except TypeError:
        raise TraceError(
            "arguments are tensors, arrays, or values that can be hashed",
            received=type(leaf).__name__,
            remedy="close over it, or pass its tensors",
        ) from None
    return type(leaf), leaf


# ── What a function uses from outside ───────────────────────────────────────────────────────────


def _outside(function: Any) -> list[Any]:
    """A function, what it reads by name, and what the functions among that read by name."""
    found = [function]
    for thing in found:  # which grows on the way
        found += [v for v in _read_by(thing) if not any(v is f for f in found)]
    return found


def _read_by(thing: Any) -> list[Any]:
    """What a function reads by name: its object, its closure and its globals."""
    if isinstance(thing, CompiledFunction):
        return [thing.function]
    if isinstance(thing, MethodType):
        return [thing.__self__, thing.__func__]
    if isinstance(thing, functools.partial):
        return [thing.func, *thing.args, *thing.keywords.values()]
    if not isinstance(thing, FunctionType) or str(thing.__module__).startswith("gradus."):
        return []
    cells = [cell.cell_contents for cell in thing.__closure__ or () if _full(cell)]
    return cells + [thing.__globals__.get(name) for name in _global_names(thing.__code__)]


@functools.cache
def _global_names(code: CodeType) -> tuple[str, ...]:
    """Globals that a function reads, the functions written inside it included."""
    names = [i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"]
    for inner in code.co_consts:
        names += _global_names(inner) if isinstance(inner, CodeType) else ()
    return tuple(dict.fromkeys(names))


def _modules_in(things: list[Any]) -> list[Any]:
    """The modules among things and in the fields of things."""
    fields = [
        field
        for thing in things
        if not isinstance(thing, (FunctionType, ModuleType, type))
        for field in getattr(thing, "__dict__", {}).values()
    ]
    return [m for m in (*things, *fields) if hasattr(m, "named_modules") and hasattr(m, "bind")]


def _full(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - an empty cell raises
    except ValueError:
        return False
    return True
