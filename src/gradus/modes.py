"""What holds for the operations of a thread: whether they are recorded, in which trace and call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ContextDecorator, contextmanager
from functools import wraps
from typing import Any, TypeVar, cast
from weakref import ref

import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])


class Trace:
    """One run of a function on symbolic tensors; ``closed`` once the run is over."""

    def __init__(self) -> None:
        self.closed = False


class Scope:
    """One call of a module or a function: the operations inside belong together.

    It keeps data, but nothing that was computed: what a graph needs, the graph holds, and a
    detached past may go.

    Args:
        owner: what is called.
        inputs: what it is called with, in any order: tensors among it, and lists of them.
        options: what it is called with by name.
    """

    __slots__ = ("_before", "_inputs", "_options", "_owner")

    def __init__(
        self, owner: Any, inputs: Iterable[Any], options: Mapping[str, Any] | None = None
    ) -> None:
        options = options or {}
        self._owner = ref(owner)
        self._inputs = tuple(_kept((*inputs, *(v for v in options.values() if not _plain(v)))))
        self._options = {k: v for k, v in options.items() if _plain(v)}
        self._before: Scope | None = None

    @property
    def owner(self) -> Any:
        """What was called, or None where it is gone."""
        return self._owner()

    @property
    def inputs(self) -> list[Any]:
        """Tensors, arrays and numbers that it was called with, as far as they are still the same.

        Lists of numbers are arrays here.
        """
        found = [(_there(kept), version) for kept, version in self._inputs]
        return [x for x, version in found if x is not None and getattr(x, "version", 0) == version]

    @property
    def options(self) -> dict[str, Any]:
        """Numbers and words that it was called with by name."""
        return dict(self._options)

    def __enter__(self) -> None:
        self._before, _modes.scope = _modes.scope, self

    def __exit__(self, *_: object) -> None:
        _modes.scope, self._before = self._before, None


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def _kept(values: Iterable[Any]) -> Iterator[tuple[Any, int]]:
    """Inputs with their versions: references to tensors that may go, and numbers."""
    for value in values:
        if hasattr(value, "record"):
            data = value.record is None and not value.requires_grad
            yield (value if data else ref(value)), value.version
        elif isinstance(value, (list, tuple)) and any(map(_holds_tensors, value)):
            yield from _kept(value)
        elif isinstance(value, (list, tuple, np.ndarray, np.generic, int, float)):
            array = _array(value)
            if array is not None:
                yield array, 0


def _holds_tensors(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_holds_tensors, value))
    return hasattr(value, "record")


def _array(value: Any) -> Any:
    """A copy that nobody changes; None of what are not numbers."""
    try:
        array = np.array(value)
    except (ValueError, OverflowError):  # lists of unequal lengths
        return None
    return array if array.dtype.kind in "fiub" else None


def _there(kept: Any) -> Any:
    return kept() if isinstance(kept, ref) else kept


class _Modes(threading.local):
    """What holds for the operations of this thread."""

    recording = True
    trace: Trace | None = None
    scope: Scope | None = None

    def __init__(self) -> None:
        self.before: list[bool] = []  # what held outside the blocks that are open


_modes = _Modes()


class no_grad(ContextDecorator):  # noqa: N801 - the field's name for it
    """Record nothing for differentiation inside the block, or the decorated function.

    >>> import gradus as gd
    >>> x = gd.tensor(2.0, requires_grad=True)
    >>> with gd.no_grad():
    ...     (x * x).requires_grad
    False
    """

    _recording = False

    # What held before is kept by the thread: a decorated function may run in several at once.
    def __enter__(self) -> None:
        _modes.before.append(_modes.recording)
        _modes.recording = self._recording

    def __exit__(self, *_: object) -> None:
        _modes.recording = _modes.before.pop()


class enable_grad(no_grad):  # noqa: N801 - the field's name for it
    """Record inside the block, or the decorated function, even within ``no_grad``."""

    _recording = True


@contextmanager
def tracing() -> Iterator[Trace]:
    """Make every operation of the block symbolic, part of one new trace."""
    before, trace = _modes.trace, Trace()
    _modes.trace = trace
    try:
        yield trace
    finally:
        trace.closed = True
        _modes.trace = before


def is_recording() -> bool:
    """Whether operations of this thread are recorded for differentiation."""
    return _modes.recording


def scoped(function: Function) -> Function:
    """The function, each call of which is a scope of its own."""

    @wraps(function)
    def call(*inputs: Any, **options: Any) -> Any:
        with Scope(call, inputs, options):
            return function(*inputs, **options)

    return cast(Function, call)


def current_scope() -> Scope | None:
    """The innermost call that operations of this thread belong to, if there is one."""
    return _modes.scope


def current_trace() -> Trace | None:
    """The trace that operations of this thread belong to, if there is one."""
    return _modes.trace
