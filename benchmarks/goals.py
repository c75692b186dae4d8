"""The goals, and whether the figures of a run meet them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

_MIB = 1 << 20

# How many times as fast as the best of the others, by workload and threads.
_BEST = {
    ("tiny", 1): 10.0,
    ("digits", 1): 3.0,
    ("lecture", 1): 1.3,
    ("lecture", 2): 1.8,
    ("mnist", 1): 1.15,
    ("mnist", 2): 1.4,
    ("wide", 1): 1.05,
    ("wide", 2): 1.1,
}
_EAGER = {
    ("tiny", 1): 250.0,
    ("digits", 1): 20.0,
    ("lecture", 2): 3.0,
    ("mnist", 2): 2.5,
    ("wide", 2): 2.0,
}
_OWN = ("gradus", "gradus fit")


@dataclass(frozen=True)
class Goal:
    """A goal, what was found, and whether that meets it."""

    what: str
    goal: str
    found: str
    met: bool


def goals(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Every goal that the results say something about."""
    found = [*_training(results), *_prediction(results), *_startup(results), *_memory(results)]
    return [asdict(goal) for goal in found]


def best_peer(cell: dict[str, Any]) -> str | None:
    """The fastest of the others in a table's cell."""
    ratios = {n: f["ratio"] for n, f in cell["frameworks"].items() if n not in _OWN}
    return min(ratios, key=ratios.__getitem__, default=None)


def _training(results: dict[str, Any]) -> list[Goal]:
    found = []
    for cell in results["training"]:
        key = (cell["workload"], cell["threads"])
        where = f"{key[0]}, {threads(key[1])}"
        best = best_peer(cell)
        if key in _BEST and best:
            found.append(
                _faster(f"{where}: a step beside the best ({best})", cell, best, _BEST[key])
            )
        if key in _EAGER and "PyTorch eager" in cell["frameworks"]:
            what = f"{where}: a step beside PyTorch eager"
            found.append(_faster(what, cell, "PyTorch eager", _EAGER[key]))
    return found


def _prediction(results: dict[str, Any]) -> list[Goal]:
    found = []
    for cell in results["prediction"]:
        name = f"predicting {count(cell['rows'])}, {cell['workload']}, {threads(cell['threads'])}"
        best = best_peer(cell)
        if cell["rows"] == 1 and "ONNX Runtime" in cell["frameworks"]:
            found.append(_faster(f"{name}: beside ONNX Runtime", cell, "ONNX Runtime", 1.5))
        elif cell["rows"] > 1 and best:
            found.append(_faster(f"{name}: beside the best ({best})", cell, best, 1.1))
    return found


def _startup(results: dict[str, Any]) -> list[Goal]:
    found = []
    times = results["imports"]
    if {"gradus", "NumPy"} <= times.keys():
        ratio = times["gradus"] / times["NumPy"]
        found.append(Goal("import gradus", "≤ 2 × NumPy's", f"{ratio:.2f} ×", ratio <= 2))
    firsts = [t["gradus fit"] for t in results["first_steps"].values() if "gradus fit" in t]
    if firsts:
        worst = max(firsts)
        what = "first step of a fit on one batch of rows, worst workload but wide"
        found.append(Goal(what, "≤ 50 ms", f"{worst * 1e3:.0f} ms", worst <= 0.05))
    whole = results["fit"]["first_step"]
    if whole is not None:
        what = "first step of a fit on all rows of mnist (known to within 20 ms)"
        found.append(Goal(what, "≤ 50 ms", f"{whole * 1e3:.0f} ms", whole <= 0.05))
    return found


def _memory(results: dict[str, Any]) -> list[Goal]:
    growth = results["fit"]["growth"]
    if growth is None:
        return []
    what = f"memory between epochs 1 and {results['fit']['epochs']}"
    return [Goal(what, "≤ 1 MiB", f"{growth / _MIB:.2f} MiB", growth <= _MIB)]


def _faster(what: str, cell: dict[str, Any], peer: str, goal: float) -> Goal:
    ratio = cell["frameworks"][peer]["ratio"]
    return Goal(what, f"≥ {goal:g} ×", f"{ratio:.3g} ×", ratio >= goal)


def threads(number: int) -> str:
    """The number in words: ``1 thread``, ``2 threads``."""
    return f"{number} thread{'s' * (number > 1)}"


def count(rows: int) -> str:
    """The number in words: ``1 row``, ``10,000 rows``."""
    return f"{rows:,} row{'s' * (rows > 1)}"
