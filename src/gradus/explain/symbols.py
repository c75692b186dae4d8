"""How values and operations are written: one table, in plain text and in LaTeX.

An operation is written by its row of the table, its local derivatives by Python expressions of its
operands a, b and its value y, whose own operations stand in the table again.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from gradus.types import Array, Shape

# How tightly the parts of a text hold together; a part in a template that holds together less
# tightly than the number there says stands in parentheses.
_SIGNED, _POWER, _ONE = 2, 4, 5
_TABLE: dict[str, tuple[int, str, str]] = {
    "less": (0, "{0:1} < {1:1}", "{0:1} < {1:1}"),
    "less_equal": (0, "{0:1} ≤ {1:1}", r"{0:1} \le {1:1}"),
    "greater": (0, "{0:1} > {1:1}", "{0:1} > {1:1}"),
    "greater_equal": (0, "{0:1} ≥ {1:1}", r"{0:1} \ge {1:1}"),
    "equal": (0, "{0:1} = {1:1}", "{0:1} = {1:1}"),
    "not_equal": (0, "{0:1} ≠ {1:1}", r"{0:1} \ne {1:1}"),
    "add": (1, "{0:1} + {1:3}", "{0:1} + {1:3}"),
    "subtract": (1, "{0:1} − {1:3}", "{0:1} - {1:3}"),
    "negative": (_SIGNED, "−{0:3}", "-{0:3}"),
    "multiply": (3, "{0:2} · {1:4}", r"{0:2} \cdot {1:4}"),
    "divide": (3, "{0:2} / {1:4}", r"\frac{{{0}}}{{{1}}}"),
    "matmul": (3, "{0:2} @ {1:4}", r"{0:2} \, {1:4}"),
    "square": (_POWER, "{0:5}²", "{0:5}^{{2}}"),
    "power": (_POWER, "{0:5}^{1:5}", "{0:5}^{{{1}}}"),
    "sqrt": (_POWER, "√{0:5}", r"\sqrt{{{0}}}"),
    "transpose": (_POWER, "{0:5}ᵀ", r"{0:5}^{{\top}}"),
    "exp": (_POWER, "exp({0})", "e^{{{0}}}"),
    "abs": (_ONE, "|{0}|", "|{0}|"),
    "sigmoid": (_ONE, "σ({0})", r"\sigma({0})"),
    "log": (_ONE, "log({0})", r"\log({0})"),
    "sin": (_ONE, "sin({0})", r"\sin({0})"),
    "cos": (_ONE, "cos({0})", r"\cos({0})"),
}
# One for each operand that has a derivative.
_DERIVATIVES = {
    "add": ("1", "1"),
    "subtract": ("1", "-1"),
    "multiply": ("b", "a"),
    "divide": ("1 / b", "-(a / b**2)"),
    "negative": ("-1",),
    "square": ("2 * a",),
    "power": ("b * a ** (b - 1)", "y * log(a)"),
    "exp": ("y",),
    "expm1": ("y + 1",),
    "log": ("1 / a",),
    "log1p": ("1 / (1 + a)",),
    "sqrt": ("1 / (2 * y)",),
    "tanh": ("1 - y**2",),
    "sigmoid": ("y * (1 - y)",),
    "abs": ("sign(a)",),
    "sin": ("cos(a)",),
    "cos": ("-sin(a)",),
}
# What reaches an operand of an operation that is not elementwise, of the g that comes in.
_PULLED = {"matmul": ("g @ transpose(b)", "transpose(a) @ g")}
_PYTHON: dict[type[ast.AST], str] = {
    ast.MatMult: "matmul",
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
    ast.USub: "negative",
}


# ── Notations ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Notation:
    """A way of writing.

    Attributes:
        column: of the table.
        name: writes a name.
        value: writes what ``written`` gives for an array.
        tight: what the signs of products and quotients become inside a derivative.
        call: a function {f} of arguments {a}.
        slope: the derivative of {y} with respect to {x}.
        known: a {formula} and its {value}, as one factor.
        total: of the numbers {a}.
        through: what comes in, {g}, goes through {y}.
        times: between the factors of a share.
    """

    column: int
    name: Callable[[str], str]
    value: Callable[[str], str]
    tight: Mapping[str, str]
    call: str
    slope: str
    known: str
    total: str
    through: str
    times: str


class _Part(str):
    """A text, and how tightly it holds together."""

    __slots__ = ("level",)

    def __new__(cls, text: str, level: int | None = None) -> _Part:
        part = super().__new__(cls, text)
        part.level = _level(text) if level is None else level
        return part

    level: int

    def __format__(self, least: str) -> str:
        return f"({self})" if least and self.level < int(least) else str(self)


_EXPONENT = re.compile(r"\de[−+]?\d|\^")


def _level(text: str) -> int:
    """Of a name, a number, or an array."""
    if text[:1] in ("−", "-"):
        return _SIGNED
    return _POWER if text[:1].isdigit() and _EXPONENT.search(text) else _ONE


_PLAIN = re.compile(r"[^\W\d¹²³⁰⁴-⁹]([^\W¹²³⁰⁴-⁹ᵀ]|[.′'])*")


def plain_name(text: str) -> bool:
    """Whether a name needs no quotation marks: it is not taken for a formula or a number."""
    return _PLAIN.fullmatch(text) is not None


TEXT = Notation(
    column=0,
    name=lambda text: text if plain_name(text) else f"“{text}”",
    value=str,
    tight={" · ": "·", " / ": "/"},
    call="{f}({a})",
    slope="∂{y}/∂{x}",
    known="[{formula} = {value}]",
    total="Σ {a}",
    through="{g} through {y}",
    times=" · ",
)


# ── Formulas ────────────────────────────────────────────────────────────────────────────────────


def formula(
    op: str,
    operands: Sequence[str],
    params: Mapping[str, Any] | None = None,
    shape: Shape = (),
    notation: Notation = TEXT,
) -> str:
    """An operation on operands that are written so.

    Args:
        op: its name, or that of a layer.
        operands: as they are written.
        params: what it was told besides.
        shape: of the first operand, which decides how much of the parameters is to be said.
        notation: text or LaTeX.

    >>> formula("multiply", ["u₁", "w"]), formula("square", ["−2"]), formula("tanh", ["x"])
    ('u₁ · w', '(−2)²', 'tanh(x)')
    >>> formula("sum", ["m"], {"axis": (1,), "keepdims": False}, (2, 3))
    'sum(m, axis=1)'
    >>> formula("slice", ["m"], {"bounds": ((0, 1, 1), (0, 3, 1))}, (2, 3))
    'm[:1, :]'
    """
    params = params or {}
    parts = [_Part(text) for text in operands]
    if op == "slice":
        places = ", ".join(map(_range, params["bounds"], shape))
        return f"{parts[0]:5}[{notation.value(places)}]"
    if op == "permute_dims" and params["axes"] == (1, 0):
        return str(_applied("transpose", parts, notation))
    told = [
        f"{notation.name(k)}={notation.value(_told(v))}"
        for k, v in params.items()
        if _matters(k, v, shape)
    ]
    return str(_applied(op, [*parts, *map(_Part, told)], notation))


def _applied(op: str, parts: Sequence[_Part], notation: Notation, *, tight: bool = False) -> _Part:
    if op not in _TABLE:
        return _Part(notation.call.format(f=_Spelt(op), a=", ".join(parts)), _ONE)
    level, *templates = _TABLE[op]
    template = str(templates[notation.column])
    for wide, narrow in notation.tight.items() if tight else ():
        template = template.replace(wide, narrow)
    return _Part(template.format(*parts), level)


class _Spelt(str):
    """The name of an operation or a layer; ``{f:tex}`` has it without commands of TeX."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return untex(self) if spec else str(self)


def untex(text: str) -> str:
    """Text that TeX takes as it stands, inside a formula."""
    for sign in "\\^~":  # they have no plain form in formulas
        text = text.replace(sign, " ")
    return re.sub(r"([#$%&_{}])", r"\\\1", text).replace("→", r"\to ").replace("′", "'")


def _matters(name: str, value: Any, shape: Shape) -> bool:
    """Whether a parameter says what nobody would guess."""
    if name == "axis" and isinstance(value, tuple):
        return len(value) < len(shape)
    if name in ("stride", "dilation"):
        return any(v != 1 for v in value)
    return value is not None and value is not False


def _told(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        inner = ", ".join(map(_told, value))
        return inner if len(value) == 1 and not isinstance(value[0], tuple) else f"({inner})"
    return number(value) if type(value) in (int, float) else str(value)


def _range(bounds: tuple[int, int | None, int], length: int) -> str:
    """A range of places as Python writes it."""
    start, stop, step = bounds
    whole = (0, length) if step > 0 else (length - 1, None)
    first = "" if start == whole[0] else str(start)
    last = "" if stop == whole[1] else str(stop)
    return f"{first}:{last}" + (f":{number(step)}" if step != 1 else "")


def derivative(
    op: str, position: int, operands: Sequence[str], value: str, notation: Notation = TEXT
) -> str:
    """The derivative of a value with respect to one operand; "" where no formula is known.

    >>> derivative("multiply", 0, ["u₁", "w"], "u₂"), derivative("sigmoid", 0, ["z"], "a")
    ('w', 'a·(1 − a)')
    """
    known = _DERIVATIVES.get(op, ())
    if position >= len(known):
        return ""
    letters = dict(zip("ab", map(_Part, operands), strict=False)) | {"y": _Part(value)}
    return str(_of_tree(_tree(known[position]), letters, notation))


def pulled(
    op: str, position: int, operands: Sequence[str], incoming: str, notation: Notation = TEXT
) -> str:
    """What reaches an operand of an operation that is not elementwise; "" where no rule is known.

    >>> pulled("matmul", 1, ["x", "W"], "g")
    'xᵀ @ g'
    """
    if op not in _PULLED:
        return ""
    letters = dict(zip("ab", map(_Part, operands), strict=True)) | {"g": _Part(incoming)}
    return str(_of_tree(_tree(_PULLED[op][position]), letters, notation))


@cache
def _tree(expression: str) -> ast.expr:
    return ast.parse(expression, mode="eval").body


def _of_tree(tree: ast.expr, letters: Mapping[str, _Part], notation: Notation) -> _Part:
    match tree:
        case ast.Name(id=letter):
            return letters[letter]
        case ast.Constant(value=constant):
            return _Part(str(constant))
        case ast.BinOp(left=base, op=ast.Pow(), right=ast.Constant(value=2)):
            op, operands = "square", [base]
        case ast.BinOp(left=left, op=operator, right=right):
            op, operands = _PYTHON[type(operator)], [left, right]
        case ast.UnaryOp(op=sign, operand=operand):
            op, operands = _PYTHON[type(sign)], [operand]
        case ast.Call(func=ast.Name(id=function), args=arguments):
            op, operands = function, arguments
        case _:
            raise AssertionError(ast.dump(tree))
    parts = [_of_tree(operand, letters, notation) for operand in operands]
    return _applied(op, parts, notation, tight=True)


# ── Names and numbers ───────────────────────────────────────────────────────────────────────────

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SHOWN = 8  # elements of an array that are written out


def indexed(letter: str, k: int) -> str:
    """A letter with an index below.

    >>> indexed("x", 12)
    'x₁₂'
    """
    return letter + str(k).translate(_SUBSCRIPTS)


def number(x: float, digits: int = 6) -> str:
    """A whole number in full, another in up to so many digits, with a true minus.

    >>> number(-4.0), number(0.930861), number(1e-07)
    ('−4', '0.930861', '1e−07')
    """
    if isinstance(x, int):
        return str(x).replace("-", "−")
    return f"{x + 0:.{digits}g}".replace("-", "−")  # + 0: a zero has no sign here


def written(array: Array) -> str:
    """A number, a short array in full, or of a long one its shape, least and greatest number.

    >>> written(np.array([1.0, -2.0])), written(np.arange(20.0).reshape(4, 5))
    ('[1, −2]', '⟨4×5: 0 … 19⟩')
    """
    if array.ndim == 0:
        return number(array.item())
    if array.size == 0:
        return "[]"
    if array.size <= _SHOWN:
        return f"[{', '.join(written(np.asarray(row)) for row in array)}]"
    shape = "×".join(map(str, array.shape))
    return f"⟨{shape}: {number(array.min(), 3)} … {number(array.max(), 3)}⟩"
