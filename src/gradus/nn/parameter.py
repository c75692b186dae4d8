"""Making a parameter: the one place where a layer takes memory for numbers."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from gradus.errors import ArgumentError, DtypeError
from gradus.nn.init import Initialiser
from gradus.tensor import Tensor, tensor
from gradus.types import Shape, as_dtype, is_float


class _Budget(threading.local):
    """Numbers that may still be made in this thread, or None for any number."""

    left: int | None = None


_budget = _Budget()


@contextmanager
def at_most(elements: int | None) -> Iterator[None]:
    """Inside the block, refuse to make more numbers than these, before memory is taken."""
    before, _budget.left = _budget.left, elements
    try:
        yield
    finally:
        _budget.left = before


def parameter(
    initialiser: Initialiser, shape: Shape, dtype: npt.DTypeLike, *, trained: bool = True
) -> Tensor:
    """Make a tensor of initial values: a parameter, or a buffer where it is not trained.

    Raises:
        ArgumentError: more numbers than an enclosing ``at_most`` allows.

    >>> from gradus.nn.init import Zeros
    >>> parameter(Zeros(), (2,), "float32")
    tensor([0., 0.], requires_grad=True)
    """
    if _budget.left is not None:
        _budget.left -= math.prod(shape)
        if _budget.left < 0:
            raise ArgumentError("the layers would hold more numbers than allowed", received=shape)
    return tensor(initialiser(shape, dtype), requires_grad=trained)


def float_dtype(dtype: Any) -> str:
    """Name of a floating-point dtype: what parameters are made of.

    >>> float_dtype(np.float64)
    'float64'
    """
    if not isinstance(dtype, (str, type, np.dtype)) or not is_float(as_dtype(dtype)):
        raise DtypeError("parameters are float32 or float64", received=repr(dtype)[:100])
    return str(as_dtype(dtype))
