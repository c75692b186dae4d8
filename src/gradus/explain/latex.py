"""Explanations in LaTeX: an ``align*`` environment for the steps, and one for the derivatives."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gradus.explain.symbols import Notation, plain_name, untex
from gradus.explain.text import Row, sections
from gradus.explain.way import Way

_POWER = re.compile(r"(\d+(?:\.\d+)?)e([-+]?)0*(\d+)")
_WORD = re.compile(r"\b(nan|True|u?int\d+|float\d+)\b")
_DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


def of(way: Way) -> str:
    """Steps, then derivatives; the number signs stand below each other."""
    return "\n".join(_aligned(rows) for _, rows in sections(way, LATEX))


def _aligned(rows: Sequence[Row]) -> str:
    lines = " \\\\\n".join(f"  {first} &= " + " && = ".join(rest) for first, *rest in rows)
    return f"\\begin{{align*}}\n{lines}\n\\end{{align*}}"


def name(text: str) -> str:
    r"""A name: one letter and its index as a variable, others upright; what is no word in quotes.

    >>> name("u₁₂"), name("w"), name("weight₁"), name("learning rate")
    ('u_{12}', 'w', '\\mathrm{weight}_{1}', "\\text{``learning rate''}")
    """
    if not plain_name(text):
        return rf"\text{{``{untex(text)}''}}"
    stem = text.rstrip("₀₁₂₃₄₅₆₇₈₉")
    index = text[len(stem) :].translate(_DIGITS)
    plain = untex(stem)
    variable = plain if len(plain) == 1 else rf"\mathrm{{{plain}}}"
    return variable + (f"_{{{index}}}" if index else "")


def value(text: str) -> str:
    """A number, or an array, as ``written`` gives it.

    >>> value("−4"), value("1e−07"), value("[1, −2]")
    ('-4', '10^{-7}', '[1, -2]')
    """
    text = _POWER.sub(_power, untex(text).replace("−", "-"))
    text = re.sub(r"\binf\b", r"\\infty", _WORD.sub(r"\\mathrm{\1}", text))
    for sign, tex in {"⟨": r"\langle ", "⟩": r" \rangle", "×": r" \times ", "…": r"\dots"}.items():
        text = text.replace(sign, tex)
    return text


def _power(found: re.Match[str]) -> str:
    digits, sign, exponent = found.groups()
    power = f"10^{{{sign.strip('+')}{exponent}}}"
    return power if digits == "1" else rf"{digits} \cdot {power}"


LATEX = Notation(
    column=1,
    name=name,
    value=value,
    tight={r" \cdot ": r" \, "},
    call=r"\operatorname{{{f:tex}}}({a})",
    slope=r"\frac{{\partial {y}}}{{\partial {x}}}",
    known=r"\underbrace{{{value}}}_{{{formula}}}",
    total=r"\textstyle\sum {a}",
    through=r"{g} \text{{ through }} {y}",
    times=r" \cdot ",
)
