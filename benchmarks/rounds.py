"""Rounds: workers are timed in turn, forwards and then backwards, and compared within each pass.

What disturbs the machine for longer than a pass disturbs everyone, and the ratios of a pass hold.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.client import Worker


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes:
        rounds: rounds of two passes.
        seconds: that each worker is timed in a pass.
        budget: seconds after which no further round begins.
    """

    rounds: int = 10
    seconds: float = 0.1
    budget: float = 40.0


def interleave(workers: Sequence[Worker], effort: Effort) -> dict[str, list[float]]:
    """Seconds a step of each worker, one number a pass."""
    times: dict[str, list[float]] = {worker.name: [] for worker in workers}
    start = time.perf_counter()
    for done in range(effort.rounds):
        if done and time.perf_counter() - start > effort.budget:
            break
        for worker in (*workers, *reversed(workers)):
            times[worker.name].append(worker.ask("time", seconds=effort.seconds)["seconds"])
    return times


def summary(times: dict[str, list[float]], reference: str) -> dict[str, dict[str, float]]:
    """Median time, and median and quartiles of the ratio to the reference, pass by pass."""
    found = {}
    for name, own in times.items():
        ratios = [t / r for t, r in zip(own, times[reference], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        found[name] = {
            "seconds": statistics.median(own),
            "ratio": middle,
            "low": low,
            "high": high,
        }
    return found
