"""Pictures of a run as SVG that stands inside a page: text stays text, colours follow the page."""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from gradus.runs.words import NAMES, label
from gradus.train import History
from gradus.types import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_POINTS = 2000

# The page's own text colour, under a name that matplotlib takes; replaced in the SVG.
_INK = "#010203"
_TRAINING, _HELD = "#d97706", "#2f6fde"  # orange and blue: told apart by every kind of eye
_STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 11,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "grid.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}


def curve(
    history: History, name: str, watched: str, description: str, last: float | None = None
) -> str:
    """A loss or metric over the epochs, in training and on rows beside it where recorded.

    Args:
        history: of the training.
        name: ``loss`` or a metric.
        watched: which rows are those beside it.
        description: of the picture, for those who cannot see it.
        last: value on the training rows with the weights that were kept, where no curve has it.
    """
    from matplotlib import rc_context
    from matplotlib.ticker import MaxNLocator

    with rc_context(_STYLE):
        figure, axes = _canvas(3.1)
        drawn = []
        for column, words, style, colour in (
            (name, "training rows", "-", _TRAINING),
            (f"val_{name}", watched, "--", _HELD),
        ):
            if column in history.metrics:
                values = history[column].astype(float)
                marker = "o" if len(values) < 3 else ""
                axes.plot(
                    history["epoch"], values, style, label=words, color=colour, lw=2, marker=marker
                )
                drawn.append(values)
        if last is not None and name not in history.metrics and drawn:
            kept = history.best_epoch or history["epoch"][-1]
            text = "training rows, " + ("weights kept" if history.best_epoch else "at the end")
            axes.plot([kept], [last], "o", color=_TRAINING, label=text)
            drawn.append(np.array([last]))
        if history.best_epoch is not None:
            axes.axvline(history.best_epoch, color=_INK, ls=":", lw=1, alpha=0.7)
        _scale(axes, name, np.concatenate(drawn) if drawn else np.array([]))
        axes.set_xlabel("epoch (pass over the training rows)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.15)
        axes.legend()
        return _svg(figure, f"curve-{name}", description)


def scatter(truth: Array, predicted: Array, target: str, description: str) -> str:
    """Predicted against actual values, with the diagonal on which they are equal."""
    from matplotlib import rc_context

    with rc_context(_STYLE):
        figure, axes = _canvas(4.2)
        rows = np.linspace(0, len(truth) - 1, min(len(truth), MOST_POINTS)).astype(int)
        x, y = truth[rows], predicted[rows]
        finite = np.isfinite(x) & np.isfinite(y)
        x, y = x[finite], y[finite]
        if len(x):
            ends = [min(x.min(), y.min()), max(x.max(), y.max())]
            axes.plot(ends, ends, color=_INK, lw=1, alpha=0.7, label="predicted = actual")
        axes.plot(x, y, "o", color=_HELD, ms=5, alpha=0.55, mew=0, label="one row")
        axes.set_aspect("equal", "datalim")
        # Names may hold dollar signs, which matplotlib would read as formulas.
        axes.set_xlabel(f"actual {label(target, 24)}", parse_math=False)
        axes.set_ylabel(f"predicted {label(target, 24)}", parse_math=False)
        axes.grid(alpha=0.15)
        axes.legend()
        return _svg(figure, "scatter", description)


def _canvas(height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, height), layout="constrained")
    return figure, figure.add_subplot()


def _scale(axes: Axes, name: str, values: Array) -> None:
    """Label the value axis; many orders of magnitude are seen on a logarithmic one only."""
    finite = values[np.isfinite(values)]
    word = NAMES.get(name, name)
    wide = name == "loss" and finite.size and finite.min() > 0
    if wide and finite.max() / finite.min() > 30:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        word = f"{word} (logarithmic axis)"
    axes.set_ylabel(word)


def _svg(figure: Figure, name: str, description: str) -> str:
    """The figure as an ``<svg>`` element without a header, with names of its own."""
    from html import escape

    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": name}), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that matplotlib's font lacks: the page's has them
        figure.savefig(buffer, format="svg", transparent=True)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = svg.replace(_INK, "currentColor")
    svg = re.sub(r"font-family: [^;]*; ", "", svg)  # the page's font
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    # Scaled by the page: no size of its own but the one in its viewBox.
    head, _, rest = svg.partition(">")
    head = re.sub(r' (width|height)="[^"]*"', "", head)
    return f'{head} role="img" aria-label="{escape(description)}">{rest}'
