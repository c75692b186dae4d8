"""scikit-learn's callbacks, which it has from 1.9 on, and gradus's own."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gradus import estimators, train
from gradus.errors import ArgumentError
from gradus.estimators import MLPClassifier, MLPRegressor, hooks
from gradus.train.callbacks import Row

try:
    from sklearn.callback import ProgressBar, ScoringMonitor

    HAS = True
except ImportError:
    HAS = False

X, Y = load_iris(return_X_y=True)
SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (6,),
    "preset": "classic",
    "max_iter": 6,
    "learning_rate_init": 0.02,
    "batch_size": 50,
    "random_state": 0,
}
has_callbacks = pytest.mark.skipif(not HAS, reason="this scikit-learn has no callbacks")


def model(**options: Any) -> MLPClassifier:
    return MLPClassifier(**{**SMALL, **options})


class Recorder:
    """A callback of scikit-learn's protocol: what it was told, and where it says stop."""

    def __init__(self, stop_after: int = 10**9) -> None:
        self.stop_after = stop_after
        self.told: list[tuple[str, str, int]] = []
        self.predictions: list[Any] = []

    def setup(self, estimator: Any, context: Any) -> None:
        self.told.append(("setup", context.task_name, context.task_id))

    def teardown(self, estimator: Any, context: Any) -> None:
        self.told.append(("teardown", context.task_name, context.task_id))

    def on_fit_task_begin(self, estimator: Any, context: Any, *, X: Any = None) -> None:
        self.told.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, X: Any = None, fitted_estimator: Any = None
    ) -> bool:
        self.told.append(("end", context.task_name, context.task_id))
        self.predictions.append(fitted_estimator.predict_proba(X))
        return context.task_name == "pass" and context.task_id + 1 >= self.stop_after


# scikit-learn's -----------------------------------------------------------------------------------


@has_callbacks
def test_scikit_learns_callbacks_are_told_of_every_pass() -> None:
    recorder = Recorder()
    fitted = model().set_callbacks(recorder).fit(X, Y)
    passes = [(what, "pass", k) for k in range(6) for what in ("begin", "end")]
    assert recorder.told[0][0] == "setup"
    assert recorder.told[-1][0] == "teardown"
    assert [t for t in recorder.told if t[1] == "pass"] == passes
    assert recorder.told[1] == ("begin", "fit", 0)
    assert recorder.told[-2] == ("end", "fit", 0)
    np.testing.assert_array_equal(recorder.predictions[-1], fitted.predict_proba(X))
    first = model(max_iter=1).fit(X, Y).predict_proba(X)
    np.testing.assert_array_equal(recorder.predictions[0], first)


@has_callbacks
def test_a_callback_of_scikit_learn_may_stop_the_training() -> None:
    fitted = model().set_callbacks(Recorder(stop_after=3)).fit(X, Y)
    assert fitted.n_iter_ == 3
    assert "callback of scikit-learn" in fitted.history_.stop_reason


@has_callbacks
def test_callbacks_change_nothing_that_is_learnt() -> None:
    watched = model(dropout=0.2).set_callbacks(Recorder()).fit(X, Y)
    plain = model(dropout=0.2).fit(X, Y)
    np.testing.assert_array_equal(watched.predict_proba(X), plain.predict_proba(X))


@has_callbacks
def test_a_score_of_every_pass_is_recorded() -> None:
    monitor = ScoringMonitor(scoring=["accuracy", "neg_log_loss"])
    fitted = model().set_callbacks(monitor).fit(X, Y)
    rows = [r for r in monitor.get_logs().data if r["task_name"] == "pass"]
    assert [r["task_id"] for r in rows] == list(range(6))
    assert rows[-1]["accuracy"] == accuracy_score(Y, fitted.predict(X))
    assert rows[-1]["neg_log_loss"] == pytest.approx(-log_loss(Y, fitted.predict_proba(X)))
    assert rows[0]["neg_log_loss"] < rows[-1]["neg_log_loss"]
    assert len(monitor.get_logs().data_as_pandas) >= 6


@has_callbacks
def test_scores_of_numbers_are_recorded() -> None:
    monitor = ScoringMonitor(scoring="r2")
    table, numbers = load_diabetes(return_X_y=True)
    fitted = MLPRegressor(**SMALL).set_callbacks(monitor).fit(table, numbers)
    rows = [r for r in monitor.get_logs().data if r["task_name"] == "pass"]
    assert rows[-1]["r2"] == pytest.approx(fitted.score(table, numbers))


@has_callbacks
def test_a_search_passes_callbacks_on_to_every_fit() -> None:
    monitor = ScoringMonitor(scoring="accuracy")
    asking = model(max_iter=3).set_callbacks(monitor)
    GridSearchCV(asking, {"alpha": [0.0, 1.0]}, cv=2).fit(X, Y)
    rows = [r for r in monitor.get_logs().data if r["task_name"] == "pass"]
    # Four fits of the search and one of the best, three passes each.
    assert len(rows) == 15


@has_callbacks
def test_the_progress_bar_shows_the_passes(capfd: pytest.CaptureFixture[str]) -> None:
    GridSearchCV(model(max_iter=2), {"alpha": [0.0, 1.0]}, cv=2).set_callbacks(ProgressBar()).fit(
        X, Y
    )
    out, err = capfd.readouterr()
    assert "MLPClassifier" in out + err


@has_callbacks
def test_a_pipeline_tells_its_network() -> None:
    recorder = Recorder()
    recorded = model(max_iter=2).set_callbacks(recorder)
    make_pipeline(StandardScaler(), recorded).fit(X, Y)
    assert len([t for t in recorder.told if t[:2] == ("end", "pass")]) == 2


@has_callbacks
def test_callbacks_are_torn_down_where_a_fit_fails() -> None:
    recorder = Recorder()
    failing = model(solver="sgd", learning_rate_init=1e30).set_callbacks(recorder)
    with pytest.raises(ArithmeticError):
        failing.fit(X, Y)
    assert recorder.told[-1][0] == "teardown"
    broken = Recorder()
    broken.on_fit_task_begin = None  # type: ignore[assignment]
    with pytest.raises(TypeError):
        model().set_callbacks(broken).fit(X, Y)
    assert broken.told[-1][0] == "teardown"


@has_callbacks
def test_rows_the_callbacks_see_are_those_that_were_given() -> None:
    frame = pd.DataFrame(X, columns=list("abcd")).assign(kind=np.where(Y == 1, "x", "y"))
    monitor = ScoringMonitor(scoring="accuracy")
    fitted = model(max_iter=2).set_callbacks(monitor).fit(frame, np.array(["u", "v", "w"])[Y])
    rows = [r for r in monitor.get_logs().data if r["task_name"] == "pass"]
    assert rows[-1]["accuracy"] == fitted.score(frame, np.array(["u", "v", "w"])[Y])


@has_callbacks
def test_an_estimator_with_callbacks_can_be_copied_and_fitted_again() -> None:
    import pickle

    monitor = ScoringMonitor(scoring="accuracy")
    fitted = model(max_iter=2).set_callbacks(monitor).fit(X, Y)
    copied = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copied.predict_proba(X), fitted.predict_proba(X))
    fitted.fit(X, Y)
    assert len(monitor.get_logs(select="all")) == 2


@has_callbacks
def test_partial_fit_is_no_fit_that_scikit_learns_callbacks_follow() -> None:
    recorder = Recorder()
    model().set_callbacks(recorder).partial_fit(X, Y)
    assert recorder.told == []


def test_without_callbacks_in_scikit_learn_estimators_work_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    spec = importlib.util.spec_from_file_location("old_hooks", hooks.__file__)
    assert spec is not None
    assert spec.loader is not None
    old = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(old)

    class Plain(old.CallbackSupportMixin):  # type: ignore[name-defined, misc]
        @old.with_callbacks  # type: ignore[untyped-decorator]
        def fit(self) -> str:
            return "fitted"

    assert Plain().fit() == "fitted"
    assert not hasattr(Plain(), "set_callbacks")
    assert old.passes(Plain(), None, None) == []
    assert estimators.__all__, "and nothing else of the room asks for them"


# gradus's own -------------------------------------------------------------------------------------


class Stopper(train.Callback):
    """Counts, and stops after a number of passes."""

    def __init__(self, after: int = 10**9) -> None:
        self.after, self.rows = after, []
        self.calls: list[str] = []

    def on_fit_begin(self, trainer: train.Trainer, epochs: int, steps_per_epoch: int) -> None:
        self.calls.append(f"begin {epochs} × {steps_per_epoch}")

    def on_epoch_end(self, trainer: train.Trainer, row: Row) -> None:
        self.rows.append(row)
        if row["epoch"] >= self.after:
            trainer.stop("enough")

    def on_fit_end(self, trainer: train.Trainer) -> None:
        self.calls.append("end")


def test_callbacks_of_gradus_see_every_pass_and_may_stop() -> None:
    stopper = Stopper(after=4)
    fitted = model(callbacks=[stopper]).fit(X, Y)
    assert fitted.n_iter_ == len(stopper.rows) == 4
    assert stopper.calls == ["begin 6 × 3", "end"]
    assert [r["loss"] for r in stopper.rows] == fitted.loss_curve_
    assert fitted.history_.stop_reason == "enough"


def test_callbacks_come_along_in_partial_fit_and_warm_start() -> None:
    stopper = Stopper()
    one = model(callbacks=[stopper], warm_start=True, max_iter=2)
    one.fit(X, Y)
    one.fit(X, Y)
    one.partial_fit(X, Y)
    assert [r["epoch"] for r in stopper.rows] == [1, 2, 3, 4, 5]


def test_callbacks_of_gradus_come_with_every_fit_of_a_search() -> None:
    # Each fit has a copy: a callback is no option that a clone could share safely.
    search = GridSearchCV(model(callbacks=[Stopper(after=1)]), {"alpha": [0.0, 1.0]}, cv=2)
    assert search.fit(X, Y).best_estimator_.n_iter_ == 1


def test_convergence_is_a_callback() -> None:
    fitted = model(callbacks=[train.Convergence(loss_change=0.5)], max_iter=30).fit(X, Y)
    assert "converged" in fitted.history_.stop_reason


def test_an_error_in_a_callback_is_the_users_and_leaves_what_was_learnt() -> None:
    class Broken(Stopper):
        def on_epoch_end(self, trainer: train.Trainer, row: Row) -> None:
            super().on_epoch_end(trainer, row)
            if row["epoch"] == 2:
                raise KeyError("mine")

    broken = model(callbacks=[Broken()])
    with pytest.raises(KeyError, match="mine"):
        broken.fit(X, Y)
    assert broken.n_iter_ == 2
    np.testing.assert_array_equal(
        broken.predict_proba(X), model(max_iter=2).fit(X, Y).predict_proba(X)
    )


@pytest.mark.parametrize("wrong", [Stopper(), [print], "progress", [Stopper]])
def test_what_is_no_list_of_callbacks_is_refused(wrong: Any) -> None:
    with pytest.raises(ArgumentError, match="callback"):
        model(callbacks=wrong).fit(X, Y)
