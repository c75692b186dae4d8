"""What comes before the work: importing, and the first step, each in fresh processes.

``python -m benchmarks.startup`` (``make import-time``) measures the import alone.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.client import Worker, WorkerError
from benchmarks.machine import cores, environment
from benchmarks.progress import say
from benchmarks.task import Task
from benchmarks.workloads import Workload

# Not wide, of which a single step takes longer than all that is asked here.
FIRST_STEPS = ("tiny", "digits", "lecture", "mnist")
_TRAINS = ("gradus fit", "PyTorch eager", "JAX")
_IMPORTS = {
    "NumPy": "import numpy",
    "gradus": "import gradus",
    "ONNX Runtime": "import onnxruntime",
    "JAX": "import jax",
    "scikit-learn": "import sklearn.neural_network",
    "PyTorch eager": "import torch",
}


def imports(peers: Sequence[str], rounds: int) -> dict[str, float]:
    """Median seconds of each import, the interpreter's own start taken off."""
    codes = {"": "pass", **{n: c for n, c in _IMPORTS.items() if n in ("NumPy", *peers)}}
    times: dict[str, list[float]] = {name: [] for name in codes}
    for done in range(-1, rounds):  # the first to fill the file cache, not counted
        for name, code in codes.items():
            say(f"import: {name or 'the interpreter'}")
            seconds = _interpreter(code)
            if seconds is not None and done >= 0:
                times[name].append(seconds)
    start = statistics.median(times.pop(""))
    return {name: statistics.median(t) - start for name, t in times.items() if t}


def first_steps(
    workload: Workload, peers: Sequence[str], repeats: int, folder: Path
) -> dict[str, float]:
    """Median seconds from the call that trains to its first step done, one batch of rows."""
    path = folder / f"{workload.name}.npz"
    Task.make(workload).save(path)
    job = {"kind": "training", "workload": workload.name, "path": str(path)}
    found = {}
    for name in (n for n in _TRAINS if n in peers):
        say(f"first step of {workload.name}: {name}")
        times = []
        for _ in range(repeats):
            try:
                with Worker(name, cores(1), {**job, "peer": name}) as worker:
                    times.append(worker.ask("first")["seconds"])
            except WorkerError:
                break  # the training's tables say why
        if times:
            found[name] = statistics.median(times)
    return found


def main() -> None:
    """What ``import gradus`` costs beside ``import numpy``."""
    times = imports(["gradus"], rounds=15)
    for name, seconds in times.items():
        print(f"import {name.lower():8} {seconds * 1e3:6.1f} ms")
    print(f"gradus / NumPy  {times['gradus'] / times['NumPy']:6.2f}")


def _interpreter(code: str) -> float | None:
    """Seconds of a fresh interpreter that runs the code; None where it fails."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], env=environment(1), capture_output=True)
    return time.perf_counter() - start if done.returncode == 0 else None


if __name__ == "__main__":
    main()
