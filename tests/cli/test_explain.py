"""gradus explain: which columns pushed a prediction where, and a page that shows it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.pages import Page, assert_offline

from gradus.data import Table
from gradus.train.table_model import TableModel

if TYPE_CHECKING:
    from tests.cli.conftest import Gradus

Files = Callable[[], dict[str, bytes]]


@pytest.fixture
def wine(wine_model: Path, here: Path) -> Path:
    """A run of one's own, trained on wine."""
    shutil.copytree(wine_model, here / "wine")
    return Path("wine")


@pytest.fixture
def city(gradus: Gradus, here: Path) -> Path:
    """A run trained on a file of one's own, in which a category stands."""
    Table.from_arrays({
        "city": ["Bonn", "Ulm"] * 20, "size": np.arange(40), "kind": ["flat", "house"] * 20,
    }).write(here / "city.csv")  # fmt: skip
    assert gradus("train", "city.csv", "--target", "kind", "--epochs", 2, "--out", "c").code == 0
    return Path("c")


def test_the_row_is_taken_from_what_the_run_was_trained_on(gradus: Gradus, wine: Path) -> None:
    done = gradus("explain", wine, "--row", 3)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("wine, row 3: The network predicts “class_")
    for part in ("proline", "1185", "Shapley value", "gradient × input", "1 column with smaller"):
        assert part in done.out, part
    assert "Page: wine/explain/row-3.html (opens in a browser, offline)" in done.out
    html = Path("wine/explain/row-3.html").read_text(encoding="utf-8")
    assert_offline(html)
    assert "wine, row 3: why this cultivar?" in Page(html).text


def test_the_pushes_in_json_add_up_to_the_difference_of_the_scores(
    gradus: Gradus, wine: Path
) -> None:
    found = gradus("explain", wine, "--row", 40, "--json").json
    explained = found["explained"]
    way = explained["score"] - explained["average_row"]
    # The scores are float32 numbers of a few units, and NumPy rounds a row alone, as the score is
    # found, unlike one among many, as the values are.
    assert sum(p["shapley"] for p in found["pushes"]) == pytest.approx(way, abs=1e-5)
    steep = sum(p["gradient_times_input"] for p in found["pushes"])
    assert steep + found["remainder"]["gradient_times_input"] == pytest.approx(way, abs=1e-9)
    assert len(found["pushes"]) == 13
    probabilities = {c["class"]: c["probability"] for c in found["probabilities"]}
    p = probabilities[found["prediction"]]
    assert max(probabilities.values()) == p
    assert explained["score"] == pytest.approx(np.log(p / (1 - p)), abs=1e-4)
    assert found["page"] == "wine/explain/row-40.html"
    assert (found["data"], found["row"], found["actual"]) == ("wine", 40, "class_0")


def test_the_prediction_is_that_of_predict_in_the_same_row(
    gradus: Gradus, wine: Path, wine_csv: Path
) -> None:
    gradus("predict", wine, wine_csv, "--out", "p.csv")
    predicted = Table.read("p.csv")
    for row in (1, 100, 178):
        found = gradus("explain", wine, "--data", wine_csv, "--row", row, "--json").json
        assert found["pushes"][0]["value"] == predicted.column("alcohol")[row - 1]
        assert found["prediction"] == predicted.column("predicted cultivar")[row - 1]
        for entry in found["probabilities"]:
            expected = predicted.column(f"probability {entry['class']}")[row - 1]
            assert entry["probability"] == pytest.approx(expected, rel=1e-5)


def test_a_run_of_a_file_finds_it_again_from_any_folder(
    gradus: Gradus, city: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    done = gradus("explain", here / city, "--row", 2)
    assert done.code == 0
    assert "city.csv, row 2: " in done.out
    assert "Ulm" in done.out


def test_a_file_that_is_gone_or_has_changed_must_be_named(
    gradus: Gradus, city: Path, here: Path
) -> None:
    lines = (here / "city.csv").read_text().splitlines()
    (here / "city.csv").write_text("\n".join(lines[:-1]) + "\n")
    done = gradus("explain", city, "--row", 2)
    assert done.code == 2
    assert "with 39 rows, where training found 40" in done.err
    assert "--data FILE" in done.err
    assert gradus("explain", city, "--row", 2, "--data", "city.csv").code == 0
    (here / "city.csv").rename(here / "moved.csv")
    done = gradus("explain", city, "--row", 2)
    assert done.code == 2
    assert "city.csv', which is not there" in done.err
    assert gradus("explain", city, "--row", 2, "--data", "moved.csv").code == 0


def test_a_model_file_alone_explains_rows_that_are_named(gradus: Gradus, wine: Path) -> None:
    model = wine / "model.safetensors"
    done = gradus("explain", model, "--row", 3)
    assert done.code == 2
    assert "name the table that holds the row with --data FILE" in done.err
    done = gradus("explain", model, "--row", 3, "--data", "wine", "--json")
    assert done.json["page"] == "wine/explain/row-3.html"


def test_another_class_can_be_explained(gradus: Gradus, wine: Path) -> None:
    found = gradus("explain", wine, "--row", 3, "--class", "class_2", "--json").json
    assert found["explained"]["class"] == "class_2"
    assert found["prediction"] != "class_2"
    page = Page(Path("wine/explain/row-3.html").read_text(encoding="utf-8"))
    assert "Explained here is “class_2”." in page.text


def test_a_number_is_explained_in_its_unit(gradus: Gradus, here: Path) -> None:
    gradus("train", "diabetes", "--epochs", 5, "--out", "d", "--quiet")
    found = gradus("explain", "d", "--row", 2, "--json").json
    assert found["explained"]["what"] == "prediction"
    assert found["explained"]["class"] is None
    assert found["probabilities"] is None
    assert found["explained"]["score"] == pytest.approx(found["prediction"], rel=1e-6)
    assert 0 < found["prediction"] < 400
    assert found["actual"] == 75.0
    done = gradus("explain", "d", "--row", 1, "--class", "140")
    assert done.code == 2
    assert "leave --class out" in done.err


def test_an_unseen_category_is_reported_and_pushes_nothing(
    gradus: Gradus, city: Path, here: Path
) -> None:
    (here / "new.csv").write_text("city,size\nBonn,1\nRom,2\n")
    done = gradus("explain", city, "--row", 2, "--data", "new.csv")
    assert "Column 'city' has texts that training never saw: 'Rom' (1 row)" in done.err
    found = gradus("explain", city, "--row", 2, "--data", "new.csv", "--json").json
    assert found["unseen"] == {"city": {"Rom": 1}}
    assert found["pushes"][0]["shapley"] == pytest.approx(0, abs=1e-6)
    assert found["actual"] is None
    assert gradus("explain", city, "--row", 1, "--data", "new.csv").err == ""


def test_dates_missing_cells_and_names_that_steer_a_terminal_are_harmless(
    gradus: Gradus, here: Path
) -> None:
    k = np.arange(40)
    Table.from_arrays({
        "when": np.datetime64("2024-01-01") + k.astype("timedelta64[D]"),
        "<b>\x1b[31m": np.where(k % 5 == 2, np.nan, k),
        "y": ["\x1b[2J", "[red]"] * 20,
    }).write(here / "t.csv")  # fmt: skip
    assert gradus("train", "t.csv", "--target", "y", "--epochs", 2, "--out", "r").code == 0
    done = gradus("explain", "r", "--row", 3)
    assert done.code == 0
    assert "\x1b" not in done.out
    assert "missing" in done.out
    found = gradus("explain", "r", "--row", 3, "--json").json
    assert [p["value"] for p in found["pushes"]] == ["2024-01-03", None]
    html = Path("r/explain/row-3.html").read_text(encoding="utf-8")
    assert "\x1b" not in html
    assert "<b>\ufffd[31m" in Page(html).text


def test_a_page_of_ones_own_is_replaced_with_force_alone(
    gradus: Gradus, wine: Path, here: Path, files: Files
) -> None:
    assert gradus("explain", wine, "--row", 3, "--out", "p.html").code == 0
    before = files()
    done = gradus("explain", wine, "--row", 4, "--out", "p.html")
    assert done.code == 2
    assert "'p.html', which exists" in done.err
    assert files() == before
    assert gradus("explain", wine, "--row", 4, "--out", "p.html", "--force").code == 0
    assert "row 4" in (here / "p.html").read_text(encoding="utf-8")
    assert not (here / wine / "explain").exists()


def test_a_run_with_explanations_is_still_a_run_that_can_be_replaced(
    gradus: Gradus, wine: Path, here: Path, files: Files
) -> None:
    again = ["train", "wine", "--epochs", 1, "--out", wine, "--quiet", "--force"]
    gradus("explain", wine, "--row", 3)
    (wine / "explain" / "notes.txt").write_text("mine")
    before = files()
    assert gradus(*again).code == 2
    assert files() == before
    (wine / "explain" / "notes.txt").unlink()
    assert gradus(*again).code == 0
    assert not (wine / "explain").exists()  # they were of the model that is gone
    (wine / "explain").write_text("mine")
    assert gradus(*again).code == 2


# ── Mistakes ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "messages"),
    [
        (["--row", 0], ["counted from 1 to 178", "0"]),
        (["--row", 179], ["counted from 1 to 178", "179"]),
        (["--row", -1], ["counted from 1 to 178", "-1"]),
        (["--row", "x"], ["--row", "see gradus explain --help"]),
        ([], ["--row", "see gradus explain --help"]),
        (["--row", 3, "--grain", "atom"], ["--grain must be 'operation' or 'layer'", "'atom'"]),
        (["--row", 3, "--class", "class_9"], ["one of 'class_0', 'class_1', 'class_2'", "leave"]),
        (["--row", 3, "--data", "none.csv"], ["must exist", "'none.csv'"]),
        (["--row", 3, "--data", "other.csv"], ["must have the columns 'alcohol'", "'a', 'b'"]),
        (["--row", 3, "--out", "none/p.html"], ["folder that exists", "none/p.html"]),
        (["--row", 3, "--out", "."], ["which exists"]),
    ],
)
def test_a_mistake_in_the_command_is_explained_and_writes_nothing(
    gradus: Gradus, wine: Path, here: Path, files: Files, words: list[Any], messages: list[str]
) -> None:
    (here / "other.csv").write_text("a,b\n1,2\n3,4\n5,6\n")
    before = files()
    done = gradus("explain", wine, *words, "--json")
    assert (done.code, set(done.error)) == (2, {"error", "received", "remedy"})
    said = " ".join(filter(None, done.error.values()))
    for message in messages:
        assert message in said, message
    assert files() == before


def damage_model(run: Path) -> None:
    path = run / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])


def damage_config(run: Path) -> None:
    (run / "config.toml").write_text("source = 3\n")


def damage_summary(run: Path) -> None:
    summary = json.loads((run / "metrics.json").read_text())
    del summary["rows"]["held_out"]
    (run / "metrics.json").write_text(json.dumps(summary))


@pytest.mark.parametrize(
    ("damage", "named", "with_data"),
    [
        (damage_model, "model.safetensors", 2),
        (damage_config, "config.toml", 0),
        (damage_summary, "metrics.json", 0),
    ],
)
def test_a_damaged_run_is_refused_unless_the_model_is_all_that_is_needed(
    gradus: Gradus, wine: Path, files: Files, damage: Callable[[Path], None], named: str,
    with_data: int,
) -> None:  # fmt: skip
    damage(wine)
    before = files()
    done = gradus("explain", wine, "--row", 3)
    assert (done.code, done.out) == (2, "")
    assert named in done.err
    assert files() == before
    assert gradus("explain", wine, "--row", 3, "--data", "wine").code == with_data


def test_a_run_that_may_not_be_written_to_has_the_remedy_of_another_place(
    gradus: Gradus, wine: Path, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    before = files()
    with monkeypatch.context() as patched:
        patched.setattr(Path, "mkdir", refused)
        done = gradus("explain", wine, "--row", 3)
    assert (done.code, done.out) == (2, "")
    assert "Permission denied" in done.err
    assert "name the page with --out" in done.err
    assert files() == before
    (wine / "explain").write_text("a file in the place of the folder")
    done = gradus("explain", wine, "--row", 3)
    assert done.code == 2
    assert "name the page with --out" in done.err


@pytest.mark.parametrize("old", [True, False])
def test_a_full_disk_leaves_the_old_page_or_none(
    gradus: Gradus, wine: Path, files: Files, monkeypatch: pytest.MonkeyPatch, old: bool
) -> None:
    if old:
        gradus("explain", wine, "--row", 3)
    before = files()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    done = gradus("explain", wine, "--row", 3, "--class", "class_2")
    assert (done.code, done.out) == (2, "")
    assert "No space left on device" in done.err
    assert files() == before


def test_a_network_that_has_left_the_finite_numbers_is_refused(gradus: Gradus, wine: Path) -> None:
    path = wine / "model.safetensors"
    model = TableModel.load(path)
    weight = model.network.parameters()[-2]
    weight.assign(np.full(weight.shape, np.finfo(weight.dtype).max, weight.dtype))
    model.save(path)
    done = gradus("explain", wine, "--row", 3, "--data", "wine")
    assert (done.code, done.out) == (2, "")
    assert "only finite scores can be explained" in done.err


def test_help_says_how_rows_are_counted(gradus: Gradus) -> None:
    done = gradus("explain", "--help")
    assert done.code == 0
    assert "the first below the header is 1" in " ".join(done.out.replace("│", " ").split())
