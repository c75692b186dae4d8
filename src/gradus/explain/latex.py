"""Explanations in LaTeX: an ``align*`` environment for the steps, and one for the derivatives."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gradus.explain.symbols import derivative, formula, written
from gradus.explain.way import Gradient, Share, Step, Way

# As in ``symbols``; braces of LaTeX stand twice.
_FORMULAS = {
    "add": "{a} + {B}",
    "subtract": "{a} - {B}",
    "multiply": r"{A} \cdot {B}",
    "divide": r"\frac{{{a}}}{{{b}}}",
    "negative": "-{A}",
    "square": "{A}^{{2}}",
    "power": "{A}^{{{b}}}",
    "matmul": r"{A} \, {B}",
    "sigmoid": r"\sigma({a})",
    "sqrt": r"\sqrt{{{a}}}",
    "abs": "|{a}|",
    "exp": "e^{{{a}}}",
    "less": "{a} < {b}",
    "less_equal": r"{a} \le {b}",
    "greater": "{a} > {b}",
    "greater_equal": r"{a} \ge {b}",
    "equal": "{a} = {b}",
    "not_equal": r"{a} \ne {b}",
}
_DERIVATIVES = {
    "add": ("1", "1"),
    "subtract": ("1", "-1"),
    "multiply": ("{b}", "{a}"),
    "divide": (r"\frac{{1}}{{{b}}}", r"-\frac{{{a}}}{{{B}^{{2}}}}"),
    "negative": ("-1",),
    "square": ("2 {A}",),
    "power": (r"{B} \, {A}^{{{b} - 1}}", r"{Y} \log({a})"),
    "exp": ("{y}",),
    "expm1": ("{y} + 1",),
    "log": (r"\frac{{1}}{{{a}}}",),
    "log1p": (r"\frac{{1}}{{1 + {a}}}",),
    "sqrt": (r"\frac{{1}}{{2 {Y}}}",),
    "tanh": ("1 - {Y}^{{2}}",),
    "sigmoid": ("{Y} (1 - {y})",),
    "abs": (r"\operatorname{{sign}}({a})",),
    "sin": (r"\cos({a})",),
    "cos": (r"-\sin({a})",),
}
_SPECIAL = re.compile(r"([#$%&_{}])")
_NUMBER = re.compile(r"−?\d+(\.\d+)?(e[−+]?\d+)?")
_POWER = re.compile(r"(\d+(?:\.\d+)?)e([-+]?)0*(\d+)")
_DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


def of(way: Way) -> str:
    """Steps, then derivatives; the number signs stand below each other."""
    steps = [_step(s) for s in way.forward]
    derivatives = [_derivative(name(way.name), g) for g in way.backward]
    return "\n".join(_aligned(rows) for rows in (steps, derivatives) if rows)


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    lines = " \\\\\n".join(f"  {first} &= " + " && = ".join(rest) for first, *rest in rows)
    return f"\\begin{{align*}}\n{lines}\n\\end{{align*}}"


def _step(step: Step) -> list[str]:
    return [
        name(step.name),
        _formula(step.op, [name(n) for n in step.operands]),
        _formula(step.op, [value(written(a)) for a in step.given]),
        value(written(step.value)),
    ]


def _formula(op: str, operands: Sequence[str]) -> str:
    if op in _FORMULAS:
        return formula(op, operands, _FORMULAS)
    return rf"\operatorname{{{_plain(op)}}}({', '.join(operands)})"


def _derivative(output: str, g: Gradient) -> list[str]:
    ways = (
        rf"{_slope(output, name(s.step.name))} {_slope(name(s.step.name), name(g.name))}"
        for s in g.shares
    )
    products = " + ".join(p if p[0] != "-" else f"({p})" for p in map(_product, g.shares))
    return [_slope(output, name(g.name)), " + ".join(ways), products, value(written(g.value))]


def _product(share: Share) -> str:
    if share.local is None:
        return value(written(share.outgoing))
    local = value(written(share.local))
    step = share.step
    operands = [name(n) for n in step.operands]
    rule = derivative(step.op, share.position, operands, name(step.name), _DERIVATIVES)
    if rule in ("1", "-1"):
        local = rule
    elif rule not in ("", local):
        local = rf"\underbrace{{{local}}}_{{{rule}}}"
    elif local.startswith("-"):
        local = f"({local})"
    summed = r"\textstyle\sum " if share.outgoing.shape != share.incoming.shape else ""
    incoming = value(written(share.incoming))
    return rf"{summed}{incoming} \cdot " + (f"({local})" if local == "-1" else local)


def _slope(of: str, by: str) -> str:
    return rf"\frac{{\partial {of}}}{{\partial {by}}}"


def name(text: str) -> str:
    r"""A name: one letter and its index as a variable, others upright; numbers stay numbers.

    >>> name("u₁₂"), name("w"), name("weight₁"), name("2")
    ('u_{12}', 'w', '\\mathrm{weight}_{1}', '2')
    """
    if _NUMBER.fullmatch(text) or text[:1] in ("[", "⟨"):
        return value(text)
    stem = text.rstrip("₀₁₂₃₄₅₆₇₈₉")
    index = text[len(stem) :].translate(_DIGITS)
    plain = _plain(stem)
    variable = plain if len(plain) == 1 else rf"\mathrm{{{plain}}}"
    return variable + (f"_{{{index}}}" if index else "")


def value(text: str) -> str:
    """A number, or an array, as ``written`` gives it.

    >>> value("−4"), value("1e−07"), value("[1, −2]")
    ('-4', '10^{-7}', '[1, -2]')
    """
    text = _POWER.sub(_power, _plain(text).replace("−", "-"))
    text = re.sub(r"\binf\b", r"\\infty", re.sub(r"\bnan\b", r"\\mathrm{nan}", text))
    for sign, tex in {"⟨": r"\langle ", "⟩": r" \rangle", "×": r" \times ", "…": r"\dots"}.items():
        text = text.replace(sign, tex)
    return text


def _plain(text: str) -> str:
    """Text without commands."""
    for sign in "\\^~":  # they have no plain form in formulas
        text = text.replace(sign, " ")
    return _SPECIAL.sub(r"\\\1", text).replace("→", r"\to ")


def _power(found: re.Match[str]) -> str:
    digits, sign, exponent = found.groups()
    power = f"10^{{{sign.strip('+')}{exponent}}}"
    return power if digits == "1" else rf"{digits} \cdot {power}"
