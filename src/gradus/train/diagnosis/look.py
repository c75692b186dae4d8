"""Looking at a network while it sees some rows: what each layer gives, and what flows back.

The forward and backward pass of a training step are traced once more, with the outputs of layers
and the derivatives with respect to them as results; the network's own weights are not touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradus import losses, random
from gradus.autodiff import grad
from gradus.compiler import Program, ReferenceExecutor, trace
from gradus.errors import ArgumentError
from gradus.nn.module import Module, in_mode
from gradus.tensor import Tensor
from gradus.train.diagnosis.evidence import Layer, Look, Units
from gradus.train.diagnosis.sight import Sight, sight
from gradus.train.examples import Examples
from gradus.train.step import Loss, Named
from gradus.types import Array, is_float

# An output this close to a bound has a derivative of 4 % of the largest: σ′ = 0.01 of 0.25,
# tanh′ = 0.04 of 1.
_SIGMOID_EDGE, _TANH_EDGE = 0.01, 0.02
_MOST_ROWS = 0.9  # a unit is saturated that is so on more than this share of the rows


@dataclass(frozen=True)
class Looker:
    """Shows what any weights of a network make of some rows.

    Attributes:
        program: forward and backward pass.
        captured: what it reads beside weights and rows.
        layers: name, constructor call, names of the weights and number of calls of each.
        units: name, function, number of calls of each hidden activation, and axis of its units.
    """

    program: Program
    captured: Mapping[str, Array]
    layers: tuple[tuple[str, str, tuple[str, ...], int], ...]
    units: tuple[tuple[str, str, int, int], ...]

    def run(self, weights: Mapping[str, Array], rows: Examples) -> dict[str, Array]:
        """All results for the rows with these weights."""
        given = {"x": rows.x, "y": rows.y, **{f"weights.{n}": a for n, a in weights.items()}}
        given |= self.captured
        return self.program.run({n: given[n] for n in self.program.graph.inputs})

    def look(self, weights: Mapping[str, Array], rows: Examples) -> Look:
        """What the rows show with these weights."""
        found = self.run(weights, rows)

        def results(kind: str, k: int, calls: int) -> list[Array]:
            return [found[f"{kind}.{k}.{call}"].astype(np.float64) for call in range(calls)]

        with np.errstate(all="ignore"):
            layers = [
                Layer(name, what, _signal(results("flow", k, calls)))
                for k, (name, what, _, calls) in enumerate(self.layers)
            ]
            units = [
                _units(name, function, results("units", k, calls), axis)
                for k, (name, function, calls, axis) in enumerate(self.units)
            ]
            return Look(
                mean_loss(found, rows),
                _signal([found["pull"].astype(np.float64)]),
                tuple(layers),
                tuple(units),
                _answers(found["prediction"], rows.y),
            )


def looker(network: Module, loss: Loss, tensors: Mapping[str, Tensor], rows: Examples) -> Looker:
    """Trace what there is to see; the caller holds the lock ``untraced``."""
    seen: list[Sight] = []

    def see(weights: Named, x: Tensor, y: Tensor) -> dict[str, Any]:
        with network.bind(weights), random.use_stream(random.Stream(0)):
            prediction = network(x)
            values = loss(prediction, y)
            parts = sight(network, weights, x, values)
        seen.append(parts)
        if not prediction.requires_grad:
            raise ArgumentError("a diagnosis looks at what is trained", received="nothing that is")
        outputs = [t for part in parts.layers for t in part.outputs]
        pull, *found = grad(losses.sum(values), [prediction, *outputs], allow_unused=True)
        flow = iter(found)
        return {
            "values": values,
            "prediction": prediction,
            "pull": pull,
            "flow": [[next(flow) for _ in part.outputs] for part in parts.layers],
            "units": [part.outputs for part in parts.units],
            **({} if parts.mixed is None else {"mixed": parts.mixed}),
        }

    with in_mode(network, training=True):
        traced = trace(see, weights=dict(tensors), x=rows.x, y=rows.y)
    [parts] = seen
    return Looker(
        ReferenceExecutor().prepare(traced.graph),
        {n: t.numpy() for n, t in traced.captured.items()},
        tuple((p.name, p.what, p.weights, len(p.outputs)) for p in parts.layers),
        tuple((p.name, p.what, len(p.outputs), p.axis) for p in parts.units),
    )


def mean_loss(found: Mapping[str, Array], rows: Examples) -> float:
    """Mean loss of the rows, each counted with its weight."""
    return float(np.average(found["values"].astype(np.float64), weights=rows.weight))


def _signal(flows: list[Array]) -> float:
    """Root mean square over the rows of the norm of what flows back to a layer's output."""
    squares = sum(np.sum(f * f) for f in flows)
    return float(np.sqrt(squares / len(flows[0])))


def _units(name: str, function: str, outputs: list[Array], axis: int) -> Units:
    """Units of an activation, which lie along this axis."""
    seen = np.concatenate([np.moveaxis(a, axis, -1).reshape(-1, a.shape[axis]) for a in outputs])
    if function == "relu":
        return Units(name, function, seen.shape[1], int((seen == 0).all(axis=0).sum()), 0)
    low, edge = (0, _SIGMOID_EDGE) if function == "sigmoid" else (-1, _TANH_EDGE)
    outside = ((seen < low + edge) | (seen > 1 - edge)).mean(axis=0)
    return Units(name, function, seen.shape[1], 0, int((outside > _MOST_ROWS).sum()))


def _answers(prediction: Array, y: Array) -> tuple[float, ...]:
    """For classes, the share of the rows that each is the answer for."""
    if prediction.ndim == 2 and prediction.shape[1] > 1 and not is_float(y.dtype):
        counts = np.bincount(prediction.argmax(axis=1), minlength=prediction.shape[1])
        return tuple(float(n) / len(prediction) for n in counts)
    if prediction[0].size == 1 and np.all((y == 0) | (y == 1)):
        probable = np.all((prediction >= 0) & (prediction <= 1))
        yes = float((prediction > (0.5 if probable else 0)).mean())
        return 1 - yes, yes
    return ()
