"""The way to a number: each value on the way, and each derivative on the way back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradus.autodiff import check_unchanged, grad
from gradus.errors import ArgumentError, GradientError
from gradus.explain import html, latex, text
from gradus.explain.blocks import GRAINS, Block, blocks_of
from gradus.explain.symbols import indexed, written
from gradus.explain.way import Gradient, Share, Step, Way
from gradus.nn import Module
from gradus.tensor import Tensor, constant


class Arithmetic(Way):
    """A computation written out.

    ``str`` gives it as text, ``html()`` as tables, ``latex()`` for a document; a notebook shows the
    tables, and Rich prints it in colour.
    """

    def __str__(self) -> str:
        return text.of(self)

    def __repr__(self) -> str:
        return str(self)

    def __rich__(self) -> Any:
        from rich.console import Group  # late: only whoever prints with Rich has it loaded
        from rich.markup import escape
        from rich.table import Table

        tables = []
        for title, rows in text.sections(self):
            table = Table(
                title=title, title_justify="left", title_style="bold", box=None, show_header=False
            )
            for style in ("cyan", "", "dim", "bold"):
                table.add_column(style=style, overflow="fold")
            for first, *rest in rows:
                table.add_row(escape(first), *(f"= {escape(cell)}" for cell in rest))
            tables.append(table)
        return Group(*tables)

    def html(self) -> str:
        """Two tables with their style, to put into a page."""
        return html.of(self)

    def _repr_html_(self) -> str:
        return self.html()

    def latex(self) -> str:
        """Two ``align*`` environments (of ``amsmath``): the steps, and the derivatives."""
        return latex.of(self)


def arithmetic(output: Tensor, /, *, grain: str = "operation", **names: Tensor) -> Arithmetic:
    """Write out how a tensor was computed, and how its derivatives come about.

    Forward, each step is its formula, the formula with the numbers put in, and the value.
    Backward, the derivative of the number with respect to a value is the sum, over the operations
    that read it, of the derivative that comes in there times the local one:
    ∂L/∂x = Σ ∂L/∂y · ∂y/∂x.

    Args:
        output: a recorded tensor; derivatives are given where it is a single number.
        grain: ``"operation"``, or ``"layer"``: modules without others inside, and losses, are one
            step each, as long as the module is still there.
        names: names for tensors on the way. Others are called by their own name, weight₁, bias₁,
            … where they are a layer's, u₁, u₂, … where they were computed and recorded, and
            x₁, x₂, … where nothing was recorded: data, and what no derivative flows through.

    Raises:
        ArgumentError: a tensor that was not computed from others, a name for one that is not on
            the way, or an unknown grain.
        GradientError: an operand was changed in place after it was used.

    >>> import gradus as gd
    >>> a, b, w, t = (gd.tensor(v, requires_grad=True) for v in (1.0, 2.0, 2.0, 4.0))
    >>> print(arithmetic(((a + b) * w - t) ** 2 + w ** 2, a=a, b=b, w=w, t=t))
    Forward
      u₁ = a + b    =  1 + 2  =  3
      u₂ = u₁ · w   =  3 · 2  =  6
      u₃ = u₂ − t   =  6 − 4  =  2
      u₄ = u₃²      =  2²     =  4
      u₅ = w²       =  2²     =  4
      L  = u₄ + u₅  =  4 + 4  =  8
    <BLANKLINE>
    Backward
      ∂L/∂u₅ = ∂L/∂L · ∂L/∂u₅                     =  1 · 1                         =  1
      ∂L/∂u₄ = ∂L/∂L · ∂L/∂u₄                     =  1 · 1                         =  1
      ∂L/∂u₃ = ∂L/∂u₄ · ∂u₄/∂u₃                   =  1 · [2·u₃ = 4]                =  4
      ∂L/∂u₂ = ∂L/∂u₃ · ∂u₃/∂u₂                   =  4 · 1                         =  4
      ∂L/∂u₁ = ∂L/∂u₂ · ∂u₂/∂u₁                   =  4 · [w = 2]                   =  8
      ∂L/∂a  = ∂L/∂u₁ · ∂u₁/∂a                    =  8 · 1                         =  8
      ∂L/∂b  = ∂L/∂u₁ · ∂u₁/∂b                    =  8 · 1                         =  8
      ∂L/∂w  = ∂L/∂u₂ · ∂u₂/∂w + ∂L/∂u₅ · ∂u₅/∂w  =  4 · [u₁ = 3] + 1 · [2·w = 4]  =  16
      ∂L/∂t  = ∂L/∂u₃ · ∂u₃/∂t                    =  4 · (−1)                      =  −4
    """
    wrong = [type(t).__name__ for t in (output, *names.values()) if not isinstance(t, Tensor)]
    if wrong:
        raise ArgumentError("arithmetic and its names take tensors", received=", ".join(wrong))
    computed = _computed(output)
    if not computed or output.is_symbolic:
        raise ArgumentError(
            "arithmetic takes a tensor that was computed from others",
            received=repr(output),
            remedy="compute it from tensors, outside no_grad and gd.compile",
        )
    if grain not in GRAINS:
        raise ArgumentError(f"grain is one of {', '.join(GRAINS)}", received=repr(grain))
    for t in computed:
        if t.record is not None:
            check_unchanged(t.record)  # or numbers would stand there that were not computed with
    blocks = blocks_of(computed, output, grain)
    called = _Names(blocks, output, names)
    steps = [(b, _step(b, called)) for b in blocks]
    backward: tuple[Gradient, ...] = ()
    if output.size == 1 and output.requires_grad:
        backward = _backward(output, steps, called)
    return Arithmetic(called[output], tuple(step for _, step in steps), backward)


def _computed(output: Tensor) -> list[Tensor]:
    """All recorded tensors on the way to the output, in the order in which they were computed."""
    found: dict[Tensor, int] = {}
    stack = [output]
    while stack:
        t = stack.pop()
        if t.record is not None and t not in found:
            found[t] = t.record.order
            stack.extend(t.record.inputs)
    return sorted(found, key=found.__getitem__)


class _Names:
    """What each tensor on the way is called; no two are called the same."""

    def __init__(self, blocks: list[Block], output: Tensor, given: Mapping[str, Tensor]) -> None:
        self._of = {t: name for name, t in given.items()}
        if len(self._of) < len(given):
            raise ArgumentError("a tensor has one name", received=", ".join(given))
        computed = [b.result for b in blocks]
        read = [t for b in blocks for t in (*b.shown, *(g for g in b.given if g.requires_grad))]
        # Sets and dicts throughout: == of tensors compares their numbers.
        inputs = dict.fromkeys(t for t in read if t.record is None and not t.literal)
        strangers = [name for name, t in given.items() if t not in {*inputs, *computed}]
        if strangers:
            raise ArgumentError(
                "names are for tensors on the way to the output",
                received=", ".join(strangers),
                remedy="leave them out; at another grain they may be on it",
            )
        self._taken = set(given)
        for t in (*inputs, *computed):
            if t.name:
                self._call(t, t.name)
        self._call(output, "L")
        for k, fields in enumerate(_layers(blocks), start=1):
            for field, t in fields.items():
                if t in inputs:
                    self._call(t, indexed(field, k))
        for letter, tensors in (("x", inputs), ("u", computed)):
            for t in tensors:
                self._number(t, letter)

    def _call(self, t: Tensor, name: str) -> None:
        """Give a tensor a name, unless it has one or the name is taken."""
        if t not in self._of and name not in self._taken:
            self._of[t] = name
            self._taken.add(name)

    def _number(self, t: Tensor, letter: str) -> None:
        k = 1
        while t not in self._of:
            self._call(t, indexed(letter, k))
            k += 1

    def __getitem__(self, t: Tensor) -> str:
        return self._of[t] if t in self._of else written(t.numpy())


def _layers(blocks: list[Block]) -> list[dict[str, Tensor]]:
    """The tensors of each module that computes something, by their fields, in the order of use."""
    scopes = [t.record.scope for b in blocks for t in b.tensors if t.record is not None]
    owners = {id(s.owner): s.owner for s in scopes if s is not None}
    found = [
        {n: v for n, v in vars(m).items() if isinstance(v, Tensor)}
        for m in owners.values()
        if isinstance(m, Module)
    ]
    return [fields for fields in found if fields]


def _step(block: Block, called: _Names) -> Step:
    return Step(
        called[block.result],
        block.op,
        tuple(called[t] for t in block.shown),
        tuple(t.numpy() for t in block.shown),
        block.result.numpy(),
    )


def _gradients(output: Tensor, asked: list[Tensor]) -> list[Tensor | None]:
    """Gradients, None where there is none: beside a step function others still have theirs."""
    try:
        return list(grad(output, asked, allow_unused=True))
    except GradientError:
        if len(asked) < 2:
            return [None] * len(asked)
        return [g for t in asked for g in _gradients(output, [t])]


def _backward(
    output: Tensor, steps: list[tuple[Block, Step]], called: _Names
) -> tuple[Gradient, ...]:
    """Derivatives of all that has one: computed values from the last to the first, then inputs."""
    computed = [block.result for block, _ in steps]
    made = dict.fromkeys(t for b, _ in steps for t in b.given if t.record is None)
    asked = [t for t in (*computed[::-1], *made) if t.requires_grad and t is not output]
    total = dict(zip(asked, _gradients(output, asked), strict=True))
    shares: dict[Tensor, list[Share]] = {t: [] for t in asked}
    for block, step in steps:
        dy = total.get(block.result)
        if block.result is output:
            dy = constant(np.ones(output.shape, output.dtype))
        if dy is None:
            continue
        for position, t, local, outgoing in block.pulled_back(dy):
            if t in shares:
                shares[t].append(Share(step, position, dy.numpy(), local, outgoing))
    return tuple(
        Gradient(called[t], tuple(shares[t]), d.numpy()) for t, d in total.items() if d is not None
    )
