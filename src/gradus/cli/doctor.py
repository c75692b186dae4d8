"""``gradus doctor``: is everything here that gradus needs, and is it set up well?"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from gradus.cli.screen import say, say_json, say_table
from gradus.compiler.native import (
    TARGET_VARIABLE,
    THREADS_VARIABLE,
    cores,
    target_or_variable,
    targets,
    thread_limit,
)
from gradus.errors import ArgumentError
from gradus.version import __version__

# Module that must load, by the name of its distribution.
_NEEDED = {
    "numpy": "numpy",
    "scikit-learn": "sklearn",
    "pyarrow": "pyarrow",
    "safetensors": "safetensors",
    "typer": "typer",
    "rich": "rich",
    "matplotlib": "matplotlib",
    "jinja2": "jinja2",
}
# What the native executor's targets are called elsewhere.
_INSTRUCTIONS = {"v4": "AVX-512", "v3": "AVX2 and FMA", "plain": "any processor of this kind"}
_TRAPS = {
    "OPENBLAS_CORETYPE": "it pins NumPy's matrix products to the code of one kind of processor, "
    "often to slower code than this machine has",
    "OPENBLAS_L2_SIZE": "it tells NumPy's matrix products a cache size that may not be this "
    "machine's, which makes them slower",
}


def doctor(
    *, json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False
) -> None:
    """Check this installation; exit with 1 where gradus cannot work."""
    found = examine(os.environ)
    if json:
        say_json(found)
    else:
        _show(found)
    if found["problems"]:
        raise typer.Exit(1)


def examine(environment: Mapping[str, str]) -> dict[str, Any]:
    """Versions, executors, instruction set, threads, and what is wrong or slow."""
    versions = {"gradus": __version__, "python": platform.python_version()}
    problems, warnings = [], []
    for name, module in _NEEDED.items():
        try:
            importlib.import_module(module)
            versions[name] = importlib.metadata.version(name)
        except ImportError as error:
            versions[name] = "missing"
            problems.append(f"{name} does not load ({error}): pip install --upgrade {name}")
    for name, why in _TRAPS.items():
        if name in environment:
            warnings.append(f"{name}={environment[name]} is set: {why}. What to do: unset {name}")
    if not _is_writable(Path.cwd()):
        warnings.append(f"{Path.cwd()} cannot be written: give train a folder with --out")
    target = threads = reason = None
    try:
        threads, reason = thread_limit(environment)
        target = _used_target(environment) if targets() else None
    except ArgumentError as error:
        problems.append(str(error))
    return {
        "versions": versions,
        "blas": _blas() if versions["numpy"] != "missing" else [],
        "cores": cores(),
        "executors": {"reference": True, "native": targets()},
        "target": target,
        "threads": threads,
        "threads_because": reason,
        "native_missing": None if targets() else _why_missing(),
        "problems": problems,
        "warnings": warnings,
    }


def _show(found: Mapping[str, Any]) -> None:
    say_table(["part", "version"], list(found["versions"].items()))
    for blas in found["blas"]:
        say(f"NumPy's matrix products: {blas}")
    if found["executors"]["native"]:
        _show_native(found)
    else:
        say(f"Executor: reference (NumPy); the native one {found['native_missing']}")
        say(
            "Training takes several times as long without it. What to do: install g++ 12 or newer, "
            "or clang, and install gradus again",
            "yellow",
        )
    for problem in found["problems"]:
        say(f"Problem: {problem}", "bold red")
    for warning in found["warnings"]:
        say(f"Warning: {warning}", "yellow")
    if not found["problems"]:
        say("gradus can work here.", "bold green")


def _show_native(found: Mapping[str, Any]) -> None:
    names = found["executors"]["native"]
    known = ", ".join(f"{n} ({_INSTRUCTIONS[n]})" for n in names)
    say("Executors: native (C++); reference (NumPy) for what has no native form")
    say(f"Native code that runs here, best first: {known}")
    if found["target"] is not None:
        others = "|".join(n for n in ("auto", *names) if n != found["target"])
        say(f"In use: {found['target']}; {TARGET_VARIABLE}={others} chooses another")
    if found["threads"] is not None:
        say(
            f"Threads: up to {found['threads']} ({found['threads_because']}); "
            f"{THREADS_VARIABLE}=N, --threads N or Trainer(threads=N) chooses another number, with "
            "the same results"
        )


def _used_target(environment: Mapping[str, str]) -> str:
    chosen = target_or_variable("auto", targets(), environment)
    return targets()[0] if chosen == "auto" else chosen


def _why_missing() -> str:
    """Why the native executor is not there, as the end of a sentence."""
    if importlib.util.find_spec("gradus._native") is None:
        return "was not built: at installation there was no C++20 compiler"
    try:
        importlib.import_module("gradus._native")
    except ImportError as error:
        return f"does not load ({error})"
    return "has no code for this processor"


def _blas() -> list[str]:
    """Libraries of matrix products that NumPy has loaded, each in words."""
    try:
        from threadpoolctl import threadpool_info  # comes with scikit-learn
    except ImportError:
        return []
    return [
        f"{pool['internal_api']} {pool['version']}, {pool.get('architecture', 'any')} code, "
        f"up to {pool['num_threads']} threads"
        for pool in threadpool_info()
        if pool["user_api"] == "blas" and "numpy" in pool["filepath"]
    ]


def _is_writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
