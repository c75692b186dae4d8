"""Pages that open offline: one look, and one way to fill a template, for all of them."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from gradus.runs import words


def page(template: str, **values: Any) -> str:
    """Fill a template, named by its place in the package; every text in it is escaped."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(_source),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "label": words.label,
        "number": words.number,
        "count": words.count,
        "percent": words.percent,
    }
    return environment.get_template(template).render(**values)


def _source(template: str) -> str:
    return files("gradus").joinpath(template).read_text(encoding="utf-8")
