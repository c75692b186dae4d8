"""Explanations as HTML: a fragment with its own style, for notebooks and pages."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from gradus.explain import text
from gradus.explain.way import Way

# Colours are those of the page around it; long rows scroll inside.
_STYLE = """
.gradus-way { overflow-x: auto; font-variant-numeric: tabular-nums; }
.gradus-way table { border-collapse: collapse; margin: 0 0 1em; }
.gradus-way caption { text-align: left; font-weight: 600; padding: .2em .5em; }
.gradus-way td, .gradus-way th {
  padding: .2em .5em; text-align: left; white-space: nowrap; font-weight: normal;
  border-top: 1px solid color-mix(in srgb, currentColor 20%, transparent);
}
.gradus-way td::before { content: "= "; opacity: .6; }
.gradus-way td:last-child { font-weight: 600; }
"""


def of(way: Way) -> str:
    """A table of the steps, and one of the derivatives."""
    tables = "".join(_table(title, rows) for title, rows in text.sections(way))
    return f'<style>{_STYLE}</style><div class="gradus-way">{tables}</div>'


def _table(title: str, rows: Sequence[text.Row]) -> str:
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for name, *cells in rows
    )
    return f"<table><caption>{escape(title)}</caption><tbody>{body}</tbody></table>"
