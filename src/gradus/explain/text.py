"""Explanations as rows of formulas, in any notation, and as plain text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradus.explain.symbols import TEXT, Notation, derivative, formula, pulled, written
from gradus.explain.way import Gradient, Leaf, Share, Step, Way

Row = tuple[str, str, str, str]  # name, formula, numbers, value


def of(way: Way) -> str:
    """Steps, then derivatives, in columns."""
    parts = ["\n".join([title, *_aligned(rows)]) for title, rows in sections(way)]
    return "\n\n".join(parts)


def sections(way: Way, notation: Notation = TEXT) -> list[tuple[str, list[Row]]]:
    """Titles and rows: the steps, and the derivatives where there are any."""
    forward = [_step(s, notation) for s in way.forward]
    backward = [_derivative(way.name, g, notation) for g in way.backward]
    return [("Forward", forward)] + ([("Backward", backward)] if backward else [])


def named(value: Leaf | Step, notation: Notation = TEXT) -> str:
    """A value by its name, a constant by its numbers."""
    if value.name is None:
        return notation.value(written(value.value))
    return notation.name(value.name)


def operation(step: Step, notation: Notation = TEXT) -> str:
    """The operation with the names of its operands."""
    return _formula(step, [named(v, notation) for v in step.operands], notation)


def _formula(step: Step, operands: Sequence[str], notation: Notation) -> str:
    shape = step.operands[0].value.shape if step.operands else ()
    return formula(step.op, operands, step.params, shape, notation)


def _step(step: Step, notation: Notation) -> Row:
    numbers = [notation.value(written(v.value)) for v in step.operands]
    return (
        notation.name(step.name),
        operation(step, notation),
        _formula(step, numbers, notation),
        notation.value(written(step.value)),
    )


def _derivative(output: str, g: Gradient, notation: Notation) -> Row:
    def slope(of: str, by: str) -> str:
        return notation.slope.format(y=notation.name(of), x=notation.name(by))

    ways = [notation.times.join((slope(output, n), slope(n, g.name))) for n in _through(g)]
    first, *others = (_product(s, notation) for s in g.shares) if g.shares else ("0",)
    products = " + ".join([first, *(_signed(p, notation) for p in others)])
    return slope(output, g.name), " + ".join(ways), products, notation.value(written(g.value))


def _through(g: Gradient) -> list[str]:
    return [s.step.name for s in g.shares]


def _product(share: Share, notation: Notation) -> str:
    """What comes in times the local derivative; where that is no number, how it goes through."""
    if share.local is None:
        return _pulled(share, notation)
    local = notation.value(written(share.local))
    operands = [named(v, notation) for v in share.step.operands]
    name = notation.name(share.step.name)
    rule = derivative(share.step.op, share.position, operands, name, notation)
    if rule in ("1", "−1", "-1"):
        local = rule
    elif rule not in ("", local):
        local = notation.known.format(formula=rule, value=local)
    if local[0] in "−-":
        local = f"({local})"
    product = notation.value(written(share.incoming)) + notation.times + local
    stretched = share.outgoing.shape != share.incoming.shape
    return notation.total.format(a=product) if stretched else product


def _pulled(share: Share, notation: Notation) -> str:
    """What comes in, multiplied by a matrix, or the step that it goes through."""
    g, values = share.incoming, [v.value for v in share.step.operands]
    incoming = notation.value(written(g))
    numbers = [notation.value(written(v)) for v in values]
    product = pulled(share.step.op, share.position, numbers, incoming, notation)
    if not product:
        return notation.through.format(g=incoming, y=notation.name(share.step.name))
    stack = np.broadcast_shapes(g.shape[:-2], values[1 - share.position].shape[:-2])
    stretched = stack != share.outgoing.shape[:-2]
    return notation.total.format(a=product) if stretched else product


def _signed(product: str, notation: Notation) -> str:
    """A product behind a +: its first factor in parentheses where it has a sign."""
    first, times, rest = product.partition(notation.times)
    return f"({first}){times}{rest}" if first[0] in "−-" else product


def _aligned(rows: Sequence[Row]) -> list[str]:
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    return [
        f"  {name:{widths[0]}} = {formula:{widths[1]}}  =  {numbers:{widths[2]}}  =  {value}"
        for name, formula, numbers, value in rows
    ]
