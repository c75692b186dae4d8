"""Prediction, framework beside framework: first the same outputs, then the time of a call."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.client import Worker, WorkerError
from benchmarks.machine import cores
from benchmarks.peers import PREDICTION
from benchmarks.progress import say
from benchmarks.rounds import Effort, interleave, summary
from benchmarks.task import Task
from benchmarks.workloads import WORKLOADS, Array

CASES = (("digits", 1, 1), ("mnist", 1, 1), ("mnist", 10_000, 1), ("mnist", 10_000, 2))
TOLERANCE = 1e-5  # of the largest output: float32 sums of up to 784 terms in another order


def measure(
    name: str, rows: int, threads: int, peers: Sequence[str], effort: Effort, folder: Path
) -> dict[str, Any]:
    """One network for so many rows a call: times, ratios, and what went wrong."""
    path = folder / f"{name}.npz"
    Task.make(WORKLOADS[name]).save(path)
    errors: dict[str, str] = {}
    reference: Array | None = None
    with ExitStack() as stack:
        workers: list[Worker] = []
        for peer in (n for n in PREDICTION if n in peers):
            say(f"prediction of {rows} rows ({name}), {threads} threads: {peer} gets ready")
            job = {"kind": "prediction", "peer": peer, "workload": name, "rows": rows}
            try:
                worker = Worker(peer, cores(threads), {**job, "path": str(path)})
                stack.enter_context(worker)
                outputs, probabilities = _outputs(worker, folder)
                reference = outputs if reference is None else reference
                _agree(outputs, _softmax(reference) if probabilities else reference)
                worker.ask("warm", seconds=effort.seconds)
                workers.append(worker)
            except WorkerError as error:
                errors[peer] = str(error)
                if peer == "gradus":
                    raise
        say(f"prediction of {rows} rows ({name}), {threads} threads: rounds")
        times = interleave(workers, effort)
    return {
        "workload": name,
        "rows": rows,
        "threads": threads,
        "frameworks": summary(times, "gradus"),
        "times": times,
        "errors": errors,
    }


def _outputs(worker: Worker, folder: Path) -> tuple[Array, bool]:
    path = folder / "outputs.npy"
    probabilities = worker.ask("check", path=str(path))["probabilities"]
    return np.load(path), probabilities


def _softmax(scores: Array) -> Array:
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _agree(outputs: Array, reference: Array) -> None:
    difference = float(np.abs(outputs - reference).max() / np.abs(reference).max())
    if not difference <= TOLERANCE:
        raise WorkerError(f"outputs differ by {difference:.1e} of the largest, over {TOLERANCE}")
