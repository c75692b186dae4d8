"""The way to a number: each value on the way, and each derivative on the way back."""

from __future__ import annotations

from typing import Any

from gradus.explain import html, latex, text
from gradus.explain.find import way_to
from gradus.explain.way import Way
from gradus.tensor import Tensor


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
            A name that is no word, such as "learning rate", stands in quotation marks.

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
    way = way_to(output, grain, names)
    return Arithmetic(way.name, way.forward, way.backward)
