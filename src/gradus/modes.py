"""What holds for the operations of a thread: whether they are recorded, in which trace and call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ContextDecorator, contextmanager
from functools import wraps
from typing import Any, TypeVar, cast
from weakref import ref

Function = TypeVar("Function", bound=Callable[..., Any])


class Trace:
    """One run of a function on symbolic tensors; ``closed`` once the run is over."""

    def __init__(self) -> None:
        self.closed = False


class Scope:
    """One call of a module or a function: the operations inside belong together.

    It keeps nothing alive: what a graph needs, the graph holds, and a detached past may go.

    Args:
        owner: what is called.
        inputs: what it is called with, in any order: tensors among it, and lists of them.
    """

    __slots__ = ("_before", "_inputs", "_owner")

    def __init__(self, owner: Any, inputs: Iterable[Any]) -> None:
        self._owner = ref(owner)
        self._inputs = tuple(_tensors(inputs))
        self._before: Scope | None = None

    @property
    def owner(self) -> Any:
        """What was called, or None where it is gone."""
        return self._owner()

    @property
    def inputs(self) -> list[Any]:
        """The tensors that it was called with, as far as they are still there."""
        return [t for r in self._inputs if (t := r()) is not None]

    def __enter__(self) -> None:
        self._before, _modes.scope = _modes.scope, self

    def __exit__(self, *_: object) -> None:
        _modes.scope, self._before = self._before, None


def _tensors(values: Iterable[Any]) -> Iterator[ref[Any]]:
    for value in values:
        if hasattr(value, "record"):
            yield ref(value)
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)


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
        with Scope(call, (*inputs, *options.values())):
            return function(*inputs, **options)

    return cast(Function, call)


def current_scope() -> Scope | None:
    """The innermost call that operations of this thread belong to, if there is one."""
    return _modes.scope


def current_trace() -> Trace | None:
    """The trace that operations of this thread belong to, if there is one."""
    return _modes.trace
