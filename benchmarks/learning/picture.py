"""The picture: error and time of each model on each set, one line a set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.learning.judgement import SHIFT
from benchmarks.learning.results import Results, Spread, figures, spread

# Colours that people with any colour vision tell apart (Okabe and Ito), and shapes; gradus filled.
_MARKS = {
    "classic": ("#56B4E9", "o"),
    "default": ("#0072B2", "o"),
    "strong": ("#009E73", "^"),
    "ensemble": ("#D55E00", "D"),
    "linear": ("#000000", "|"),
    "network": ("#CC79A7", "s"),
    "forest": ("#777777", "v"),
    "boosting": ("#E69F00", "P"),
}
_OURS = ("classic", "default", "strong", "ensemble")


def draw(results: Results, path: Path) -> None:
    """Write the picture; errors are shown as multiples of those of `default`, or of the MLP."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    sets = results["sets"]
    known = [
        m for m in results["models"] if any(spread(figures(c, m, "error")) for c in sets.values())
    ]
    reference = next(m for m in ("default", "network", *known) if m in known)
    with mpl.rc_context({"font.size": 11, "svg.hashsalt": "gradus", "svg.fonttype": "path"}):
        figure = Figure(figsize=(11, 1.9 + 0.6 * len(sets)), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
        for turn, model in enumerate(known):
            height = 0.08 * (turn - (len(known) - 1) / 2)  # so that no mark hides another
            color, mark = _MARKS.get(model, ("#777777", "o"))
            style: dict[str, Any] = {
                "color": color,
                "marker": mark,
                "linestyle": "none",
                "markersize": 8 if mark == "|" else 7,
                "markeredgecolor": color if mark == "|" or model not in _OURS else "white",
                "markerfacecolor": color if model in _OURS else "white",
                "markeredgewidth": 2 if mark == "|" else 1.4 if model not in _OURS else 0.8,
                "zorder": 4 if model == "default" else 3,
            }
            errors = _points(results, model, reference, height)
            x, width, y = zip(*errors, strict=True) if errors else ((), (), ())
            left.errorbar(x, y, xerr=width, elinewidth=1, ecolor=color, **style)
            times = [
                (found.mean, place + height)
                for place, cell in enumerate(sets.values())
                if (found := spread(figures(cell, model, "seconds")))
            ]
            x, y = zip(*times, strict=True) if times else ((), ())
            right.plot(x, y, label=results["models"][model]["title"], **style)
        left.axvline(1, color="#999999", linewidth=1, zorder=1)
        title = results["models"][reference]["title"]
        left.set_xlabel(f"error, {title} = 1 (to the right: worse)")
        right.set_xlabel("seconds of a fit")
        _axes(left, right, list(sets))
        figure.legend(loc="outside upper center", ncols=4, frameon=False, columnspacing=1.6)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=100)


def _points(
    results: Results, model: str, reference: str, height: float
) -> list[tuple[float, float, float]]:
    """Error and standard error over the reference's error, both shifted, and the set's place."""
    found = []
    for place, cell in enumerate(results["sets"].values()):
        own = spread(figures(cell, model, "error"))
        base = spread(figures(cell, reference, "error"))
        if own and base:
            found.append((*_over(own, base.mean), place + height))
    return found


def _over(own: Spread, base: float) -> tuple[float, float]:
    width = own.error if own.error > 0 else 0.0  # one fit has no spread
    return (own.mean + SHIFT) / (base + SHIFT), width / (base + SHIFT)


def _axes(left: Any, right: Any, names: list[str]) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    for axes, steps in ((left, (1, 1.2, 1.5, 2, 3, 5, 7)), (right, (1,))):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=steps))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.grid(axis="both", color="#dddddd", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(length=0)
    left.set_yticks(range(len(names)), names)
    left.invert_yaxis()
