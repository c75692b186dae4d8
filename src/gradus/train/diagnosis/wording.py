"""Numbers and names in the sentences of a diagnosis."""

from __future__ import annotations

from collections.abc import Sequence


def number(value: float) -> str:
    """Three significant digits.

    >>> number(0.69314), number(12345.6), number(2e-9)
    ('0.693', '12,346', '2e-09')
    """
    return f"{value:,.0f}" if 1e3 <= abs(value) < 1e7 else f"{value:.3g}"


def share(value: float) -> str:
    """A share in per cent, never rounded up to all or down to none.

    >>> [share(s).replace("\N{NO-BREAK SPACE}", " ") for s in (0.25, 0.99999, 1.0, 1e-9)]
    ['25.0 %', 'over 99.9 %', '100.0 %', 'under 0.1 %']
    """
    text = f"{100 * value:.1f}"
    if 0 < value < 0.0005:
        text = "under 0.1"
    elif 0.9995 <= value < 1:
        text = "over 99.9"
    return f"{text}\N{NO-BREAK SPACE}%"


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names with commas and an "and"; of many, the first.

    >>> listed(["0"]), listed(["0", "2", "4"]), listed(list("abcdef"))
    ('0', '0, 2 and 4', 'a, b, c, d and 2 more')
    """
    shown = [*names[:most], *([f"{len(names) - most} more"] if len(names) > most else [])]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def layers(names: Sequence[str]) -> str:
    """Layers by name; the network itself has none.

    >>> layers(["0"]), layers(["0", "2"]), layers([""])
    ('layer 0', 'layers 0 and 2', 'the network')
    """
    if list(names) == [""]:
        return "the network"
    return f"layer{'s' if len(names) > 1 else ''} {listed(names)}"


def smaller(rate: float | None) -> str:
    """What a learning rate may be lowered to, where it is known.

    >>> smaller(0.1)
    ' (from 0.1 to 0.01, say)'
    """
    return f" (from {rate:.3g} to {rate / 10:.3g}, say)" if rate else ""


def larger(rate: float | None) -> str:
    """What a learning rate may be raised to, where it is known."""
    return f" (from {rate:.3g} to {rate * 10:.3g}, say)" if rate else ""
