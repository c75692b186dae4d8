"""From a function to a program: trace, typed graph, passes, memory, executors."""

from gradus.compiler.choose import EXECUTORS, executor_named
from gradus.compiler.executor import Executor, Leg, Program, Relayed, Steps, relay
from gradus.compiler.function import CompiledFunction, compile
from gradus.compiler.graph import Builder, Graph, Node
from gradus.compiler.memory import lifetimes, place
from gradus.compiler.native import finite
from gradus.compiler.passes import optimise
from gradus.compiler.reference import ReferenceExecutor
from gradus.compiler.rows import Reading, RowProgram, Shared, Shortcut
from gradus.compiler.settings import settings
from gradus.compiler.trace import Traced, trace

__all__ = [
    "EXECUTORS",
    "Builder",
    "CompiledFunction",
    "Executor",
    "Graph",
    "Leg",
    "Node",
    "Program",
    "Reading",
    "ReferenceExecutor",
    "Relayed",
    "RowProgram",
    "Shared",
    "Shortcut",
    "Steps",
    "Traced",
    "compile",
    "executor_named",
    "finite",
    "lifetimes",
    "optimise",
    "place",
    "relay",
    "settings",
    "trace",
]
