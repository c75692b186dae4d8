"""What there is of the native executor: the C++ library, the instruction sets, the operations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradus import ops
from gradus.compiler.graph import Graph
from gradus.errors import ArgumentError
from gradus.ops.index import position_error
from gradus.types import Array, is_float

try:
    from gradus import _native
except ImportError:  # built without a C++ compiler
    _native = None  # type: ignore[assignment]

library = _native


def available() -> bool:
    """Whether this installation has the native executor."""
    return library is not None


def targets() -> list[str]:
    """Instruction sets that the native executor has code for and this processor can run."""
    return list(library.targets()) if library is not None else []


def finite(arrays: Sequence[Array]) -> bool:
    """Whether all numbers of all arrays are finite."""
    return library.finite(arrays) if available() else all(np.isfinite(a).all() for a in arrays)


def unsupported(graph: Graph) -> list[str]:
    """Operations of a graph that have no native form, in words; empty where all have one."""
    found = [
        f"{node.op.name} of {node.type.dtype}"
        for node in graph.nodes
        # Its error for negative exponents shows only when it runs, maybe in a worker thread.
        if node.op is ops.power and not is_float(node.type.dtype)
    ]
    return list(dict.fromkeys(found))


def outside(error: IndexError) -> ArgumentError:
    """The error of an operation for what the library says: (length of the axis, position)."""
    length, position = error.args[0] if isinstance(error.args[0], tuple) else error.args
    return position_error(position, length)
