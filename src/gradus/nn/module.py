"""What a module is: a plain class whose tensors are its parameters and its state.

A field that holds a tensor with ``requires_grad`` is a *parameter*; one that holds a tensor
without is a *buffer* (running means, frozen weights). Fields that hold modules, or lists of them,
are children. There is nothing to declare, and no base constructor to call.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from gradus.errors import ArgumentError, ShapeError
from gradus.tensor import Tensor, tensor


class Module:
    """Base of every layer and network: subclass it, set fields, write ``forward``.

    >>> import gradus as gd
    >>> from gradus import nn
    >>> class Scale(nn.Module):
    ...     def __init__(self):
    ...         self.factor = gd.tensor(2.0, requires_grad=True)
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> Scale()(gd.tensor([1.0, 3.0])).tolist()
    [2.0, 6.0]
    """

    training = True

    def forward(self, *inputs: Any) -> Any:
        """Compute the output: each module says its own."""
        raise NotImplementedError(f"{type(self).__name__} has no forward(self, x)")

    def __call__(self, *inputs: Any) -> Any:
        """Compute the output of the module."""
        return self.forward(*inputs)

    # Fields -----------------------------------------------------------------------------------

    def children(self) -> Iterator[tuple[str, Module]]:
        """Modules directly inside this one, with their names."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value
            elif isinstance(value, (list, tuple)):
                for i, item in enumerate(value):
                    if isinstance(item, Module):
                        yield f"{name}.{i}", item

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module ("") and all inside it, with dotted names."""
        yield prefix, self
        for name, child in self.children():
            yield from child.named_modules(f"{prefix}.{name}" if prefix else name)

    def _tensors(self) -> Iterator[tuple[str, Module, str, Tensor]]:
        """Dotted name, owner, field and value of every tensor inside."""
        seen: set[Tensor] = set()
        for prefix, module in self.named_modules():
            for field, value in vars(module).items():
                if isinstance(value, Tensor) and value not in seen:
                    seen.add(value)
                    yield f"{prefix}.{field}" if prefix else field, module, field, value

    def named_parameters(self) -> dict[str, Tensor]:
        """Dotted names and values of the tensors that are trained."""
        return {name: t for name, _, _, t in self._tensors() if t.requires_grad}

    def named_buffers(self) -> dict[str, Tensor]:
        """Dotted names and values of the tensors that are kept but not trained."""
        return {name: t for name, _, _, t in self._tensors() if not t.requires_grad}

    def parameters(self) -> list[Tensor]:
        """The tensors that are trained."""
        return list(self.named_parameters().values())

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a field; new numbers for a tensor go into that tensor, so that its role stays.

        Compiled functions and optimizers that hold the tensor see the new numbers.
        """
        old = vars(self).get(name)
        if not isinstance(old, Tensor):
            object.__setattr__(self, name, value)
            return
        new = value if isinstance(value, Tensor) else tensor(value)
        if new.shape != old.shape:
            raise ShapeError(
                f"{name} of {type(self).__name__} has the shape {old.shape}",
                received=new.shape,
                remedy="build a module of the other size",
            )
        if old.is_symbolic or new.is_symbolic:
            object.__setattr__(self, name, new)
        else:
            old.assign(new)

    @contextmanager
    def bind(self, tensors: Mapping[str, Tensor]) -> Iterator[None]:
        """Put other tensors in the place of the named ones inside the block.

        Inside, ``named_buffers`` shows what a forward has written; afterwards all is as before.
        """
        places = {name: (owner, field, t) for name, owner, field, t in self._tensors()}
        unknown = [name for name in tensors if name not in places]
        if unknown:
            raise ArgumentError(f"the module has {', '.join(places)}", received=unknown)
        try:
            for name, t in tensors.items():
                owner, field, _ = places[name]
                object.__setattr__(owner, field, t)
            yield
        finally:
            for owner, field, t in places.values():
                object.__setattr__(owner, field, t)

    # Modes ------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Module:
        """Switch dropout and batch statistics on (or off), here and inside; returns itself."""
        for _, module in self.named_modules():
            object.__setattr__(module, "training", mode)
        return self

    def eval(self) -> Module:
        """Switch dropout and batch statistics off, here and inside; returns itself."""
        return self.train(False)

    # Plain data -------------------------------------------------------------------------------

    def config(self) -> dict[str, Any]:
        """The constructor's arguments, read from the fields of the same names."""
        names = [n for n in inspect.signature(type(self).__init__).parameters if n != "self"]
        missing = [n for n in names if not hasattr(self, n)]
        if missing:
            raise ArgumentError(
                f"{type(self).__name__} keeps each constructor argument in a field of its name",
                received=f"no field {missing[0]}",
                remedy=f"set self.{missing[0]} in __init__, or override config()",
            )
        return {n: getattr(self, n) for n in names}

    # Showing itself -----------------------------------------------------------------------------

    @property
    def parameter_count(self) -> int:
        """Number of trained numbers."""
        return int(np.sum([t.size for t in self.parameters()], dtype=np.int64))

    def __repr__(self) -> str:
        return "\n".join(self._lines(""))

    def _lines(self, label: str, depth: int = 0) -> list[str]:
        own = {n: v for n, v in vars(self).items() if isinstance(v, Tensor)}
        text = "  " * depth + (f"{label}: " if label else "") + self._summary()
        notes = [f"{n} {v.shape}" for n, v in own.items()]
        if own or depth == 0:
            notes.append(f"{self.parameter_count:,} parameters")
        if notes:
            text += "  # " + ", ".join(notes)
        lines = [text]
        for name, child in self.children():
            lines.extend(child._lines(name, depth + 1))
        return lines

    def _summary(self) -> str:
        """The constructor call that makes this module, without its children."""
        try:
            arguments = self.config()
        except ArgumentError:
            arguments = {}
        shown = [
            f"{n}={v!r}" for n, v in arguments.items() if not isinstance(v, (Module, list, tuple))
        ]
        return f"{type(self).__name__}({', '.join(shown)})"
