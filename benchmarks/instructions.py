"""``python -m benchmarks.instructions``: what the time of a training step goes to.

For each workload: each instruction of a step, its time (the least of some rounds, each instruction
alone, so a little more in all than the step itself) and, for products, the rate.
"""

from __future__ import annotations

import argparse
import os
import time

from benchmarks.machine import cores
from benchmarks.peers.gradus_peer import Training
from benchmarks.task import Task
from benchmarks.workloads import WORKLOADS, Array, Workload
from gradus.compiler.native.instructions import Product

_ROUNDS = {"wide": 3}  # of each instruction; others need more to be rid of chance
_MANY = 50


def report(workload: Workload, threads: int) -> str:
    """A table of a step's instructions."""
    training = Training(Task.make(workload, threads))
    order = workload.order(workload.steps)
    step = min(_step(training, order) for _ in range(10))
    program = training.program(order.shape[1])
    found = program.profile(_ROUNDS.get(workload.name, _MANY))
    lines = [
        f"{workload.name}, {threads} threads: a step {step * 1e6:.2f} µs, "
        f"{len(found)} instructions {sum(found) * 1e6:.2f} µs"
    ]
    for instruction, seconds in zip(program.instructions, found, strict=True):
        rate = ""
        if isinstance(instruction, Product):
            rate = f"{instruction.operations / seconds / 1e9:8.1f} GF/s"
        lines.append(f"{seconds * 1e6:12.2f} µs {rate:13} {instruction.work}")
    return "\n".join(lines)


def _step(training: Training, order: Array) -> float:
    training.reset()
    began = time.perf_counter()
    training.train(order)
    return (time.perf_counter() - began) / len(order)


def main() -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores(options.threads))
    print("\n\n".join(report(WORKLOADS[n], options.threads) for n in options.only))


if __name__ == "__main__":
    main()
