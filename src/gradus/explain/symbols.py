"""How operations are written: the formula of a value, and of its local derivatives."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from gradus.types import Array

_EXPONENT = re.compile(r"\de[−+]?\d")
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SHOWN = 8  # elements of an array that are written out

# With a, b for the operands and y for the value. A capital letter stands in parentheses where the
# operand begins with a sign or has several parts.
_FORMULAS = {
    "add": "{a} + {B}",
    "subtract": "{a} − {B}",
    "multiply": "{a} · {B}",
    "divide": "{a} / {B}",
    "negative": "−{A}",
    "square": "{A}²",
    "power": "{A}^{B}",
    "matmul": "{a} @ {B}",
    "sigmoid": "σ({a})",
    "sqrt": "√{A}",
    "abs": "|{a}|",
    "less": "{a} < {b}",
    "less_equal": "{a} ≤ {b}",
    "greater": "{a} > {b}",
    "greater_equal": "{a} ≥ {b}",
    "equal": "{a} = {b}",
    "not_equal": "{a} ≠ {b}",
}
# One for each operand that has a derivative.
_DERIVATIVES = {
    "add": ("1", "1"),
    "subtract": ("1", "−1"),
    "multiply": ("{b}", "{a}"),
    "divide": ("1/{B}", "−{A}/{B}²"),
    "negative": ("−1",),
    "square": ("2·{A}",),
    "power": ("{B}·{A}^({b} − 1)", "{Y}·log({a})"),
    "exp": ("{y}",),
    "expm1": ("{y} + 1",),
    "log": ("1/{A}",),
    "log1p": ("1/(1 + {a})",),
    "sqrt": ("1/(2·{Y})",),
    "tanh": ("1 − {Y}²",),
    "sigmoid": ("{Y}·(1 − {y})",),
    "abs": ("sign({a})",),
    "sin": ("cos({a})",),
    "cos": ("−sin({a})",),
}


def formula(op: str, operands: Sequence[str], templates: Mapping[str, str] = _FORMULAS) -> str:
    """An operation on operands that are written so, by templates for the operations.

    >>> formula("multiply", ["u₁", "w"]), formula("square", ["−2"]), formula("tanh", ["x"])
    ('u₁ · w', '(−2)²', 'tanh(x)')
    """
    known = templates.get(op)
    return known.format(**_letters(operands)) if known else f"{op}({', '.join(operands)})"


def derivative(
    op: str,
    position: int,
    operands: Sequence[str],
    value: str,
    templates: Mapping[str, tuple[str, ...]] = _DERIVATIVES,
) -> str:
    """The derivative of a value with respect to one operand; "" where no formula is known.

    >>> derivative("multiply", 0, ["u₁", "w"], "u₂"), derivative("sigmoid", 0, ["z"], "a")
    ('w', 'a·(1 − a)')
    """
    known = templates.get(op, ())
    if position >= len(known):
        return ""
    return known[position].format(**_letters(operands), y=value, Y=_bare(value))


def _letters(operands: Sequence[str]) -> dict[str, str]:
    as_given = dict(zip("ab", operands, strict=False))
    return as_given | {k.upper(): _bare(text) for k, text in as_given.items()}


def _bare(text: str) -> str:
    """The text, in parentheses where it begins with a sign, has several parts or a power."""
    parts = " " in text and text[0] not in "[⟨\\"
    power = "^" in text or _EXPONENT.search(text) is not None
    return f"({text})" if parts or power or text[:1] in ("−", "-") else text


def indexed(letter: str, k: int) -> str:
    """A letter with an index below.

    >>> indexed("x", 12)
    'x₁₂'
    """
    return letter + str(k).translate(_SUBSCRIPTS)


def number(x: float) -> str:
    """A whole number in full, another in up to six digits, with a true minus.

    >>> number(-4.0), number(0.930861), number(1e-07)
    ('−4', '0.930861', '1e−07')
    """
    if isinstance(x, int):
        return str(x).replace("-", "−")
    return f"{x + 0:.6g}".replace("-", "−")  # + 0: a zero has no sign here


def written(array: Array) -> str:
    """A number, a short array in full, or of a long one its shape, least and greatest number.

    >>> written(np.array([1.0, -2.0])), written(np.arange(20.0).reshape(4, 5))
    ('[1, −2]', '⟨4×5: 0 … 19⟩')
    """
    if array.size == 1:
        return number(array.item())
    if array.size == 0:
        return "[]"
    if array.size <= _SHOWN:
        return f"[{', '.join(written(np.asarray(row)) for row in array)}]"
    shape = "×".join(map(str, array.shape))
    return f"⟨{shape}: {number(array.min())} … {number(array.max())}⟩"
