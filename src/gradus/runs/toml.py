"""Writing flat TOML: texts, numbers, booleans and lists of them; ``tomllib`` reads it back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

Scalar = str | bool | int | float
Value = Scalar | Sequence[Scalar]

_SHORT = {"\b": r"\b", "\t": r"\t", "\n": r"\n", "\f": r"\f", "\r": r"\r", '"': r"\"", "\\": r"\\"}
# What a basic string may not hold as it is: quotes, backslashes and control characters.
_SPECIAL = re.compile(r'["\\\x00-\x1f\x7f]')
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def to_toml(values: Mapping[str, Value]) -> str:
    r"""One line a key, in order.

    Source: TOML 1.0.0, https://toml.io/en/v1.0.0

    >>> print(to_toml({"source": 'a "b".csv', "layers": [100, 50], "rate": 1e-05}), end="")
    source = "a \"b\".csv"
    layers = [100, 50]
    rate = 1e-05
    """
    return "".join(f"{_key(name)} = {_value(value)}\n" for name, value in values.items())


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _text(name)


def _value(value: Value) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)  # Python's numbers are TOML's, nan and inf included
    return f"[{', '.join(map(_value, value))}]"


def _text(text: str) -> str:
    return '"' + _SPECIAL.sub(lambda found: _escape(found[0]), text) + '"'


def _escape(character: str) -> str:
    return _SHORT.get(character, f"\\u{ord(character):04X}")
