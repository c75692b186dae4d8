"""docs/lectures.md: every command, section and test that its tables name is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from typer.main import get_command

from gradus import lab
from gradus.cli.main import app
from gradus.data import BUNDLED

HOUSE = Path(__file__).parents[1]
PAGE = (HOUSE / "docs" / "lectures.md").read_text()
ROWS = {
    cells[0]: cells[1:]
    for line in PAGE.splitlines()
    if line.startswith("|") and (cells := [c.strip() for c in line.strip("|").split("|")])[0]
    and not set(cells[0]) <= {"-"}
}  # fmt: skip
every_row = pytest.mark.parametrize("name", ROWS)


def test_the_tables_have_sixteen_systems_and_ten_worked_examples() -> None:
    assert list(ROWS) == [f"S{k}" for k in range(1, 17)] + [str(k) for k in range(1, 11)]


@every_row
def test_a_row_names_a_way_to_run_it_that_exists(name: str) -> None:
    *_, run, _ = ROWS[name]
    sections = re.findall(r"\(#([^)]+)\)", run)
    commands = re.findall(r"`gradus ([^`]+)`", run)
    assert sections or commands
    headings = {
        re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-")
        for h in re.findall(r"^### (.+)$", PAGE, re.MULTILINE)
    }
    assert set(sections) <= headings
    for command in commands:
        _check_command(command.split())


def _check_command(words: list[str]) -> None:
    known = get_command(app)
    while words and words[0] in getattr(known, "commands", {}):
        known = known.commands[words.pop(0)]
    assert not hasattr(known, "commands"), "a whole command"
    if known.name == "run":
        assert set(words) <= set(lab.EXPERIMENTS)
    elif known.name == "train":
        assert set(words) <= set(BUNDLED)
    else:
        assert not words


@every_row
def test_the_tests_that_hold_a_row_exist(name: str) -> None:
    held_by = re.findall(r"`(tests/[^`]+)`", ROWS[name][-1])
    assert held_by
    for place in held_by:
        path, _, function = place.partition("::")
        names = {
            node.name
            for node in ast.walk(ast.parse((HOUSE / path).read_text()))
            if isinstance(node, ast.FunctionDef)
        }
        assert any(n.startswith("test_") for n in names)
        assert not function or function in names


def test_every_experiment_of_the_lab_answers_a_row_or_a_question_of_the_lectures() -> None:
    asked = set(re.findall(r"[a-z-]+", " ".join(re.findall(r"`gradus lab run ([^`]+)`", PAGE))))
    assert set(lab.EXPERIMENTS) <= asked
