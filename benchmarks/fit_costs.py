"""What ``Trainer.fit`` costs beside its steps: time to the first one, memory from epoch to epoch.

python -m benchmarks.fit_costs
"""

from __future__ import annotations

import json
import time
from typing import Any

from benchmarks.peers.gradus_peer import trainer
from benchmarks.process import resident
from benchmarks.task import Task
from benchmarks.workloads import WORKLOADS
from gradus.train import Callback, Trainer

EPOCHS = 200


class _FirstStep(Callback):
    """When training was first seen to have done a step: the native loop tells every 20 ms or so."""

    def __init__(self) -> None:
        self.at: float | None = None

    def on_step(self, trainer: Trainer, step: int) -> None:
        if step and self.at is None:
            self.at = time.perf_counter()


class _Memory(Callback):
    """Resident bytes after each epoch."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        self.sizes.append(resident() or 0)


def first_step() -> float | None:
    """Seconds from calling ``fit`` with all rows of mnist until a step is known to be done."""
    task = Task.make(WORKLOADS["mnist"])
    made, seen = trainer(task), _FirstStep()
    start = time.perf_counter()
    made.fit(task.X, task.y, epochs=1, batch_size=128, callbacks=[seen], progress=False)
    return None if seen.at is None else seen.at - start


def growth() -> int | None:
    """Bytes that the process grows by between the first epoch of digits and the last."""
    if resident() is None:
        return None
    task, memory = Task.make(WORKLOADS["digits"]), _Memory()
    fit = trainer(task).fit
    fit(task.X, task.y, epochs=EPOCHS, batch_size=32, callbacks=[memory], progress=False)
    return memory.sizes[-1] - memory.sizes[0]


if __name__ == "__main__":
    print(json.dumps({"first_step": first_step(), "growth": growth(), "epochs": EPOCHS}))
