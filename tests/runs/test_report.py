"""The report is one page that needs nothing else, says everything, and cannot be attacked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.pages import Page, assert_accessible, assert_offline, assert_well_formed

from gradus.data import Table, load
from gradus.estimators.table_run import DivergedRunError, train_table
from gradus.optim import SGD
from gradus.runs import RunConfig, RunDraft, save_run


def html_of(table: Table, target: str, folder: Path, source: str = "t.csv", **settings: Any) -> str:
    config = RunConfig(source, target, preset=settings.get("preset", "default"))
    failure = None
    try:
        run = train_table(table, target, progress=False, **{"max_iter": 4, **settings})
    except DivergedRunError as error:
        run, failure = error.run, str(error)
    with RunDraft(folder / "run") as draft:
        save_run(draft, run, config, failure)
    return (folder / "run" / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module", params=["digits", "wine", "diabetes"])
def html(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    return html_of(*load(request.param), tmp_path_factory.mktemp("run"), request.param)


def test_the_report_names_no_address_outside_itself(html: str) -> None:
    assert_offline(html)


def test_the_report_is_well_formed_and_its_references_point_somewhere(html: str) -> None:
    assert_well_formed(html)


def test_the_report_has_a_language_a_viewport_and_headings_in_order(html: str) -> None:
    assert_accessible(html)


def test_every_picture_is_described_and_every_table_scrolls_in_a_box_of_its_own(html: str) -> None:
    page = Page(html)
    assert len(page.tags("svg")) >= 2
    for attrs in page.tags("svg"):
        assert attrs["role"] == "img"
        assert len(attrs["aria-label"] or "") > 20
    boxes = [a for a in page.tags("div") if a.get("class") == "scroll"]
    assert len(boxes) == len(page.tags("table"))
    assert all(a.get("aria-label") for a in boxes)


def test_text_in_the_pictures_stays_text_in_the_colour_of_the_page(html: str) -> None:
    pictures = " ".join(re.findall(r"<svg.*?</svg>", html, re.DOTALL))
    assert "epoch (pass over the training rows)" in pictures
    assert "currentColor" in pictures
    assert "validation rows" in pictures
    assert "font-family" not in pictures


def test_the_report_has_every_section(html: str) -> None:
    text = Page(html).text
    for part in (
        "The task", "The data’s columns", "How it learnt", "Results on held-out rows", "Metrics",
        "The network", "How it was trained", "Repeat this run", "default: three layers",
        "schedule coslog4", "Show all settings",
        "Linear(", "parameters", "all 4 epochs done", "gradus train", "--seed 0", "NumPy", "Python",
        "rows that training never saw", "For comparison",
    ):  # fmt: skip
        assert part in text, part


def test_the_report_says_which_rows_its_curves_are_of(tmp_path: Path) -> None:
    html = html_of(*load("digits"), tmp_path / "a", "digits")
    digits = Page(html).text
    assert "1,438 training rows: the network learnt from 1,222 of them" in digits
    assert "216 validation rows told which epoch’s weights to keep" in digits
    assert "used for nothing but the results below" in digits
    assert "on validation rows from" in html
    assert "on held-out rows from" not in html
    for settings in ({"preset": "classic"}, {"early_stopping": False}):
        own = tmp_path / str(settings)
        html = html_of(*load("digits"), own, "digits", **settings)
        text = Page(html).text
        assert "The network learnt from 1,438 rows." in text
        assert "used for nothing but the results and the curves below" in text
        assert "on held-out rows from" in html
        assert "validation rows" not in html


@pytest.mark.parametrize("preset", ["classic", "strong", "ensemble"])
def test_the_report_says_what_the_preset_does(tmp_path: Path, preset: str) -> None:
    html = html_of(*load("iris"), tmp_path, "iris", preset=preset, max_iter=2)
    assert_well_formed(html)
    text = Page(html).text
    wanted = {
        "classic": ("mean subtracted", "100 units, relu", "constant", "those of the last epoch"),
        "strong": ("sines and cosines", "selu", "dropout", "labels smoothed by"),
        "ensemble": ("each of their bins", "which share the hidden layers", "weight decay"),
    }
    for part in (*wanted[preset], "Show all settings", "numeric_embedding"):
        assert part in text, part


def test_many_categories_are_said_to_have_numbers_of_their_own(tmp_path: Path) -> None:
    rows = np.arange(120)
    towns = Table.from_arrays({"town": [f"t{k % 12}" for k in rows], "y": rows % 2 > 0})
    assert "In columns of more than 9 categories" in Page(html_of(towns, "y", tmp_path / "a")).text
    few = Table.from_arrays({"town": [f"t{k % 3}" for k in rows], "y": rows % 2 > 0})
    text = Page(html_of(few, "y", tmp_path / "b")).text
    assert "Categories get one input each." in text
    assert "In columns of more" not in text
    assert "Numbers" not in text


def test_a_classification_shows_its_confusion_matrix_with_every_row_counted(tmp_path: Path) -> None:
    html = html_of(*load("digits"), tmp_path, "digits")
    matrix = re.search(r'<table class="confusion">.*?</table>', html, re.DOTALL)
    assert matrix
    cells = [int(n) for n in re.findall(r"<td class=[^>]*>(\d+)</td>", matrix[0])]
    assert len(cells) == 100
    assert sum(cells) == 359
    assert "Show all 64 columns" in html


def test_a_regression_shows_predicted_against_actual_with_the_diagonal(tmp_path: Path) -> None:
    text = Page(html_of(*load("diabetes"), tmp_path, "diabetes")).text
    for part in ("predicted = actual", "actual progression", "predicted progression", "RMSE", "R²"):
        assert part in text


EVIL = '<script>alert("1")</script>'


def test_hostile_names_and_classes_are_shown_as_text(tmp_path: Path) -> None:
    rows = 40
    table = Table.from_arrays({
        EVIL: np.arange(rows) % 7,
        "$\\frac$ & <b>": ["<img src=x onerror=alert(1)>", "'\"><svg onload=alert(2)>"] * 20,
        "class": ["</style><script>x</script>", "{{ 7 * 7 }}"] * 20,
    })  # fmt: skip
    html = html_of(table, "class", tmp_path, f"{EVIL}.csv")
    page = Page(html)
    assert {"script", "img", "b"}.isdisjoint(tag for tag, _ in page.elements)
    assert not any(name.startswith("on") for _, attrs in page.elements for name in attrs)
    assert EVIL in page.text
    assert "{{ 7 * 7 }}" in page.text


def test_a_hostile_class_that_a_verdict_names_is_shown_as_text(tmp_path: Path) -> None:
    table = Table.from_arrays({"a": np.arange(100.0), "class": [EVIL] * 95 + ["b"] * 5})
    page = Page(html_of(table, "class", tmp_path))
    assert page.tags("script") == []
    assert "Problem: label imbalance 95.0 % of the rows belong to “<script>" in page.text


def test_a_hostile_regression_target_reaches_the_picture_as_text(tmp_path: Path) -> None:
    target = "$\\x$<script>\x1b é 日本"
    table = Table.from_arrays({"a": np.arange(30.0), target: np.arange(30.0) ** 2})
    page = Page(html_of(table, target, tmp_path))
    assert page.tags("script") == []
    assert "actual $\\x$<script>\ufffd é 日本" in page.text


def test_many_classes_get_a_list_of_mistakes_instead_of_a_matrix(tmp_path: Path) -> None:
    labels = [f"c{i % 40:02}" for i in range(400)]
    table = Table.from_arrays({"a": np.arange(400) % 3, "class": labels})
    html = html_of(table, "class", tmp_path)
    assert 'class="confusion"' not in html
    assert "Most frequent mistakes" in html


def test_a_run_without_held_out_rows_says_that_it_proves_nothing(tmp_path: Path) -> None:
    text = Page(html_of(*load("iris"), tmp_path, "iris", validation=0.0)).text
    assert "None were held out" in text
    assert "Results on the training rows" in text


def test_a_run_that_diverged_in_its_first_epoch_has_a_report_that_says_so(tmp_path: Path) -> None:
    text = Page(html_of(*load("diabetes"), tmp_path, "diabetes", solver=SGD(1e30))).text
    assert "Training broke off." in text
    assert "last good" in text
    assert "there are no curves" in text


def test_a_linear_model_and_a_single_epoch_are_drawn(tmp_path: Path) -> None:
    html = html_of(*load("wine"), tmp_path, "wine", hidden_layer_sizes=(), max_iter=1)
    text = Page(html).text
    assert "3 layers," in text  # the factors of the columns, the sum, and the temperature
    assert "none: a linear model" in text
    assert "Curve of the loss over 1 epoch:" in html


@pytest.mark.parametrize("copies", [1, 2])
def test_sentences_on_the_rows_stand_apart(tmp_path: Path, copies: int) -> None:
    ways: dict[str, dict[str, Any]] = {"watched": {}, "unwatched": {"early_stopping": False}}
    for name, options in ways.items():
        settings = {"max_iter": 1, "copies": copies, **options}
        text = Page(html_of(*load("iris"), tmp_path / name, "iris", **settings)).text
        told = re.search(r"(training rows?:|learnt from) .*? were held out", text, re.DOTALL)
        assert told
        assert not re.search(r"\.[^\s]", told[0])
