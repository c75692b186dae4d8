"""The native executor: places, fusion, lowering, and the program that C++ runs."""

from gradus.compiler.native.executor import NativeExecutor, available, targets, unsupported

__all__ = ["NativeExecutor", "available", "targets", "unsupported"]
