"""The history: columns, lines of JSON, curves."""

from __future__ import annotations

import json
from io import BytesIO

import numpy as np
import pytest

import gradus as gd
from gradus import losses, nn
from gradus.errors import ArgumentError
from gradus.train import History

X = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)
LABELS = (X[:, 0] > 0).astype(np.int64)


def trained() -> History:
    gd.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 2))
    trainer = gd.Trainer(net, losses.cross_entropy, metrics=["accuracy"])
    return trainer.fit(X, LABELS, epochs=3, validation=0.2, progress=False)


def test_a_run_records_these_columns() -> None:
    history = trained()
    assert set(history.columns) == {
        "epoch", "steps", "loss", "val_loss", "val_accuracy", "gradient_norm", "gradient_norms",
        "learning_rate", "seconds",
    }  # fmt: skip
    assert history.metrics == ["loss", "val_loss", "val_accuracy"]
    assert history["epoch"].tolist() == [1, 2, 3]
    assert (np.diff(history["seconds"]) > 0).all()
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert len(history) == 3


def test_an_epoch_without_a_value_has_nan_in_its_column() -> None:
    history = History([{"loss": 1.0}, {"loss": 2.0, "val_loss": 3.0}, {"val_loss": None}])
    assert np.array_equal(history["val_loss"], [np.nan, 3.0, np.nan], equal_nan=True)


def test_an_unknown_column_is_refused_with_those_there_are() -> None:
    with pytest.raises(ArgumentError, match="columns are loss; received accuracy"):
        History([{"loss": 1.0}])["accuracy"]
    with pytest.raises(ArgumentError):
        History()["loss"]


def test_lines_of_json_hold_what_the_history_holds() -> None:
    history = trained()
    lines = history.to_jsonl().splitlines()
    assert [json.loads(line) for line in lines] == history.rows
    assert History([json.loads(line) for line in lines])["loss"].tolist() == (
        history["loss"].tolist()
    )


def test_numbers_that_json_does_not_have_become_null() -> None:
    row = {"epoch": 1, "loss": float("nan"), "gradient_norms": {"w": float("inf")}}
    text = History([row]).to_jsonl()
    assert text == '{"epoch": 1, "loss": null, "gradient_norms": {"w": null}}\n'
    assert np.isnan(History([json.loads(text)])["loss"]).all()


def test_the_plot_has_a_panel_a_metric_with_both_curves() -> None:
    history = trained()
    history.best_epoch = 2
    figure = history.plot()
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy"]
    assert {axes.get_xlabel() for axes in figure.axes} == {"epoch"}
    labels = [[text.get_text() for text in a.get_legend().get_texts()] for a in figure.axes]
    assert labels == [["training", "validation", "weights kept"], ["validation", "weights kept"]]
    curves = {line.get_label(): line for line in figure.axes[0].get_lines()}
    assert curves["training"].get_ydata().tolist() == history["loss"].tolist()
    assert curves["validation"].get_ydata().tolist() == history["val_loss"].tolist()
    buffer = BytesIO()
    figure.savefig(buffer)
    assert buffer.getvalue().startswith(b"\x89PNG")


@pytest.mark.parametrize("rows", [[], [{"epoch": 1, "loss": 0.5}], [{"epoch": 1, "loss": None}]])
def test_short_histories_can_be_drawn(rows: list[dict[str, float]]) -> None:
    figure = History(rows).plot()
    figure.savefig(BytesIO())
    if rows and rows[0]["loss"]:
        (line,) = figure.axes[0].get_lines()
        assert line.get_marker() == "o", "one point would not be seen without"


def test_epochs_are_marked_by_whole_numbers() -> None:
    axes = trained().plot().axes[0]
    assert all(float(tick).is_integer() for tick in axes.get_xticks())


def test_plotting_leaves_no_figure_open() -> None:
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    trained().plot()
    assert plt.get_fignums() == before
