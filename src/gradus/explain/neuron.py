"""One neuron, written out as on a blackboard: z = x₁·w₁ + x₂·w₂ + … + b, a = f(z)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradus.checks import whole_number
from gradus.errors import ArgumentError, ShapeError
from gradus.explain.symbols import formula, indexed, number
from gradus.modes import no_grad
from gradus.nn import ACTIVATIONS, Linear, Module, Sequential, Softmax
from gradus.tensor import Tensor, tensor
from gradus.types import Array

_TERMS = 8  # products that are written out; of more, the largest


@dataclass(frozen=True, eq=False)
class Neuron:
    """What a neuron computes of one example; ``str`` writes it out.

    Attributes:
        inputs: x, (inputs,).
        weights: w, (inputs,).
        bias: b, or None.
        z: the weighted sum.
        activations: names of the functions that follow.
        a: what comes out of them.
    """

    inputs: Array
    weights: Array
    bias: float | None
    z: float
    activations: tuple[str, ...]
    a: float

    def __str__(self) -> str:
        products = self.inputs.astype(np.float64) * self.weights
        shown = np.sort(np.argsort(-np.abs(products), kind="stable")[:_TERMS])
        names = [f"{indexed('x', i + 1)}·{indexed('w', i + 1)}" for i in shown]
        numbers = [f"{_factor(self.inputs[i])}·{_factor(self.weights[i])}" for i in shown]
        left = len(products) - len(shown)
        if left:
            names.append(f"({left} smaller products)")
            numbers.append(_factor(products.sum() - products[shown].sum()))
        if self.bias is not None:
            names.append("b")
            numbers.append(_factor(self.bias))
        lines = [f"z = {' + '.join(names)}", f"  = {' + '.join(numbers)}", f"  = {number(self.z)}"]
        if self.activations:
            ways = [self._applied(z) for z in self._inner()]
            lines.append(" = ".join(["a", *ways, number(self.a)]))
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _inner(self) -> list[str]:
        """What stands inside the activation: z, and its number where z alone decides."""
        return ["all z"] if "softmax" in self.activations else ["z", number(self.z)]

    def _applied(self, text: str) -> str:
        for name in self.activations:
            text = formula(name, [text])
        return text


def neuron(module: Module, x: Any, output: int = 0) -> Neuron:
    """Write out what one neuron computes: z = Σ xᵢ·wᵢ + b, and a = f(z).

    Args:
        module: ``nn.Linear``, or ``nn.Sequential`` of one and the activations that follow it.
        x: one example, (inputs,) or (1, inputs).
        output: which of the layer's neurons.

    Raises:
        ArgumentError: another module, or a neuron that the layer does not have.
        ShapeError: not one example of so many inputs.

    >>> from gradus import nn
    >>> net = nn.Sequential(nn.Linear(3, 1), nn.Sigmoid())
    >>> net[0].weight, net[0].bias = [[2.0, 3.0, -1.0]], [0.5]
    >>> print(neuron(net, [0.9, 0.2, 0.3]))
    z = x₁·w₁ + x₂·w₂ + x₃·w₃ + b
      = 0.9·2 + 0.2·3 + 0.3·(−1) + 0.5
      = 2.6
    a = σ(z) = σ(2.6) = 0.930862
    """
    layers = list(module) if isinstance(module, Sequential) else [module]
    if not layers or not isinstance(layers[0], Linear) or not _activations(layers[1:]):
        raise ArgumentError(
            "a neuron is a Linear layer, or a Sequential of one and its activations",
            received=type(module).__name__,
            remedy="take the part of the network that holds it, as in net[2:4]",
        )
    linear, output = layers[0], whole_number("output", output, least=0)
    if output >= linear.out_features:
        raise ArgumentError(
            f"the layer's neurons are 0 to {linear.out_features - 1}", received=output
        )
    row = tensor(x, linear.weight.dtype)
    if row.size != linear.in_features or row.shape[:-1] not in ((), (1,)):
        raise ShapeError(f"one example has {linear.in_features} inputs", received=row.shape)
    with no_grad():
        z = linear(row.reshape(1, -1))
        a: Tensor = z
        for layer in layers[1:]:
            a = layer(a)
    return Neuron(
        row.numpy().reshape(-1),
        linear.weight.numpy()[output],
        None if linear.bias is None else float(linear.bias.numpy()[output]),
        float(z.numpy()[0, output]),
        tuple(_called(layer) for layer in layers[1:]),
        float(a.numpy()[0, output]),
    )


def _activations(layers: list[Module]) -> bool:
    return all(type(layer) in ACTIVATIONS.values() for layer in layers)


def _called(layer: Module) -> str:
    """The function's name, or the layer where it has numbers of its own."""
    plain = isinstance(layer, Softmax) or not layer.config()
    return type(layer).__name__.lower() if plain else layer.summary()


def _factor(x: float) -> str:
    text = number(x)
    return f"({text})" if text.startswith("−") else text
