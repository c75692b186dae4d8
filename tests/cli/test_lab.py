"""gradus lab: the list, a run, and mistakes in what was asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gradus import lab

if TYPE_CHECKING:
    from tests.cli.conftest import Gradus


def test_the_list_names_every_experiment_with_its_question(gradus: Gradus) -> None:
    found = gradus("lab", "list", "--json").json["experiments"]
    assert [row["name"] for row in found] == list(lab.EXPERIMENTS)
    assert all(row["question"].endswith("?") for row in found)
    assert "sawtooth" in gradus("lab", "list").out


def test_a_run_prints_the_verdict_and_where_the_page_is(gradus: Gradus, here: Path) -> None:
    done = gradus("lab", "run", "nonlinearity", "--quick")
    assert (done.code, done.err) == (0, "")
    assert "nonlinearity: holds" in done.out
    assert (here / "runs/lab/index.html").is_file()
    assert (here / "runs/lab/nonlinearity/result.json").is_file()


def test_a_run_as_json_is_one_object(gradus: Gradus, here: Path) -> None:
    found = gradus(
        "lab", "run", "nonlinearity", "--quick", "--seed", 5, "--out", "found", "--json"
    ).json
    assert found["results"][0]["verdict"] == "holds"
    assert Path(found["index"]) == Path("found/index.html")


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ([], "name experiments"),
        (["sawtooth", "--all"], "name experiments"),
        (["sawteeth"], "gradus lab list"),
    ],
)
def test_a_mistake_in_what_was_asked_exits_with_2(
    gradus: Gradus, words: list[str], rule: str
) -> None:
    done = gradus("lab", "run", *words, "--json")
    assert done.code == 2
    assert rule in done.error["error"]
