"""The arguments of a function to minimise: one tensor, several, or the parameters of a module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradus.errors import ArgumentError
from gradus.nn import Module
from gradus.tensor import Tensor, tensor
from gradus.train.checks import check_network
from gradus.types import Array, float32, is_float

Named = dict[str, Array]


class Arguments:
    """A point in the form a person writes it, and as tensors under names.

    A number, an array or a list of numbers is one argument; a tuple holds several by position, a
    dictionary several by name; of a module the parameters count.

    Args:
        start: the point. Integers become float32.

    Attributes:
        tensors: its tensors by name, each asking for gradients: ``x`` of a single one, ``0``, ``1``
            and so on of several.

    Raises:
        ArgumentError: no numbers at all, or one that is not finite.
        DtypeError, ShapeError: what ``gd.tensor`` refuses.

    >>> point = Arguments((1.0, [2.0, 3.0]))
    >>> list(point.tensors), point.call(lambda x, y: (x * y).tolist(), point.tensors)
    (['0', '1'], [2.0, 3.0])
    """

    def __init__(self, start: Any) -> None:
        self.start = start
        if isinstance(start, Module):
            check_network(start)
            self.tensors = start.named_parameters()
        elif isinstance(start, tuple):
            self.tensors = {str(i): _floating(x) for i, x in enumerate(start)}
        elif isinstance(start, dict):
            self.tensors = {str(name): _floating(x) for name, x in start.items()}
        else:
            self.tensors = {"x": _floating(start)}
        if not sum(t.size for t in self.tensors.values()):
            raise ArgumentError(
                "there is at least one number to change", received=repr(start)[:100]
            )
        for name, t in self.tensors.items():
            if not np.isfinite(t.numpy()).all():
                raise ArgumentError(
                    "a minimisation starts at finite numbers", received=f"{name} = {t!r}"[:100]
                )

    @property
    def size(self) -> int:
        """Number of numbers."""
        return sum(t.size for t in self.tensors.values())

    @property
    def arrays(self) -> Named:
        """The point as arrays."""
        return {n: t.numpy() for n, t in self.tensors.items()}

    def call(self, function: Callable[..., Any], tensors: Mapping[str, Tensor]) -> Any:
        """The function's value at other tensors of these names."""
        if isinstance(self.start, Module):
            buffers = self.start.named_buffers()
            with self.start.bind({**tensors, **buffers}):
                value = function(self.start)
                written = [n for n, t in self.start.named_buffers().items() if t is not buffers[n]]
            if written:
                raise ArgumentError(
                    "a minimisation changes the parameters of a module and nothing else",
                    received=f"a function that changes {', '.join(written)}",
                    remedy="call .eval() on the module first, or train it with gd.Trainer",
                )
            return value
        if isinstance(self.start, tuple):
            return function(*tensors.values())
        if isinstance(self.start, dict):
            return function(**tensors)
        return function(tensors["x"])

    def form(self, arrays: Mapping[str, Array]) -> Any:
        """A point as tensors in the form of the start; of a module a dictionary."""
        return self._formed({n: tensor(arrays[n]) for n in self.tensors})

    def stacked(self, arrays: Named) -> Any:
        """Points, (points, …), in the form of the start."""
        return self._formed(arrays)

    def settle(self, arrays: Mapping[str, Array]) -> Any:
        """The point that was found, in the form of the start; a module takes it up."""
        if not isinstance(self.start, Module):
            return self.form(arrays)
        for name, t in self.tensors.items():
            t.assign(arrays[name])
        return self.start

    def _formed(self, named: dict[str, Any]) -> Any:
        if isinstance(self.start, tuple):
            items = list(named.values())
            made = type(self.start)
            return made(*items) if hasattr(made, "_fields") else tuple(items)
        return named if isinstance(self.start, (dict, Module)) else named["x"]

    # As one vector, which is what searches and SciPy walk in ------------------------------------

    def flat(self, arrays: Mapping[str, Array]) -> Array:
        """All numbers of a point in a row, float64."""
        return np.concatenate([np.asarray(arrays[n], np.float64).reshape(-1) for n in self.tensors])

    def split(self, flat: Array) -> Named:
        """Points (…, n) as arrays (…, *shape) of the arguments' own dtypes."""
        found, at = {}, 0
        for name, t in self.tensors.items():
            part = flat[..., at : at + t.size].reshape((*flat.shape[:-1], *t.shape))
            with np.errstate(over="ignore"):
                found[name] = part.astype(t.dtype)
            at += t.size
        return found


def _floating(value: Any) -> Tensor:
    made = tensor(value)
    return (made if is_float(made.dtype) else made.astype(float32).detach()).requires_grad_()
