"""L-BFGS: a quasi-Newton method for small problems whose whole loss is looked at in each step."""

from __future__ import annotations

from dataclasses import dataclass

from gradus.checks import whole_number
from gradus.optim.settings import Settings


@dataclass(frozen=True)
class LBFGS(Settings):
    """Steps along −H ∇L(θ), where H approximates the inverse Hessian from the last few steps.

    A line search chooses the length of each step, so there is no learning rate. It needs the exact
    loss and gradient, not those of a mini-batch: it is a rule for ``gd.minimise``, which leaves
    the work to SciPy, and not for ``gd.Trainer``. Best in float64: in float32 the line search runs
    out of digits long before the minimum is exact.

    Attributes:
        history_size: number of last steps that H is made of, ≥ 1.
        line_search: most evaluations that one step may take, ≥ 1.

    Source: Liu and Nocedal (1989); Byrd, Lu, Nocedal and Zhu (1995).

    >>> import numpy as np
    >>> import gradus as gd
    >>> from gradus import optim
    >>> valley = lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2
    >>> found = gd.minimise(valley, (np.array(-1.2), np.array(1.0)), optim.LBFGS())
    >>> found.converged, [round(x.item(), 6) for x in found.at]
    (True, [1.0, 1.0])
    """

    history_size: int = 10
    line_search: int = 20

    def check(self) -> None:
        """Refuse settings that it is not defined for."""
        whole_number("history_size", self.history_size, least=1)
        whole_number("line_search", self.line_search, least=1)
