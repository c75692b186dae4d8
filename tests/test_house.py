"""The house's rules: who may import whom, and what `import gradus` may cost."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gradus

HOUSE = Path(gradus.__file__).parent
FLOORS = {
    "version": 0, "errors": 0, "types": 0, "random": 0, "files": 0, "checks": 0, "_native": 0,
    "ops": 1, "data": 1,
    "modes": 2, "tensor": 2, "evaluate": 2, "arriving": 2, "autodiff": 2,
    "nn": 3, "losses": 3, "optim": 3, "compiler": 3,
    "explain": 4,
    "train": 5,
    "estimators": 6,
    "runs": 7,
    "lab": 8,
    "cli": 9,
}  # fmt: skip
# Files of one floor that lean on each other, each on those before it.
SAME_FLOOR = [
    ["errors", "types", "checks", "files", "_native", "random"],
    ["modes", "tensor", "evaluate", "arriving", "autodiff"],
]

FILES = sorted(p for p in HOUSE.rglob("*.py") if p != HOUSE / "__init__.py")


def module_name(path: Path) -> str:
    parts = path.relative_to(HOUSE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imports(path: Path, *, at_import: bool = False) -> Iterator[str]:
    """Modules of gradus that a file imports, wherever in the file (or only at import time)."""
    tree = ast.parse(path.read_text())
    skipped = {
        id(n)
        for parent in ast.walk(tree)
        if (isinstance(parent, ast.If) and "TYPE_CHECKING" in ast.unparse(parent.test))
        or (at_import and isinstance(parent, ast.FunctionDef))
        for n in ast.walk(parent)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "gradus":
            assert node.module is not None
            if node.module == "gradus":
                yield from (f"gradus.{a.name}" for a in node.names)
            else:
                for a in node.names:
                    sub = HOUSE.parent / Path(*node.module.split("."), f"{a.name}.py")
                    yield f"{node.module}.{a.name}" if sub.exists() else node.module
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == "gradus")


@pytest.mark.parametrize("path", FILES, ids=[module_name(p) for p in FILES])
def test_a_file_imports_only_from_floors_below_or_its_own_room(path: Path) -> None:
    own = room(module_name(path))
    for module in imports(path):
        other = room(module)
        below = FLOORS[other] < FLOORS[own]
        beside = any(
            own in row and other in row and row.index(other) < row.index(own) for row in SAME_FLOOR
        )
        assert below or beside or other == own, f"{own} imports {module}"


def test_no_two_files_import_each_other_even_by_a_detour() -> None:
    graph = {module_name(p): set(imports(p)) - {module_name(p)} for p in FILES}
    # A package's __init__ gathers its files; a file that imports its own package leans on it all.
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " → ".join([*path[path.index(module) :], module])
        if module not in done:
            for other in graph.get(module, ()):
                visit(other, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def test_nobody_imports_the_command_line() -> None:
    for path in FILES:
        if room(module_name(path)) != "cli":
            assert not any(room(m) == "cli" for m in imports(path))


@pytest.mark.parametrize("path", FILES, ids=[module_name(p) for p in FILES])
def test_imports_of_gradus_stand_at_the_top_of_a_file(path: Path) -> None:
    assert sorted(imports(path)) == sorted(imports(path, at_import=True))


def test_importing_gradus_loads_no_library_but_numpy() -> None:
    libraries = "sklearn scipy pyarrow matplotlib rich jinja2 safetensors typer pandas torch"
    code = f"import sys, gradus; print(*set({libraries.split()}) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""


def test_every_public_name_exists() -> None:
    for name in gradus.__all__:
        assert getattr(gradus, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = gradus.nonsense
