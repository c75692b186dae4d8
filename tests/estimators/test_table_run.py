"""From a table to a run: what train_table gives the estimators, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest

import gradus as gd
from gradus.data import Table, load, split_indices
from gradus.errors import ArgumentError, DataError
from gradus.estimators import MLPClassifier
from gradus.estimators.presets import PRESETS, settled
from gradus.estimators.table_run import train_table
from gradus.random import current_stream
from gradus.runs.recipe_words import PRESETS as IN_WORDS
from gradus.train import Callback


def test_the_callers_random_stream_stays_where_it_is() -> None:
    gd.manual_seed(5)
    current_stream().next()
    table, target = load("iris")
    train_table(table, target, max_iter=1, seed=3, progress=False)
    assert current_stream().next() == (5, 0, 1)


def test_every_preset_is_said_in_words() -> None:
    assert IN_WORDS.keys() == PRESETS.keys()


@pytest.mark.parametrize(("preset", "watches"), [("classic", True), ("default", False)])
def test_rows_held_out_choose_nothing(preset: str, watches: bool) -> None:
    table, target = load("wine")
    run = train_table(table, target, preset=preset, max_iter=12, seed=2, progress=False)
    assert run.watches_held_out is watches
    labels = run.model.target.encode(table.column(target))
    rows, held = split_indices(len(table), 0.2, 2, labels)
    assert run.rows["training"] == len(rows)
    assert run.rows["held_out"] == len(held)
    alone = MLPClassifier(preset=preset, max_iter=12, random_state=2)
    alone.fit(table.drop(target).take(rows), table.column(target)[rows])
    both = alone.network_.parameters(), run.estimator.network_.parameters()
    for mine, theirs in zip(*both, strict=True):
        assert np.array_equal(mine.numpy(), theirs.numpy())
    assert run.rows["validation"] == alone.rows_[1]
    assert sum(alone.rows_) == len(rows)


def test_a_small_table_is_watched_by_its_held_out_rows_and_keeps_the_last_weights() -> None:
    table, target = load("iris")
    run = train_table(table.take(np.arange(0, 150, 2)), target, max_iter=5, progress=False)
    assert run.watches_held_out
    assert run.history.best_epoch is None
    assert len(run.history["val_loss"]) == 5


def test_the_run_forgets_the_callbacks_it_was_trained_with() -> None:
    table, target = load("iris")
    run = train_table(table, target, max_iter=1, callbacks=[Callback()], progress=False)
    assert run.estimator.get_params()["callbacks"] is None


def test_classes_that_are_fractions_are_refused_with_their_row() -> None:
    table = Table.from_arrays({"a": np.arange(40.0), "y": [0.0, 1.0, 0.5, 1.0] * 10})
    with pytest.raises(
        DataError, match=r"texts, booleans or whole numbers; received 0\.5 in row 3"
    ):
        train_table(table, "y", task="classification")


def test_a_class_of_weight_0_is_none() -> None:
    table = Table.from_arrays({
        "a": np.arange(60.0), "w": [1.0, 2.0, 0.0] * 20, "y": ["u", "v", "rare"] * 20,
    })  # fmt: skip
    run = train_table(table, "y", weight="w", max_iter=1, progress=False)
    assert run.model.target.classes == ("u", "v")
    assert run.rows["left_out"] == 20


def test_weight_decay_is_adams_alone() -> None:
    assert settled("strong", "regression", {}).weight_decay > 0
    assert settled("strong", "regression", {"solver": "sgd"}).weight_decay == 0
    with pytest.raises(ArgumentError, match="belongs to the solvers adam and adamw"):
        settled("strong", "regression", {"solver": "sgd", "weight_decay": 0.1})
