"""Training, framework beside framework: first the same parameters, then the time of a step."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import floor
from benchmarks.client import Worker, WorkerError
from benchmarks.machine import cores
from benchmarks.peers import TRAINING
from benchmarks.progress import say
from benchmarks.rounds import Effort, interleave, summary
from benchmarks.task import Task
from benchmarks.workloads import Array, Workload

# Of the changes of each array, in the Euclidean norm. Rounding comes to 10⁻⁵ and less.
TOLERANCE = 1e-3
# A ReLU whose input lies within rounding of 0 falls to either side, and Adam then moves all weights
# below it by a share of their change. That spoils a run now and then; an error spoils each.
RUNS = 5
COMPILING = 60.0  # seconds that a framework may take to its first steps


def measure(
    workload: Workload, threads: int, peers: Sequence[str], effort: Effort, folder: Path
) -> dict[str, Any]:
    """One workload on so many threads: times, ratios and memory, and what went wrong."""
    path = folder / f"{workload.name}.npz"
    task = Task.make(workload)
    task.save(path)
    errors: dict[str, str] = {}
    differences: dict[str, float | None] = {}
    reference: list[list[Array]] = []
    with ExitStack() as stack:
        workers: list[Worker] = []
        for name in (n for n in TRAINING if n in peers):
            say(f"{workload.name}, {threads} threads: {name} gets ready")
            try:
                worker = stack.enter_context(_start(name, workload, threads, path))
                comparable, found = _parameters(worker, folder)
                reference = reference or found
                differences[name] = None
                if comparable:
                    runs = zip(found, reference, strict=True)
                    difference = float(np.median([_difference(p, r, task) for p, r in runs]))
                    differences[name] = difference
                    _agree(difference)
                worker.ask("warm", seconds=effort.seconds)
                workers.append(worker)
            except WorkerError as error:
                errors[name] = str(error)
                if name == "gradus":
                    raise
        say(f"{workload.name}, {threads} threads: rounds")
        times = interleave(workers, effort)
        memory = {w.name: w.ask("memory")["bytes"] for w in workers}
    return {
        "workload": workload.name,
        "threads": threads,
        "frameworks": summary(times, "gradus"),
        "times": times,
        "differences": differences,
        "memory": memory,
        "errors": errors,
    }


def floors(workloads: Sequence[Workload], threads: int) -> dict[str, Any]:
    """Peak, bandwidth and, by workload, the seconds of the floor."""
    say(f"floor, {threads} threads")
    sizes = [floor.footprint(w) for w in workloads]
    with Worker("floor", cores(threads), {"kind": "floor"}) as worker:
        rates = worker.ask("measure", sizes=sizes)
    seconds = {
        w.name: floor.flops(w) / rates["flops"] + floor.traffic(w) / rate
        for w, rate in zip(workloads, rates["bandwidth"], strict=True)
    }
    return {"threads": threads, **rates, "seconds": seconds}


def _start(name: str, workload: Workload, threads: int, path: Path) -> Worker:
    job = {"kind": "training", "peer": name, "workload": workload.name, "path": str(path)}
    return Worker(name, cores(threads), job)


def _parameters(worker: Worker, folder: Path) -> tuple[bool, list[list[Array]]]:
    """Whether the framework's arithmetic is the workload's, and its parameters after each run."""
    path, runs = folder / "parameters.npz", []
    for run in range(RUNS):
        answer = worker.ask("check", path=str(path), run=run, timeout=COMPILING)
        with np.load(path) as file:
            runs.append(list(file.values()))
    return answer["comparable"], runs


def _difference(parameters: list[Array], reference: list[Array], task: Task) -> float:
    """How far the worst array is from the reference, as a share of its way from the beginning."""
    arrays = zip(parameters, reference, task.parameters, strict=True)
    return max(float(np.linalg.norm(p - r) / np.linalg.norm(r - s)) for p, r, s in arrays)


def _agree(difference: float) -> None:
    if not difference <= TOLERANCE:
        raise WorkerError(
            f"parameters differ by {difference:.1e} of their change, over {TOLERANCE}"
        )
