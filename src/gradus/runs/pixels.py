"""Tables whose columns are the pixels of an image: found by their names, drawn as squares."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

import numpy as np

from gradus.types import Array

_LEAST = 3  # fewer rows or columns are a coincidence of names
FOR, AGAINST = "#2f6fde", "#d97706"  # blue and orange: told apart by every kind of eye


def grid(names: Sequence[str]) -> Array | None:
    """Which column stands where in the image, (height, width); None where they are no pixels.

    Pixels have names that differ in two numbers only, which count rows and columns without a gap.

    >>> grid([f"pixel_{r}_{c}" for r in range(3) for c in range(4)]).shape
    (3, 4)
    >>> grid(["alcohol", "ash"])
    """
    parts = [re.fullmatch(r"(\D*)(\d{1,4})(\D+)(\d{1,4})(\D*)", name) for name in names]
    found = [part.groups() for part in parts if part is not None]
    if len(found) < len(names) or len({(a, b, c) for a, _, b, _, c in found}) != 1:
        return None
    at = np.array([(int(r), int(c)) for _, r, _, c, _ in found])
    at -= at.min(axis=0)
    height, width = (int(n) for n in at.max(axis=0) + 1)
    if min(height, width) < _LEAST or height * width != len(names):
        return None
    places = np.full((height, width), -1)
    places[at[:, 0], at[:, 1]] = np.arange(len(names))
    return places if (places >= 0).all() else None


def image(values: Array, description: str) -> str:
    """The image in the ink of the page: the larger a value, the more ink."""
    low, span = values.min(), np.ptp(values)
    shades = (values - low) / span if span else np.zeros_like(values)
    return _squares(shades, np.full(values.shape, "currentColor", dtype=object), description)


def pushes(values: Array, description: str) -> str:
    """What each pixel adds: for in blue, against in orange, the stronger the more."""
    largest = np.abs(values).max()
    shades = np.abs(values) / largest if largest else np.zeros_like(values)
    return _squares(shades, np.where(values > 0, FOR, AGAINST), description)


def _squares(shades: Array, colours: Array, description: str) -> str:
    height, width = shades.shape
    squares = "".join(
        f'<rect x="{c}" y="{r}" width="1" height="1" fill="{colours[r, c]}" '
        f'fill-opacity="{shades[r, c]:.3f}"/>'
        for r, c in np.argwhere(shades >= 0.0005)
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(description)}" '
        f'shape-rendering="crispEdges">{squares}<rect width="{width}" height="{height}" '
        'fill="none" stroke="currentColor" stroke-opacity="0.3" stroke-width="0.06"/></svg>'
    )
