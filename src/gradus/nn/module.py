"""What a module is: a plain class whose tensors are its parameters and its state.

A field that holds a tensor with ``requires_grad`` is a *parameter*; one that holds a tensor
without is a *buffer* (running means, frozen weights). Fields that hold modules, or lists of them,
are children. There is nothing to declare, and no base constructor to call. A tensor that stands in
several fields is one parameter, under the first of its names.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from gradus.errors import ArgumentError, ShapeError
from gradus.modes import Scope
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

    # ``nn/file.py`` knows every kind of module, so it stands above this file and installs its
    # ``save`` here.
    saver: ClassVar[Callable[[Module, str | Path], None] | None] = None

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Compute the output: each module says its own."""
        raise NotImplementedError(f"{type(self).__name__} has no forward(self, x)")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Compute the output of the module; arrays and lists of numbers become tensors."""
        given = tuple(map(_as_input, inputs))
        with Scope(self, given, options):
            return self.forward(*given, **options)

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

    def _places(self) -> dict[Tensor, list[tuple[str, Module, str]]]:
        """Every tensor inside, and each place it stands in: dotted name, owner, field."""
        places: dict[Tensor, list[tuple[str, Module, str]]] = {}
        for prefix, module in self.named_modules():
            for field, value in vars(module).items():
                if isinstance(value, Tensor):
                    name = f"{prefix}.{field}" if prefix else field
                    places.setdefault(value, []).append((name, module, field))
        return places

    def named_parameters(self) -> dict[str, Tensor]:
        """Dotted names and values of the tensors that are trained."""
        return {found[0][0]: t for t, found in self._places().items() if t.requires_grad}

    def named_buffers(self) -> dict[str, Tensor]:
        """Dotted names and values of the tensors that are kept but not trained."""
        return {found[0][0]: t for t, found in self._places().items() if not t.requires_grad}

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
        if value is None:
            raise ArgumentError(
                "a tensor cannot be taken out of a module",
                received=f"{name} = None for {type(self).__name__}",
                remedy="build the module without it, as in nn.Linear(2, 1, bias=False)",
            )
        new = value if isinstance(value, Tensor) else tensor(value)
        if new.shape != old.shape:
            raise ShapeError(
                f"{name} of {type(self).__name__} has the shape {old.shape}",
                received=new.shape,
                remedy="build a module of the other size",
            )
        if old.is_symbolic or new.is_symbolic:
            new = new.astype(old.dtype)
            frozen = new.requires_grad and not old.requires_grad
            object.__setattr__(self, name, new.detach() if frozen else new)
        else:
            old.assign(new)

    @contextmanager
    def bind(self, tensors: Mapping[str, Tensor]) -> Iterator[None]:
        """Put other tensors in the place of the named ones inside the block.

        Inside, ``named_buffers`` shows what a forward has written; afterwards all is as before.
        """
        before = self._places()
        places = {found[0][0]: found for found in before.values()}
        unknown = [name for name in tensors if name not in places]
        if unknown:
            raise ArgumentError(f"the module has {', '.join(places)}", received=unknown)
        try:
            for name, t in tensors.items():
                for _, owner, field in places[name]:
                    object.__setattr__(owner, field, t)
            yield
        finally:
            for t, found in before.items():
                for _, owner, field in found:
                    object.__setattr__(owner, field, t)

    # Modes ------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Switch dropout and batch statistics on (or off), here and inside; returns itself."""
        for _, module in self.named_modules():
            object.__setattr__(module, "training", mode)
        return self

    def eval(self) -> Self:
        """Switch dropout and batch statistics off, here and inside; returns itself."""
        return self.train(False)

    # Plain data -------------------------------------------------------------------------------

    def config(self) -> dict[str, Any]:
        """The constructor's arguments, read from the fields of the same names."""
        names = list(self._arguments())
        missing = [n for n in names if not hasattr(self, n)]
        if missing:
            raise ArgumentError(
                f"{type(self).__name__} keeps each constructor argument in a field of its name",
                received=f"no field {missing[0]}",
                remedy=f"set self.{missing[0]} in __init__, or override config()",
            )
        return {n: getattr(self, n) for n in names}

    @classmethod
    def _arguments(cls) -> dict[str, inspect.Parameter]:
        """The constructor's parameters, by name."""
        if cls.__init__ is object.__init__:
            return {}
        parameters = inspect.signature(cls.__init__).parameters
        return {n: p for n, p in parameters.items() if n != "self"}

    def save(self, path: str | Path) -> None:
        """Write architecture and weights to one ``.safetensors`` file; ``gradus.load`` reads it.

        Raises:
            ArgumentError: a module that cannot be described as plain data.
            FileError: the folder cannot be written.
        """
        assert Module.saver is not None, "import gradus.nn before saving"
        Module.saver(self, path)

    # Showing itself -----------------------------------------------------------------------------

    @property
    def parameter_count(self) -> int:
        """Number of trained numbers."""
        return int(np.sum([t.size for t in self.parameters()], dtype=np.int64))

    def __repr__(self) -> str:
        rows = list(self._rows())
        width = max(len(text) for text, note in rows if note or len(rows) == 1)
        return "\n".join(f"{text:{width}}  # {note}" if note else text for text, note in rows)

    def _rows(self, label: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
        """What stands left and right of the # for this module and those inside it."""
        children = list(self.children())
        notes = [f"{n} {t.shape}" for n, t in vars(self).items() if isinstance(t, Tensor)]
        if notes or children:
            count = self.parameter_count
            notes.append(f"{count:,} parameter{'' if count == 1 else 's'}")
        yield "  " * depth + label + self.summary(), ", ".join(notes)
        for name, child in children:
            yield from child._rows(f"{name}: ", depth + 1)

    def summary(self) -> str:
        """The constructor call that makes this module, without its children.

        Arguments after the first stand there where they differ from their default.

        >>> from gradus import nn
        >>> nn.Linear(64, 10, bias=False).summary()
        'Linear(64 → 10, bias=False)'
        """
        try:
            arguments = self.config()
        except ArgumentError:  # a module of the user's own, that shall not be saved
            arguments = {}
        shown = []
        for ends in (("in_features", "out_features"), ("in_channels", "out_channels")):
            if arguments.keys() >= set(ends):
                shown.append(" → ".join(str(arguments.pop(end)) for end in ends))
        signature = self._arguments()
        first = next(iter(signature), None)
        for name, value in arguments.items():
            if _is_plain(value) and (name == first or value != signature[name].default):
                shown.append(f"{name}={value!r}")
        childless = next(self.children(), None) is None
        return type(self).__name__ + (f"({', '.join(shown)})" if shown or childless else "")


def _as_input(x: Any) -> Any:
    """Tensor of an array or of nested lists of numbers; anything else as it is."""
    if isinstance(x, Tensor):
        return x
    leaf = x
    while isinstance(leaf, list) and leaf:
        leaf = leaf[0]
    numbers = isinstance(x, (list, str)) and not isinstance(leaf, Tensor)  # text: tensor refuses it
    return tensor(x) if numbers or hasattr(x, "__array__") else x


def _is_plain(value: Any) -> bool:
    """Whether a value is no module or tensor, and holds none."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(map(_is_plain, value))
    return not isinstance(value, (Module, Tensor))
