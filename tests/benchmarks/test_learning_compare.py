"""A comparison: fits once, in turn, leaves out with a reason, and never mixes settings."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.client import WorkerError
from benchmarks.learning import classic
from benchmarks.learning.cache import Cache
from benchmarks.learning.compare import Comparison, Plan
from benchmarks.learning.dataset import DataSet, frame
from benchmarks.learning.models import MODELS as MODELS_OF_ALL
from benchmarks.learning.models import Model, make, plain_code
from benchmarks.learning.peers import PEERS
from benchmarks.learning.results import figures, gather, whole

SETS = {"tiny": lambda: DataSet(frame(np.zeros((12, 1))), np.arange(12.0), "regression", "")}
MODELS = {"a": Model("A", "linear"), "b": Model("B", "forest")}
PLAN = Plan(folds=3, taken=3, seeds=2, limit=10.0)


class Fake:
    """A worker that answers at once, and remembers who was asked for what."""

    def __init__(self, log: list[tuple[str, int, int]], model: str, answer: Any) -> None:
        self.log, self.model, self.answer = log, model, answer

    def ask(self, do: str, *, timeout: float, seed: int, fold: int, **_: Any) -> dict[str, Any]:
        self.log.append((self.model, seed, fold))
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"row": {"error": 0.5, "rmse": 1.0, "others": 0.0, **self.answer}}

    def close(self) -> None:
        pass


def compared(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    models: Any = MODELS,
    plan: Plan = PLAN,
    **answers: Any,
) -> tuple[dict[str, Any], list[tuple[str, int, int]]]:
    log: list[tuple[str, int, int]] = []
    quick = {"seconds": 1.0}
    monkeypatch.setattr(
        Comparison, "_worker", lambda self, name: Fake(log, name, answers.get(name, quick))
    )
    with Comparison(models, plan, Cache(path / "results.jsonl")) as comparison:
        return gather(comparison.run(SETS), models, plan)["sets"]["tiny"], log


def test_models_take_turns_and_another_one_begins_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, log = compared(tmp_path, monkeypatch)
    assert log[:4] == [("a", 0, 0), ("b", 0, 0), ("b", 0, 1), ("a", 0, 1)]
    assert len(log) == 12


def test_a_run_that_is_taken_up_fits_only_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared(tmp_path, monkeypatch, plan=Plan(folds=3, taken=2, seeds=1, limit=10.0))
    _, log = compared(tmp_path, monkeypatch)
    assert len(log) == 8
    _, log = compared(tmp_path, monkeypatch)
    assert log == []


def test_other_settings_are_another_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compared(tmp_path, monkeypatch)
    changed = {**MODELS, "b": Model("B", "forest", {"n_estimators": 10})}
    _, log = compared(tmp_path, monkeypatch, models=changed)
    assert {model for model, _, _ in log} == {"b"}
    assert len(log) == 6


def test_the_key_of_a_preset_has_all_that_the_preset_comes_to() -> None:
    plain, quicker = MODELS_OF_ALL["default"], Model("", settings={"MLPRegressor": {"max_iter": 9}})
    numbers = plain.identity("regression")["recipe"]
    assert numbers != plain.identity("classification")["recipe"]
    assert numbers["hidden_layer_sizes"] == "(256, 256, 256)"
    assert quicker.identity("regression")["recipe"] == {**numbers, "max_iter": "9"}
    same = quicker.identity("classification")["recipe"]
    assert same == plain.identity("classification")["recipe"]


def test_the_preset_of_the_lectures_is_what_scikit_learn_computes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(classic, "CHECKED", (2,))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of networks that have not converged
        _, ours, theirs = classic.losses("float64")[0]
    assert ours == pytest.approx(theirs, rel=classic.TOLERANCE["float64"])
    assert ours < 2


def test_a_fit_that_takes_too_long_leaves_the_model_out_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell, log = compared(tmp_path, monkeypatch, b={"seconds": 11.0})
    assert cell["left_out"] == {"b": "a fit takes over 10 s"}
    assert [m for m, _, _ in log].count("b") == 1
    assert whole(cell, "a")
    assert not whole(cell, "b")
    _, log = compared(tmp_path, monkeypatch, b={"seconds": 11.0})
    assert log == []  # it is known
    longer = Plan(folds=3, taken=3, seeds=2, limit=20.0)
    cell, log = compared(tmp_path, monkeypatch, plan=longer, b={"seconds": 11.0})
    assert len(log) == 6  # there is more time now
    assert whole(cell, "b")


def test_a_model_that_fails_is_left_out_and_tried_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell, log = compared(tmp_path, monkeypatch, b=WorkerError("ValueError: no"))
    assert cell["left_out"] == {"b": "ValueError: no"}
    assert [m for m, _, _ in log].count("b") == 1
    assert figures(cell, "b", "error") == []
    cell, _ = compared(tmp_path, monkeypatch)
    assert cell["left_out"] == {}


@pytest.mark.parametrize("kind", PEERS)
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_peers_take_missing_cells_and_categories_they_have_not_seen(kind: str, task: Any) -> None:
    rng = np.random.default_rng(0)
    numbers = rng.standard_normal((60, 2))
    numbers[::7, 0] = np.nan
    X = frame(numbers, word=np.array(["u", "v", None] * 20, dtype=object))
    y = numbers[:, 1] if task == "regression" else np.array(["p", "q"], object)[[0, 1] * 30]
    settings = {"tol": 0.01} if kind == "network" else {}
    model = make(kind, settings, X, task, seed=0, threads=1).fit(X, y)
    X.loc[:5, "word"] = "w"
    assert len(model.predict(X)) == 60


def test_comments_and_docstrings_are_not_code() -> None:
    one = 'def f(x):\n    """Twice."""\n    return 2 * x  # that is all\n'
    assert plain_code(one) == plain_code("def f(x):\n\n    return 2*x")
    assert plain_code(one) != plain_code(one.replace("2 *", "3 *"))
