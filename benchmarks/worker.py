"""The process of one framework: it loads, then answers requests, one line of JSON each.

``python -m benchmarks.worker '{"kind": "training", "peer": …}'``, by way of `client.py`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.process import peak

Answer = dict[str, Any]


def main(job: dict[str, Any]) -> None:
    """Stay on the given cores, load, and serve until standard input ends."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, job["cores"])
    # What frameworks print must not stand between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        server = _SERVERS[job["kind"]](job)
        print("{}", file=answers)
        for line in sys.stdin:
            request = json.loads(line)
            answer = getattr(server, request.pop("do"))(**request)
            print(json.dumps(answer), file=answers)
    except Exception as error:
        said = str(error).strip().splitlines() or [""]
        print(json.dumps({"error": f"{type(error).__name__}: {said[0]}"}), file=answers)


class TrainingServer:
    """Trains a workload."""

    def __init__(self, job: dict[str, Any]) -> None:
        from benchmarks.peers import TRAINING, make
        from benchmarks.task import Task

        task = Task.read(Path(job["path"]), job["workload"], len(job["cores"]))
        self.workload = task.workload
        self.order = self.workload.order(self.workload.steps)
        self.peer = make(TRAINING[job["peer"]], task)

    def first(self) -> Answer:
        """Seconds that the first step takes, with all that is prepared for it."""
        return {"seconds": _seconds(lambda: self.peer.train(self.order[:1]))}

    def check(self, path: str, run: int) -> Answer:
        """Parameters after the steps of a run that is compared, saved."""
        import numpy as np

        steps = self.workload.checked
        self.peer.reset()
        self.peer.replay(self.workload.order((run + 1) * steps)[run * steps :])
        np.savez(path, *self.peer.parameters())
        return {"comparable": self.peer.comparable}

    def warm(self, seconds: float) -> Answer:
        """Warm up, and settle how many steps a call takes."""
        self.peer.reset()
        if not self.peer.many_steps_a_call:
            few = self.order[: self.workload.checked]
            step = _seconds(lambda: self.peer.train(few)) / len(few)
            self.order = self.order[: max(1, int(seconds / step))]
        self._call()
        return {}

    def time(self, seconds: float) -> Answer:
        """Seconds a step, over calls from the initial weights that take so long together."""
        if self.call < seconds / 5:
            self._call()  # into the caches again
        spent, steps = 0.0, 0
        while spent < seconds:
            spent += self._call()
            steps += len(self.order)
        return {"seconds": spent / steps}

    def memory(self) -> Answer:
        """The largest resident size so far, in bytes."""
        return {"bytes": peak()}

    def _call(self) -> float:
        self.peer.reset()
        self.call = _seconds(lambda: self.peer.train(self.order))
        return self.call


class PredictionServer:
    """Predicts with a workload's initial network."""

    def __init__(self, job: dict[str, Any]) -> None:
        from benchmarks.peers import PREDICTION, make
        from benchmarks.task import Task

        task = Task.read(Path(job["path"]), job["workload"], len(job["cores"]))
        self.peer = make(PREDICTION[job["peer"]], task)
        self.X, self.rows = task.X, job["rows"]
        X = task.X[: max(self.rows, 64)]
        # Many different rows in turn, sliced beforehand: slicing is no part of predicting.
        starts = range(0, len(X) - self.rows + 1, self.rows)
        self.inputs = [self.peer.native(X[k : k + self.rows].copy()) for k in starts]

    def check(self, path: str) -> Answer:
        """Outputs for the first rows, saved."""
        import numpy as np

        outputs = [np.asarray(self.peer.predict(x)) for x in self.inputs[:64]]
        np.save(path, np.concatenate(outputs))
        return {"probabilities": getattr(self.peer, "probabilities", False)}

    def warm(self, seconds: float) -> Answer:
        """Warm up."""
        self.time(seconds)
        return {}

    def time(self, seconds: float) -> Answer:
        """Seconds a call, over calls that take so long together."""
        predict, inputs = self.peer.predict, self.inputs
        calls, start = 0, time.perf_counter()
        while (spent := time.perf_counter() - start) < seconds:
            for x in inputs:
                predict(x)
            calls += len(inputs)
        return {"seconds": spent / calls}


class LearningServer:
    """Fits one model to folds of data sets; see `learning/`."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.model = {"kind": job["model"], "settings": job["settings"]}
        self.threads = len(job["cores"])

    def fit(self, **fold: Any) -> Answer:
        """Errors of a fit, and its seconds."""
        from benchmarks.learning.fitting import fit

        return {"row": fit(**fold, **self.model, threads=self.threads)}


def classic_server(job: dict[str, Any]) -> Any:
    """Fits the small network; see `learning/classic.py`."""
    from benchmarks.learning.classic import ClassicServer

    return ClassicServer(job)


class FloorServer:
    """Measures what the machine can do at best; see `floor.py`."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.threads = len(job["cores"])

    def measure(self, sizes: list[int]) -> Answer:
        """The peak of products, and the bandwidth of copies of so many bytes."""
        from benchmarks.floor import bandwidth, peak

        found = [bandwidth(size, self.threads) for size in sizes]
        return {"flops": peak(self.threads), "bandwidth": found}


def _seconds(call: Callable[[], None]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


_SERVERS = {
    "training": TrainingServer,
    "prediction": PredictionServer,
    "floor": FloorServer,
    "learning": LearningServer,
    "classic": classic_server,
}

if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
