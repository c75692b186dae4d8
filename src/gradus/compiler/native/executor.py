"""The native executor: graphs as instructions for C++, run without Python between the steps."""

from __future__ import annotations

from collections.abc import Callable, Collection

from gradus.compiler.executor import Executor, Program
from gradus.compiler.graph import Graph
from gradus.compiler.native.limits import target_or_variable, threads_or_limit
from gradus.compiler.native.program import NativeProgram
from gradus.compiler.native.rows import NativeRows
from gradus.compiler.native.support import targets, unsupported
from gradus.compiler.passes import optimise
from gradus.compiler.rows import RowProgram
from gradus.compiler.trace import Traced
from gradus.errors import ArgumentError


class NativeExecutor(Executor):
    """Runs graphs as native programs.

    Args:
        threads: the most threads to use; None for what ``thread_limit`` says.
        target: instruction set, one of ``targets()``; ``"auto"`` for what the environment's
            ``GRADUS_TARGET`` says, or else the best.

    Raises:
        ArgumentError: no thread at all, or a target that cannot run here.
    """

    name = "native"

    def __init__(self, threads: int | None = None, target: str = "auto") -> None:
        self.threads = threads_or_limit(threads)
        self.target = target_or_variable(target, targets())

    def prepare(self, graph: Graph) -> Program:
        """Plan the graph once; see ``Executor.prepare``."""
        optimised = optimise(graph)
        lacking = unsupported(optimised)
        if lacking:
            raise ArgumentError(
                "the native executor runs graphs of which it has every operation",
                received=", ".join(lacking),
                remedy="use executor='reference' for this one",
            )
        return NativeProgram(optimised, self.threads, self.target)

    def prepare_rows(self, trace: Callable[[int], Traced], rows: Collection[str]) -> RowProgram:
        """Plan a function for any number of rows; see ``Executor.prepare_rows``."""
        return NativeRows(trace, rows, self.prepare, self.threads, self.target)
