"""Prints what an extra of pyproject.toml needs, to install it without building gradus again."""

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

EXTRAS = tomllib.loads(Path("pyproject.toml").read_text())["project"]["optional-dependencies"]


def needed(extra: str) -> Iterator[str]:
    """Requirements of an extra, and of the extras that it names."""
    for requirement in EXTRAS[extra]:
        if requirement.startswith("gradus["):
            yield from needed(requirement.removeprefix("gradus[").removesuffix("]"))
        else:
            yield requirement


print(*needed(sys.argv[1]), sep="\n")
