"""A progress bar in the terminal, and nothing where the output is not a terminal."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from gradus.train.callbacks import Callback, Row

if TYPE_CHECKING:
    from gradus.train.trainer import Trainer

_PERIOD = 0.05  # seconds between two redraws


class Progress(Callback):
    """Show epochs, losses, metrics and the time left with Rich, on standard error.

    Args:
        name: of the training, where it is one of several.
    """

    rows_only = True

    def __init__(self, name: str = "") -> None:
        self.name = name

    def on_fit_begin(self, trainer: Trainer, epochs: int, steps_per_epoch: int) -> None:
        """Start the bar."""
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.table import Column

        self._steps_per_epoch, self._epochs = steps_per_epoch, 0
        # Narrow, so that the numbers of a classification fit into 80 columns beside it; where a
        # line is too long, the bar alone gives way.
        self._bar = Progress(
            TextColumn(f"{self.name} epoch".lstrip()),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            BarColumn(bar_width=10),
            TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[numbers]}"),
            console=Console(stderr=True),
            auto_refresh=False,
        )
        self._task: Any = self._bar.add_task("", total=epochs, numbers="")
        self._bar.start()
        self._drawn = time.monotonic()

    def on_step(self, trainer: Trainer, step: int) -> None:
        """Move the bar, at most twenty times a second."""
        now = time.monotonic()
        if now - self._drawn > _PERIOD:
            self._drawn = now
            self._bar.update(self._task, completed=step // self._steps_per_epoch, refresh=True)

    def on_epoch_end(self, trainer: Trainer, row: Row) -> None:
        """Show the newest numbers."""
        shown = [n for n in trainer.history.metrics if n in row]
        numbers = "  ".join(f"{n} {row[n]:.4g}" for n in shown)
        self._epochs += 1
        self._bar.update(self._task, completed=self._epochs, numbers=numbers, refresh=True)

    def on_fit_end(self, trainer: Trainer) -> None:
        """Leave the last state on the screen."""
        self._bar.refresh()
        self._bar.stop()


def wanted(progress: bool | None) -> bool:
    """Whether to show progress: as told, or (None) where standard error is a terminal."""
    return sys.stderr.isatty() if progress is None else progress
