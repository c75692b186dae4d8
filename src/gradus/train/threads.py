"""Holding NumPy to a number of threads."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any


def numpy_limit(threads: int | None) -> AbstractContextManager[Any]:
    """Inside the block NumPy's matrix products use at most so many threads; None: as they do.

    >>> with numpy_limit(1):
    ...     pass
    """
    return nullcontext() if threads is None else _libraries().limit(limits=threads)


@cache  # a search through all that the process has loaded: some 10 ms
def _libraries() -> Any:
    from threadpoolctl import ThreadpoolController  # late: comes with scikit-learn

    return ThreadpoolController()
