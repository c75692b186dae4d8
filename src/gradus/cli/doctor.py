"""``gradus doctor``: is everything here that gradus needs, and is it set up well?"""

from __future__ import annotations

import importlib
import os
import platform
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from gradus.cli.screen import say, say_json, say_table
from gradus.compiler.native import targets
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
    """Versions, processor cores, executors, and what is wrong or slow."""
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
    return {
        "versions": versions,
        "blas": _blas() if versions["numpy"] != "missing" else [],
        "cores": _cores(),
        "executors": {"reference": True, "native": targets()},
        "problems": problems,
        "warnings": warnings,
    }


def _show(found: Mapping[str, Any]) -> None:
    say_table(["part", "version"], list(found["versions"].items()))
    for blas in found["blas"]:
        say(f"NumPy's matrix products: {blas}")
    say(f"Processor cores this process may use: {found['cores']}")
    native = found["executors"]["native"]
    if native:
        say(f"Executors: native ({native[0]} code), reference (NumPy)")
    else:
        say(
            "Executor: reference (NumPy), which is slower. The native one was not built: install a "
            "C++ compiler and gradus again"
        )
    for problem in found["problems"]:
        say(f"Problem: {problem}", "bold red")
    for warning in found["warnings"]:
        say(f"Warning: {warning}", "yellow")
    if not found["problems"]:
        say("gradus can work here.", "bold green")


def _cores() -> int:
    """Cores that the operating system lets this process use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
