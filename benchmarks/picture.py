"""The picture: time of a step as a multiple of gradus's, one line a workload."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.goals import threads
from benchmarks.peers import TRAINING

_MARKS = {  # colours that people with any colour vision tell apart (Okabe and Ito), and shapes
    "gradus fit": ("#000000", "|"),
    "NumPy": ("#56B4E9", "s"),
    "PyTorch eager": ("#D55E00", "^"),
    "PyTorch compiled": ("#E69F00", "v"),
    "scikit-learn": ("#CC79A7", "D"),
    "JAX": ("#009E73", "o"),
}


def draw(results: dict[str, Any], path: Path) -> None:
    """Write the picture."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator

    cells = results["training"]
    with mpl.rc_context({"font.size": 11, "svg.hashsalt": "gradus", "svg.fonttype": "path"}):
        figure = Figure(figsize=(8, 1.6 + 0.4 * len(cells)), layout="constrained")
        axes = figure.add_subplot()
        axes.axvline(1, color="#0072B2", linewidth=2, zorder=1, label="gradus")
        for name in (n for n in TRAINING if n in _MARKS):
            points = [
                (cell["frameworks"][name]["ratio"], place)
                for place, cell in enumerate(cells)
                if name in cell["frameworks"]
            ]
            if points:
                color, mark = _MARKS[name]
                x, y = zip(*points, strict=True)
                edge = color if mark == "|" else "white"
                axes.plot(
                    x, y, mark, color=color, markersize=9, markeredgecolor=edge, label=name,
                    markeredgewidth=2 if mark == "|" else 0.8, zorder=4 if mark == "|" else 3,
                )  # fmt: skip
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}×")
        labels = [f"{cell['workload']}, {threads(cell['threads'])}" for cell in cells]
        axes.set_yticks(range(len(cells)), labels)
        axes.invert_yaxis()
        axes.grid(axis="both", color="#dddddd", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(length=0)
        axes.set_xlabel("time of a training step, gradus = 1 (to the right: slower)")
        figure.legend(loc="outside upper center", ncols=4, frameon=False, columnspacing=1.4)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=100)
