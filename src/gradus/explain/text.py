"""Explanations as plain text."""

from __future__ import annotations

from collections.abc import Sequence

from gradus.explain.symbols import written
from gradus.explain.way import Gradient, Share, Way

Row = tuple[str, str, str, str]  # name, formula, numbers, value


def of(way: Way) -> str:
    """Steps, then derivatives, in columns."""
    parts = ["\n".join([title, *_aligned(rows)]) for title, rows in sections(way)]
    return "\n\n".join(parts)


def sections(way: Way) -> list[tuple[str, list[Row]]]:
    """Titles and rows: the steps, and the derivatives where there are any."""
    forward = [(s.name, s.formula, s.numbers, written(s.value)) for s in way.forward]
    backward = [_derivative(way.name, g) for g in way.backward]
    return [("Forward", forward)] + ([("Backward", backward)] if backward else [])


def _derivative(output: str, g: Gradient) -> Row:
    ways = [f"∂{output}/∂{s.step.name} · ∂{s.step.name}/∂{g.name}" for s in g.shares]
    first, *others = (_product(s) for s in g.shares) if g.shares else ("0",)
    products = " + ".join([first, *(_signed(p) for p in others)])
    return f"∂{output}/∂{g.name}", " + ".join(ways), products, written(g.value)


def _product(share: Share) -> str:
    """What comes in times the local derivative, or what comes of them where that is no number."""
    if share.local is None:
        return written(share.outgoing)
    local = written(share.local)
    if share.formula in ("1", "−1"):
        local = share.formula
    elif share.formula not in ("", local):
        local = f"[{share.formula} = {local}]"
    summed = "Σ " if share.outgoing.shape != share.incoming.shape else ""  # over what was stretched
    return f"{summed}{written(share.incoming)} · " + (f"({local})" if local[0] == "−" else local)


def _signed(product: str) -> str:
    """A product behind a +: its first factor in parentheses where it has a sign."""
    first, dot, rest = product.partition(" · ")
    return f"({first}){dot}{rest}" if first.startswith("−") else product


def _aligned(rows: Sequence[Row]) -> list[str]:
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    return [
        f"  {name:{widths[0]}} = {formula:{widths[1]}}  =  {numbers:{widths[2]}}  =  {value}"
        for name, formula, numbers, value in rows
    ]
