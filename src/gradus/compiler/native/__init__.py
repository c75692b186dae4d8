"""The native executor: places, fusion, lowering, and the program that C++ runs."""

from gradus.compiler.native.executor import NativeExecutor, available, targets, unsupported
from gradus.compiler.native.limits import (
    TARGET_VARIABLE,
    THREADS_VARIABLE,
    cores,
    target_or_variable,
    thread_limit,
)

__all__ = [
    "TARGET_VARIABLE",
    "THREADS_VARIABLE",
    "NativeExecutor",
    "available",
    "cores",
    "target_or_variable",
    "targets",
    "thread_limit",
    "unsupported",
]
