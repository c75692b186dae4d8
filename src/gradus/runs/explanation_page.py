"""The page of an explanation: prediction, pushes, inputs, drawing and arithmetic of one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradus.data.features import BooleanFeature, DateFeature, Feature, NumericFeature
from gradus.explain import arithmetic, draw
from gradus.runs import explanation_words, pixels, words
from gradus.runs.explanation import Explanation, most_columns
from gradus.runs.page import page
from gradus.tensor import tensor
from gradus.types import Array

_MOST_COLUMNS = 15  # more than these are folded away
_MOST_CLASSES = 12


@dataclass(frozen=True)
class Bar:
    """A number as a bar that begins at 0: its text, and where it stands, in per cent."""

    text: str
    side: str
    left: float
    width: float


def explanation_page(found: Explanation, source: str, grain: str = "layer") -> str:
    """The page as HTML without links to anything outside it; every text in it is escaped.

    Args:
        found: what it shows.
        source: name of the table that the row is from.
        grain: of drawing and arithmetic, ``"layer"`` or ``"operation"``.
    """
    model = found.model
    x = tensor(found.encoded[None], requires_grad=True)
    score = model.score(x, found.label)
    return page(
        "runs/explanation.html.jinja",
        found=found,
        source=source,
        target=words.label(model.target_name, 80),
        prediction=explanation_words.prediction(found),
        subject=explanation_words.subject(found),
        difference=explanation_words.difference(found),
        sums=explanation_words.sums(found),
        classes=_classes(found),
        pushes=_pushes(found),
        zero=_zero(_attributed(found)),
        most_columns=_MOST_COLUMNS,
        most_inputs=most_columns(model),
        kinds={feature.kind for feature in model.inputs.features},
        centre=_centre(model.inputs.features),
        inputs=_inputs(found),
        pictures=_pictures(found),
        drawing=draw(score, grain=grain, x=x, s=score).svg,
        arithmetic=arithmetic(score, grain=grain, x=x, s=score).html(),
        grain=grain,
    )


def _attributed(found: Explanation) -> list[Array]:
    return [a.values for a in (found.shapley, found.gradient) if a is not None]


def _pushes(found: Explanation) -> list[dict[str, Any]]:
    """Columns by the size of their push, with a bar for each way to attribute it."""
    shown = _attributed(found)
    texts = [words.signed(values) for values in shown]
    low, high = _ends(shown)
    features = found.model.inputs.features
    return [
        {
            "column": features[k].column,
            "value": words.cell(found.cells[features[k].column]),
            "average": _average(features[k]),
            "bars": [
                _bar(text[k], values[k], low, high)
                for text, values in zip(texts, shown, strict=True)
            ],
        }
        for k in found.order
    ]


def _ends(values: Sequence[Array]) -> tuple[float, float]:
    """The ends of an axis that has room for all values, and for 0."""
    low, high = (float(f([f(v) for v in values])) for f in (np.min, np.max))
    low, high = min(low, 0.0), max(high, 0.0)
    return (low, high) if low < high else (-1.0, 1.0)


def _zero(values: Sequence[Array]) -> float:
    low, high = _ends(values)
    return round(-100 * low / (high - low), 2)


def _bar(text: str, value: float, low: float, high: float) -> Bar:
    span = high - low
    left, right = (100 * (end - low) / span for end in (min(value, 0), max(value, 0)))
    return Bar(text, "for" if value > 0 else "against", round(left, 2), round(right - left, 2))


def _classes(found: Explanation) -> dict[str, Any]:
    """The most probable classes, and how many others there are with what they have together."""
    names, p = found.model.target.classes, np.array(found.probabilities)
    order = np.argsort(-p, kind="stable")
    shown = [int(k) for k in order[:_MOST_CLASSES]]
    if names and found.label not in shown:
        shown[-1] = found.label
    rest = [k for k in range(len(names)) if k not in shown]
    return {
        "shown": [
            {
                "name": names[k],
                "probability": words.chance(p[k]),
                "width": round(100 * float(p[k]), 2),
                "explained": k == found.label,
                "actual": found.actual is not None and names[k] == found.actual,
            }
            for k in shown
        ],
        "others": len(rest),
        "together": words.chance(p[rest].sum()) if rest else "",
    }


def _average(feature: Feature) -> str:
    """What stands in the average row, which is encoded as zeros."""
    if isinstance(feature, NumericFeature):
        return words.number(feature.scale.centre)
    if isinstance(feature, DateFeature):
        return str(np.datetime64(round(feature.scale.centre), "D"))
    return "in between" if isinstance(feature, BooleanFeature) else "none of those known"


def _centre(features: Sequence[Feature]) -> str:
    """What the 0 of a scaled number or date stands for."""
    kinds = {f.scale.kind for f in features if isinstance(f, NumericFeature | DateFeature)}
    return {"robust": "median", "none": "0"}.get(min(kinds, default=""), "mean")


def _inputs(found: Explanation) -> list[dict[str, Any]]:
    """Each column: its kind, what stands in the row, and how the network is given it."""
    inputs = found.model.inputs
    return [
        {
            "column": feature.column,
            "kind": "categorical, by its number" if feature.kind == "coded" else feature.kind,
            "value": words.cell(found.cells[feature.column]),
            "encoded": _encoded(feature, found.encoded[list(place)]),
        }
        for feature, place in zip(inputs.features, inputs.places.values(), strict=True)
    ]


def _encoded(feature: Feature, values: Array) -> list[tuple[str, str]]:
    """Names and numbers of a column's features that are not 0; of a single one, the number."""
    if len(values) == 1:
        return [("", words.number(float(values[0])))]
    named = zip(feature.names, values, strict=True)
    shown = [(words.label(n), words.number(float(v))) for n, v in named if v != 0]
    if len(shown) < len(values):
        left = len(values) - len(shown)
        shown.append((words.count(left, "other input") if shown else f"all {left} inputs", "0"))
    return shown


def _pictures(found: Explanation) -> list[tuple[str, str]]:
    """Image and pushes as pictures with captions, where the columns are pixels."""
    features = found.model.inputs.features
    places = pixels.grid([feature.column for feature in features])
    values = [found.cells[feature.column] for feature in features]
    if places is None or not all(isinstance(v, int | float) for v in values):
        return []
    size = f"{places.shape[0]} × {places.shape[1]} pixels"
    way = "Shapley values" if found.shapley else "Gradient × input"
    return [
        (
            pixels.image(np.array(values, np.float64)[places], f"The row as an image of {size}."),
            f"The row as an image of {size}; the larger the number, the stronger.",
        ),
        (
            pixels.pushes(found.best.values[places], f"{way} of each of the {size}."),
            f"{way} of each pixel: blue is for, orange against, the stronger the more.",
        ),
    ]
