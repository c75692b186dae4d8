"""Executors by name."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection

from gradus.compiler.executor import Executor, Program
from gradus.compiler.graph import Graph
from gradus.compiler.native import NativeExecutor, NativeRows, available, unsupported
from gradus.compiler.passes import optimise
from gradus.compiler.reference import ReferenceExecutor
from gradus.compiler.rows import RowProgram
from gradus.compiler.trace import Traced
from gradus.errors import ArgumentError

EXECUTORS = ("auto", "reference", "native")


def executor_named(executor: str | Executor, threads: int | None = None) -> Executor:
    """The executor of a name, or the executor itself.

    Args:
        executor: ``"reference"`` (NumPy), ``"native"`` (C++), ``"auto"``, or an executor.
        threads: the most threads that the native one may use; None for what ``thread_limit`` says.

    Raises:
        ArgumentError: an unknown name, the native one where the installation lacks it, or an
            environment variable that asks of it what it cannot do.
    """
    if isinstance(executor, Executor):
        return executor
    if executor not in EXECUTORS:
        raise ArgumentError(f"executor is one of {', '.join(EXECUTORS)}", received=repr(executor))
    if executor == "native" and not available():
        raise ArgumentError(
            "the native executor is built when gradus is installed with a C++ compiler",
            received="an installation without it",
            remedy="install a compiler and gradus again, or use executor='reference'",
        )
    if executor == "native":
        return NativeExecutor(threads)
    if executor == "reference" or not available():
        return ReferenceExecutor()
    return _WhereItCan(threads)


class _WhereItCan(Executor):
    """Native for the graphs that have a native form, as a whole; the reference for the others."""

    name = "auto"

    def __init__(self, threads: int | None) -> None:
        self._native = NativeExecutor(threads)

    def prepare(self, graph: Graph) -> Program:
        """Plan the graph once; see ``Executor.prepare``."""
        lacking = unsupported(graph) and unsupported(optimise(graph))
        if not lacking:
            return self._native.prepare(graph)
        _say_once(frozenset(lacking))
        return ReferenceExecutor().prepare(graph)

    def prepare_rows(self, trace: Callable[[int], Traced], rows: Collection[str]) -> RowProgram:
        """Plan a function for any number of rows; see ``Executor.prepare_rows``."""
        return NativeRows(trace, rows, self.prepare, self._native.threads, self._native.target)


_said: set[frozenset[str]] = set()  # in this process: a loop over models would say it each time


def _say_once(lacking: frozenset[str]) -> None:
    if lacking not in _said:
        _said.add(lacking)
        warnings.warn(
            f"{', '.join(sorted(lacking))} has no native form: NumPy runs graphs with it, slower",
            stacklevel=3,
        )
