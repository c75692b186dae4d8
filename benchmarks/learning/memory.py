"""``python -m benchmarks.learning.memory``: what fitting a large table takes beside the table.

A million rows of 50 columns in float32, one epoch of the small network; each model in a process of
its own, with the table loaded and a small fit done. What counts is the largest resident size while
the model is fitted, less the resident size before.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.client import ROOT
from benchmarks.machine import cores, environment
from benchmarks.process import forget_peak, peak, resident
from benchmarks.tables import table

_MIB = 1 << 20


def gradus_model() -> Any:
    """gradus' small network."""
    from gradus.estimators import MLPClassifier

    return MLPClassifier(preset="classic", max_iter=1, random_state=0, n_threads=len(cores(2)))


def sklearn_model() -> Any:
    """scikit-learn's MLP."""
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(max_iter=1, random_state=0)


def array(X: np.ndarray) -> Any:
    """The array itself."""
    return X


def frame(X: np.ndarray) -> Any:
    """A pandas frame over the array, which it does not copy."""
    import pandas as pd

    return pd.DataFrame(X, columns=[f"x{k}" for k in range(X.shape[1])], copy=False)


CASES: dict[str, tuple[Callable[[], Any], Callable[[np.ndarray], Any]]] = {
    "gradus classic, array": (gradus_model, array),
    "gradus classic, pandas frame": (gradus_model, frame),
    "scikit-learn MLP, array": (sklearn_model, array),
}


def measure(case: str, rows: int, columns: int) -> dict[str, float]:
    """Bytes of the table and bytes beside it, and seconds of the fit, in this process."""
    make, dress = CASES[case]
    rng = np.random.default_rng(0)
    values = rng.standard_normal((rows, columns), np.float32)
    y = (values[:, 0] + values[:, 1] * values[:, 2] > 0).astype(np.int64)
    X = dress(values)
    warnings.simplefilter("ignore")  # of networks that have not converged
    make().fit(X[:200], y[:200])
    forget_peak()
    before, start = resident(), time.perf_counter()
    make().fit(X, y)
    seconds = time.perf_counter() - start
    return {"table": values.nbytes, "extra": peak() - before, "seconds": seconds}  # type: ignore[operator]


def main() -> None:
    """Measure every case in a process of its own, and print them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning.memory")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--case", choices=CASES, help="only this, here, and as JSON")
    options = parser.parse_args()
    if resident() is None:
        parser.error("this system does not tell the resident size of a process")
    if options.case:
        print(json.dumps(measure(options.case, options.rows, options.columns)))
        return
    size = f"{options.rows:,} × {options.columns} float32, {len(cores(2))} threads"
    header = ("one epoch", "table, MiB", "beside it, MiB", "times the table", "seconds")
    found = [(case, _ask(case, options)) for case in CASES]
    lines = [
        (
            case,
            f"{f['table'] / _MIB:.0f}",
            f"{f['extra'] / _MIB:.0f}",
            f"{f['extra'] / f['table']:.2f}",
            f"{f['seconds']:.1f}",
        )
        if isinstance(f, dict)
        else (case, f, "–", "–", "–")
        for case, f in found
    ]
    print(f"{size}\n\n{table(header, lines)}")


def _ask(case: str, options: argparse.Namespace) -> dict[str, float] | str:
    """What a fresh process measures, or the last line of what it says when it fails."""
    size = ["--rows", str(options.rows), "--columns", str(options.columns)]
    command = [sys.executable, "-m", __spec__.name, "--case", case, *size]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(len(cores(2))), capture_output=True, text=True
    )
    if done.returncode:
        return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
