"""The errors gradus raises: each says the rule, what was received, and what to do.

Every class also derives from the built-in exception that a user of NumPy or scikit-learn
would expect to catch, so ``except ValueError`` keeps working.
"""

from __future__ import annotations

from typing import Any


class GradusError(Exception):
    """Base of every error that gradus raises on purpose.

    >>> print(ShapeError("matmul needs equal inner sizes", received="(2, 3) @ (4, 5)",
    ...                  remedy="transpose one of them"))
    matmul needs equal inner sizes; received (2, 3) @ (4, 5). What to do: transpose one of them
    """

    def __init__(self, rule: str, *, received: object = None, remedy: str | None = None) -> None:
        self.rule, self.received, self.remedy = rule, received, remedy
        text = rule if received is None else f"{rule}; received {received}"
        super().__init__(text if remedy is None else f"{text}. What to do: {remedy}")


class ShapeError(GradusError, ValueError):
    """Shapes that do not fit the operation."""


class DtypeError(GradusError, TypeError):
    """A dtype, or a kind of value, that the operation does not take."""


class ArgumentError(GradusError, ValueError):
    """An argument outside its allowed values."""


class GradientError(GradusError, RuntimeError):
    """A derivative that does not exist, or that cannot be computed any more."""


class TraceError(GradusError, RuntimeError):
    """Code that asks a value of a tensor that has none yet, or mixes two traces."""


class GraphError(GradusError, RuntimeError):
    """A graph that breaks its own rules: a defect in a pass, never in the user's code."""


class DataError(GradusError, ValueError):
    """A table that cannot be read, or does not fit the model."""


class FileError(GradusError, ValueError):
    """A model, run or configuration file that is damaged, foreign or would be overwritten."""


class DivergenceError(GradusError, ArithmeticError):
    """Training that has left the finite numbers.

    ``last_good`` is the ``Minimum`` until there where ``gd.minimise`` raises it.
    """

    last_good: Any = None
