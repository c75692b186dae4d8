"""gradus lab: the list, a run, and mistakes in what was asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gradus import lab
from gradus.lab.demos import DEMOS

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


def test_a_run_that_is_stopped_leaves_an_index_of_what_is_done(
    gradus: Gradus, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    experiment = replace(lab.EXPERIMENTS["one-line"], measure=stopped)
    monkeypatch.setitem(lab.EXPERIMENTS, "one-line", experiment)
    assert gradus("lab", "run", "nonlinearity", "one-line", "--quick").code == 130
    assert 'href="nonlinearity/index.html"' in (here / "runs/lab/index.html").read_text()


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


def test_demos_leave_their_pages_and_say_where(gradus: Gradus, here: Path) -> None:
    done = gradus("lab", "demos", "--quick")
    assert (done.code, done.err) == (0, "")
    for name in ("linear", "downhill", "boundary", "tinker", "index"):
        assert f"runs/lab/demos/{name}.html" in done.out
        assert (here / f"runs/lab/demos/{name}.html").is_file()
    # Whole or nothing: what was written on the way is gone.
    assert len(list((here / "runs/lab/demos").iterdir())) == 5


def test_demos_as_json_are_one_object_and_follow_the_seed(
    gradus: Gradus, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradus.cli.lab.DEMOS", {"linear": DEMOS["linear"]})
    pages = []
    for seed in (1, 2):
        found = gradus("lab", "demos", "--seed", seed, "--out", f"to/{seed}", "--json").json
        assert found == {
            "index": f"to/{seed}/index.html", "pages": {"linear": f"to/{seed}/linear.html"}
        }  # fmt: skip
        pages.append((here / found["pages"]["linear"]).read_text())
    assert "gradus lab demos --seed 2" in pages[1]
    assert pages[0].replace("seed 1", "seed 2") != pages[1]


def test_demos_that_cannot_be_written_exit_with_2(gradus: Gradus, here: Path) -> None:
    (here / "file").write_text("kept")
    done = gradus("lab", "demos", "--quick", "--out", "file/below", "--json")
    assert done.code == 2
    assert "--out" in done.error["remedy"]
    assert (here / "file").read_text() == "kept"
