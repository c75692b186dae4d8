"""gradus evaluate: predictions against the target column of a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from gradus.data import Table, load, split_indices

if TYPE_CHECKING:
    from tests.cli.conftest import Gradus


def test_the_held_out_rows_give_the_metrics_of_the_run(
    gradus: Gradus, wine_model: Path, here: Path
) -> None:
    table, target = load("wine")
    labels = [["class_0", "class_1", "class_2"].index(c) for c in table.column(target)]
    _, held = split_indices(len(table), 0.2, 0, labels)
    table.take(held).write(here / "test.csv")
    found = gradus("evaluate", wine_model, "test.csv", "--json").json
    recorded = json.loads((wine_model / "metrics.json").read_text())
    assert found["metrics"] == recorded["metrics"]
    assert found["rows"] == 36
    assert found["unseen"] == {}


def test_the_result_is_said_in_words(gradus: Gradus, wine_model: Path, wine_csv: Path) -> None:
    done = gradus("evaluate", wine_model, wine_csv)
    assert done.code == 0
    assert "Of 178 rows of wine.csv, " in done.out
    assert "log loss" in done.out
    assert "For comparison: always answering “class_1”" in done.out


def test_without_the_target_column_the_remedy_is_predict(
    gradus: Gradus, wine_model: Path, here: Path
) -> None:
    table, target = load("wine")
    table.drop(target).write(here / "test.csv")
    done = gradus("evaluate", wine_model, "test.csv")
    assert done.code == 2
    assert "needs the target column 'cultivar'" in done.err
    assert "predict" in done.err


def test_a_class_that_training_did_not_have_is_named_with_its_row(
    gradus: Gradus, wine_model: Path, here: Path
) -> None:
    table, target = load("wine")
    labels = table.column(target)
    labels = [*labels[:3], "class_9", *labels[4:]]
    table.with_columns({target: labels}).write(here / "test.csv")
    done = gradus("evaluate", wine_model, "test.csv", "--json")
    assert done.code == 2
    assert "'class_9' in row 4" in done.error["received"]


def test_classes_of_text_stay_text_where_a_test_file_holds_digits_only(
    gradus: Gradus, here: Path
) -> None:
    labels = ["01", "1", "x", "01"] * 10
    Table.from_arrays({"a": [0, 1, 2, 0] * 10, "y": labels}).write(here / "train.csv")
    (here / "test.csv").write_text("a,y\n0,01\n1,1\n")
    assert gradus("train", "train.csv", "--target", "y", "--epochs", 1, "--out", "r").code == 0
    done = gradus("evaluate", "r", "test.csv", "--json")
    assert (done.code, done.err) == (0, "")
