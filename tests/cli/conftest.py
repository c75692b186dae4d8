"""Commands run in a folder of their own, with what they print and what they leave behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gradus.cli.main import main
from gradus.data import load


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on standard output."""
        assert self.out.count("\n") == 1
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The one JSON object on standard error."""
        assert self.err.count("\n") == 1
        assert self.out == ""
        return json.loads(self.err)


Gradus = Callable[..., Done]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def gradus(here: Path, capfd: pytest.CaptureFixture[str]) -> Gradus:
    """Run a command in the current folder."""

    def run(*words: object) -> Done:
        capfd.readouterr()
        code = main([str(word) for word in words])
        return Done(code, *capfd.readouterr())

    return run


@pytest.fixture
def files(here: Path) -> Callable[[], dict[str, bytes]]:
    """All files below the current folder, hidden ones included, with their contents."""

    def listing() -> dict[str, bytes]:
        return {str(p.relative_to(here)): p.read_bytes() if p.is_file() else b"folder"
                for p in here.rglob("*")}  # fmt: skip

    return listing


@pytest.fixture(scope="session")
def wine_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run trained on wine, which tests must not change."""
    place = tmp_path_factory.mktemp("runs") / "wine"
    assert (
        main(
            [
                "train",
                "wine",
                "--preset",
                "classic",
                "--epochs",
                "8",
                "--out",
                str(place),
                "--quiet",
            ]
        )
        == 0
    )
    return place


@pytest.fixture
def wine_csv(here: Path) -> Path:
    """Wine as a CSV file, with its target in the column cultivar."""
    table, _ = load("wine")
    table.write(here / "wine.csv")
    return here / "wine.csv"
