"""Which values of a forward pass a diagnosis looks at, found on their records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gradus import nn
from gradus.modes import Scope
from gradus.nn import Module
from gradus.tensor import Tensor
from gradus.types import is_float

_FUNCTIONS: Mapping[type[Module], str] = {nn.ReLU: "relu", nn.Sigmoid: "sigmoid", nn.Tanh: "tanh"}


@dataclass(frozen=True)
class Part:
    """A layer with weights, or an activation.

    Attributes:
        name: dotted name of its module.
        what: the module's constructor call, or the function's name.
        outputs: one for each call.
        axis: the one along which the units lie.
        weights: names of the weight matrices.
    """

    name: str
    what: str
    outputs: tuple[Tensor, ...]
    weights: tuple[str, ...] = ()
    axis: int = -1


@dataclass(frozen=True)
class Sight:
    """What there is to look at.

    Attributes:
        layers: with weight matrices, in the order of the call.
        units: hidden activations, likewise; one behind the last layer is the output, and may well
            be saturated.
        mixed: input of the first layer, (rows, features), where it has this form. What a frozen
            layer makes of the rows is none.
    """

    layers: tuple[Part, ...]
    units: tuple[Part, ...]
    mixed: Tensor | None


def sight(network: Module, weights: Mapping[str, Tensor], x: Tensor, values: Tensor) -> Sight:
    """What to look at in a forward pass.

    Args:
        network: what was called.
        weights: its tensors by name, as they stand in it now.
        x: what it was called with.
        values: what was computed.
    """
    names: dict[Module, str] = {}
    for name, module in network.named_modules():
        names.setdefault(module, name)
    calls = {s: made for s, made in _calls(values).items() if s.owner in names}
    matrices = {module: _matrices(module, weights) for module in names}
    layers: dict[Module, list[Tensor]] = {}
    units: dict[tuple[Module, str], list[Tensor]] = {}
    axes: dict[Module, int] = {}
    mixed: Tensor | None = None
    before: Module | None = None
    frozen = any(t.ndim > 1 and not t.requires_grad for t in weights.values())
    last = max((_age(made[-1]) for s, made in calls.items() if matrices[s.owner]), default=-1)
    for scope, made in sorted(calls.items(), key=lambda item: _age(item[1][-1])):
        if matrices[scope.owner]:
            # A table's front looks codes up, whose size says nothing, and scales no number.
            front = isinstance(scope.owner, nn.TableInput)
            if before is None and not front and not isinstance(scope.owner, nn.Embedding):
                read = (t for t in scope.inputs if t.ndim == 2 and is_float(t.dtype))
                mixed = next((t for t in read if t is x or not frozen), None)
            before = before if front else scope.owner
            if made[-1].requires_grad:
                layers.setdefault(scope.owner, []).append(made[-1])
        for t in made:
            function = _function(scope.owner, t, made[-1])
            if function and _age(t) < last and t.ndim > 1:
                units.setdefault((scope.owner, function), []).append(t)
                images = isinstance(before, (nn.Conv1d, nn.Conv2d))
                axes[scope.owner] = 1 if images else -1
    return Sight(
        tuple(
            Part(names[m], m.summary(), tuple(ts), tuple(matrices[m])) for m, ts in layers.items()
        ),
        tuple(
            Part(names[m], function, tuple(ts), axis=axes[m]) for (m, function), ts in units.items()
        ),
        mixed,
    )


def _calls(values: Tensor) -> dict[Scope, list[Tensor]]:
    """What each call computed itself, oldest first."""
    seen: set[Tensor] = set()
    stack = [values]
    while stack:
        t = stack.pop()
        if t not in seen and t.record is not None:
            seen.add(t)
            stack.extend(t.record.inputs)
    calls: dict[Scope, list[Tensor]] = {}
    for t in sorted(seen, key=_age):
        if t.record is not None and t.record.scope is not None:
            calls.setdefault(t.record.scope, []).append(t)
    return calls


def _age(t: Tensor) -> int:
    return -1 if t.record is None else t.record.order


def _matrices(module: Module, weights: Mapping[str, Tensor]) -> list[str]:
    """Names of the trained tensors of two or more axes that are fields of the module itself."""
    fields = {id(v) for v in vars(module).values() if isinstance(v, Tensor)}
    return [n for n, t in weights.items() if id(t) in fields and t.ndim > 1 and t.requires_grad]


def _function(module: Module, t: Tensor, result: Tensor) -> str:
    """The activation that a tensor is the output of, or "".

    What a module of gradus computes on the way to its output is no activation: the gate of a SiLU
    may well be shut.
    """
    for kind, name in _FUNCTIONS.items():
        if isinstance(module, kind):
            return name if t is result else ""
    if type(module).__module__.startswith("gradus.nn.") or t.record is None:
        return ""
    op, inputs = t.record.op.name, t.record.inputs
    if op == "where" and inputs[1].literal and inputs[1].shape == () and inputs[1].item() == 0:
        return "relu"
    return op if op in ("sigmoid", "tanh") else ""
