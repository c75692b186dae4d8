"""The native executor: places, fusion, lowering, and the program that C++ runs."""

from gradus.compiler.native.executor import NativeExecutor
from gradus.compiler.native.limits import (
    TARGET_VARIABLE,
    THREADS_VARIABLE,
    cores,
    target_or_variable,
    thread_limit,
)
from gradus.compiler.native.rows import NativeRows
from gradus.compiler.native.support import available, finite, targets, unsupported

__all__ = [
    "TARGET_VARIABLE",
    "THREADS_VARIABLE",
    "NativeExecutor",
    "NativeRows",
    "available",
    "cores",
    "finite",
    "target_or_variable",
    "targets",
    "thread_limit",
    "unsupported",
]
