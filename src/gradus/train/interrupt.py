"""Ending on a signal without losing work: the first one asks, the second one ends at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Any


class StopSignals:
    """Catch signals inside the block; ``received`` holds the first.

    Blocks nest: an inner one leaves the signals to the outer. Outside the main thread, and where
    the program has its own handler, nothing is caught.

    >>> with StopSignals() as signals:
    ...     bool(signals.received)
    False
    """

    _active: StopSignals | None = None

    def __init__(self, numbers: Sequence[signal.Signals] = (signal.SIGINT,)) -> None:
        self.numbers = numbers
        self.received: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopSignals:
        if StopSignals._active is not None:
            return StopSignals._active
        if threading.current_thread() is threading.main_thread():
            defaults = (signal.SIG_DFL, signal.default_int_handler)
            for number in self.numbers:
                if signal.getsignal(number) in defaults:
                    self._before[number] = signal.signal(number, self._note)
            StopSignals._active = self
        return self

    def __exit__(self, *_: object) -> None:
        if StopSignals._active is self:
            self._restore()
            StopSignals._active = None

    def _note(self, number: int, _: FrameType | None) -> None:
        self.received = signal.Signals(number)
        self._restore()

    def _restore(self) -> None:
        while self._before:
            number, handler = self._before.popitem()
            signal.signal(number, handler)
