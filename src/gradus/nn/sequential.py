"""Layers one after another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, overload

from gradus.errors import ArgumentError, GradusError
from gradus.nn.module import Module


class Sequential(Module):
    """Layers applied in order: y = fₖ(… f₁(x)).

    Parameters are named by the place of their layer, "0.weight", as in PyTorch.

    Args:
        layers: modules; none at all makes the identity.

    Raises:
        ArgumentError: something that is not a module.

    >>> from gradus import nn
    >>> net = Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 10))
    >>> net
    Sequential             # 7,510 parameters
      0: Linear(64 → 100)  # weight (100, 64), bias (100,), 6,500 parameters
      1: ReLU()
      2: Linear(100 → 10)  # weight (10, 100), bias (10,), 1,010 parameters
    >>> len(net), net[-1].out_features, list(net[:2].named_parameters())
    (3, 10, ['0.weight', '0.bias'])
    """

    def __init__(self, *layers: Module) -> None:
        for i, layer in enumerate(layers):
            if not isinstance(layer, Module):
                raise ArgumentError(
                    f"layer {i} of a Sequential is a module",
                    received=f"{type(layer).__name__} {layer!r}"[:100],
                    remedy="write Sequential(*layers) for a list, nn.ReLU() for the class nn.ReLU, "
                    "and a Module with a forward for a function",
                )
        self.layers = layers

    def children(self) -> Iterator[tuple[str, Module]]:
        """The layers, named "0", "1", …"""
        return ((str(i), layer) for i, layer in enumerate(self.layers))

    def forward(self, x: Any) -> Any:
        """Apply the layers in order."""
        for layer in self.layers:
            try:
                x = layer(x)
            except (AttributeError, TypeError, ValueError) as error:
                if isinstance(error, GradusError) or not isinstance(x, tuple):
                    raise
                raise ArgumentError(
                    f"{layer.summary()} takes what the layer before it gives",
                    received=f"a tuple of {len(x)}",
                    remedy="behind a recurrent layer, put nn.LastStep() or nn.EveryStep()",
                ) from error
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)

    @overload
    def __getitem__(self, place: int) -> Module: ...
    @overload
    def __getitem__(self, place: slice) -> Sequential: ...
    def __getitem__(self, place: int | slice) -> Module:
        """A layer; or for a slice the part of the network, with the same layers, not copies."""
        if isinstance(place, slice):
            return Sequential(*self.layers[place])
        if not -len(self) <= place < len(self):
            raise ArgumentError(
                f"a network of {len(self)} layers has the places 0 to {len(self) - 1}",
                received=place,
            )
        return self.layers[place]
