"""``python -m benchmarks.learning.classic``: the small network's fit beside scikit-learn's.

Both have one hidden layer of 100, Adam at 0.001, batches of 200, 50 epochs and no early stop, on
digits: in float64, in float32, and as they come: on rows of float64, which gradus learns from in
float32 unless it is told otherwise. First both start from the same weights and take the rows in the
same order, and must come to the same log-loss; then they are timed in turn, each in a process of
its own, with their own weights and orders.
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any

import numpy as np
from sklearn.metrics import log_loss

from benchmarks.client import Worker
from benchmarks.goals import threads
from benchmarks.machine import Others, cores, description
from benchmarks.progress import say
from benchmarks.rounds import Effort, interleave, summary
from benchmarks.tables import table

EPOCHS = 50
CHECKED = (1, 10, EPOCHS)
# Largest relative difference of the log-loss. Sums in another order differ by rounding, which the
# steps of Adam, divided by small gradients, enlarge from epoch to epoch; and in float32 the
# log-loss takes a probability below 1e-7 for 1e-7.
TOLERANCE = {"float64": 1e-6, "float32": 1e-3, "auto": 1e-3}
_NAMES = {"float64": "float64", "float32": "float32", "auto": "as it comes"}
MODELS = ("gradus classic", "scikit-learn MLP")


def data(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Digits, standardised; gradus standardises once more, which changes nothing."""
    dtype = "float64" if dtype == "auto" else dtype
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    deviation = X.std(axis=0)
    return ((X - X.mean(axis=0)) / np.where(deviation == 0, 1, deviation)).astype(dtype), y


def make(model: str, dtype: str, **options: Any) -> Any:
    """An estimator with the settings that both have."""
    same = {"learning_rate_init": 1e-3, "batch_size": 200, "max_iter": EPOCHS, "random_state": 0}
    if model == "gradus classic":
        from gradus.estimators import MLPClassifier

        own = {"preset": "classic", "n_iter_no_change": np.inf, "dtype": dtype}
        return MLPClassifier((100,), n_threads=len(cores(2)), **{**same, **own, **options})
    from sklearn.neural_network import MLPClassifier

    own = {"n_iter_no_change": EPOCHS + 1}
    return MLPClassifier((100,), **{**same, **own, **options})


def losses(dtype: str) -> list[tuple[int, float, float]]:
    """Log-loss of both on the training rows after so many epochs from the same weights."""
    X, y = data(dtype)
    start = make("scikit-learn MLP", dtype, max_iter=1).fit(X, y)
    found = []
    for epochs in CHECKED:
        made = []
        for model in MODELS:
            one = make(model, dtype, max_iter=1, shuffle=False, warm_start=True).fit(X, y)
            _place(one, start.coefs_, start.intercepts_)
            one.set_params(max_iter=epochs).fit(X, y)
            made.append(float(log_loss(y, one.predict_proba(X))))
        found.append((epochs, made[0], made[1]))
    return found


class ClassicServer:
    """One of the two in a process of its own; see `benchmarks.worker`."""

    def __init__(self, job: dict[str, Any]) -> None:
        warnings.simplefilter("ignore")  # of networks that have not converged
        self.model, self.dtype = job["model"], job["dtype"]
        self.X, self.y = data(self.dtype)
        self.time(0.0)  # what is loaded and compiled once

    def time(self, seconds: float) -> dict[str, float]:
        """Seconds a fit, over fits that take so long together, and one at least."""
        spent, fits = 0.0, 0
        while fits == 0 or spent < seconds:
            model = make(self.model, self.dtype)
            start = time.perf_counter()
            model.fit(self.X, self.y)
            spent += time.perf_counter() - start
            fits += 1
        return {"seconds": spent / fits}


def main() -> None:
    """Compare the losses, then the times."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning.classic")
    parser.add_argument("--rounds", type=int, default=10, help="rounds of two passes")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of networks that have not converged
    machine, rows = description(), []
    for dtype, tolerance in TOLERANCE.items():
        say(f"{dtype}: the same losses")
        for epochs, ours, theirs in losses(dtype):
            print(f"{dtype}: log-loss after {epochs} epochs {ours:.9f}, scikit-learn {theirs:.9f}")
            if not abs(ours - theirs) <= tolerance * theirs:
                raise SystemExit(f"{dtype}: the losses differ by more than {tolerance:g}")
        rows += _timed(dtype, Effort(options.rounds, seconds=0.3, budget=120.0))
    say("")
    header = ("one fit", "median, s", "beside gradus", "quartiles", "others' cores")
    print(f"\n{machine['processor']}, {threads(len(cores(2)))}, {machine['date']}\n")
    print(table(header, rows))


def _timed(dtype: str, effort: Effort) -> list[tuple[str, ...]]:
    """A line a model."""
    say(f"{dtype}: the times")
    workers, others = [], Others()
    try:
        for model in MODELS:
            job = {"kind": "classic", "model": model, "dtype": dtype}
            workers.append(Worker(model, cores(2), job))
        found = summary(interleave(workers, effort), MODELS[0])
    finally:
        for worker in workers:
            worker.close()
    busy = others.share()
    return [
        (
            f"{model}, {_NAMES[dtype]}",
            f"{f['seconds']:.3f}",
            f"{f['ratio']:.2f}×",
            f"{f['low']:.2f}–{f['high']:.2f}",
            "–" if busy is None else f"{busy:.2f}",
        )
        for model, f in found.items()
    ]


def _place(model: Any, weights: list[np.ndarray], biases: list[np.ndarray]) -> None:
    """Give a fitted network these weights, (inputs, units) each, and these biases."""
    if not hasattr(model, "network_"):
        model.coefs_ = [w.copy() for w in weights]
        model.intercepts_ = [b.copy() for b in biases]
        return
    layers = [m for m in model.network_ if hasattr(m, "weight")]
    for layer, weight, bias in zip(layers, weights, biases, strict=True):
        layer.weight, layer.bias = weight.T, bias


if __name__ == "__main__":
    main()
