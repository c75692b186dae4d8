"""Several networks of one recipe, each trained by itself, whose predictions are averaged."""

from __future__ import annotations

import pickle
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.metrics import log_loss

from gradus import losses, nn, optim
from gradus.data import load
from gradus.errors import ArgumentError
from gradus.estimators import MLPClassifier, MLPRegressor
from gradus.estimators.base import NetworkEstimator
from gradus.estimators.presets import settled
from gradus.estimators.table_run import train_table
from gradus.estimators.temperature import temperature
from gradus.train import Callback, Trainer
from gradus.types import Array

X, Y = load_iris(return_X_y=True)
NUMBERS = load_diabetes(return_X_y=True)
SMALL: dict[str, Any] = {"hidden_layer_sizes": (8,), "max_iter": 4, "random_state": 0, "copies": 3}


def classifier(**options: Any) -> MLPClassifier:
    return MLPClassifier(**{**SMALL, **options})


def outputs(model: Any, X: Array) -> Array:
    """What each of the networks gives, (networks, rows, outputs)."""
    x = model.encoder_.transform_matrix(X)
    networks = model.network_[0].networks
    assert len(networks) == 3
    return np.stack([Trainer(n, losses.squared_error).predict(x) for n in networks]).astype(float)


# What is predicted --------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", ["classic", "default", "strong"])
def test_probabilities_are_the_mean_of_those_of_the_copies(preset: str) -> None:
    model = classifier(preset=preset).fit(X, Y)
    expected = softmax(outputs(model, X), axis=2).mean(axis=0)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-5, atol=1e-6)


def test_of_two_classes_and_of_several_answers_too() -> None:
    model = classifier().fit(X, Y == 1)
    expected = expit(outputs(model, X)).mean(axis=0)[:, 0]
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], expected, rtol=1e-5, atol=1e-6)
    answers = np.column_stack([Y == 0, X[:, 0] > 6]).astype(int)
    model = classifier().fit(X, answers)
    expected = expit(outputs(model, X)).mean(axis=0)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-5, atol=1e-6)


def test_each_of_several_questions_has_its_mean() -> None:
    questions = np.column_stack([Y, (X[:, 0] > 6) + 5])
    model = classifier().fit(X, questions)
    raw = outputs(model, X)
    for found, part in zip(model.predict_proba(X), (raw[..., :3], raw[..., 3:]), strict=True):
        expected = softmax(part, axis=2).mean(axis=0)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_predicted_numbers_are_the_mean_of_those_of_the_copies() -> None:
    model = MLPRegressor(**SMALL).fit(*NUMBERS)
    x, y = NUMBERS
    expected = outputs(model, x).mean(axis=0)[:, 0] * y.std() + y.mean()
    np.testing.assert_allclose(model.predict(x), expected, rtol=1e-5)


# How they are trained -----------------------------------------------------------------------------


def test_the_first_copy_is_the_network_that_would_be_trained_alone() -> None:
    alone, several = classifier(copies=1).fit(X, Y), classifier().fit(X, Y)
    for one, first in zip(alone.coefs_, several.coefs_, strict=True):
        assert np.array_equal(one, first[0])
        assert not np.array_equal(first[0], first[1])
        assert not np.array_equal(first[1], first[2])
    assert several.loss_curve_ == alone.loss_curve_
    assert several.n_iter_ == alone.n_iter_ == 4


def test_each_copy_holds_out_other_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[set[int]] = []
    division = NetworkEstimator._division

    def watched(self: Any, *arguments: Any) -> Any:
        training, held = division(self, *arguments)
        found.append(set(held.tolist()))
        return training, held

    monkeypatch.setattr(NetworkEstimator, "_division", watched)
    classifier(preset="default").fit(X, Y)
    assert len(found) == 3
    assert found[0] != found[1] != found[2] != found[0]


def test_the_same_seed_gives_the_same_copies_and_another_one_others() -> None:
    one, same, other = (classifier(random_state=s).fit(X, Y).predict_proba(X) for s in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.allclose(one, other)


def test_a_further_fit_goes_on_with_all_of_them() -> None:
    model = classifier(warm_start=True).fit(X, Y)
    before = [c.copy() for c in model.coefs_]
    model.fit(X, Y)
    assert model.n_iter_ == 8
    model.partial_fit(X, Y)
    assert model.n_iter_ == 9
    for was, now in zip(before, model.coefs_, strict=True):
        assert was.shape == now.shape
        assert all(not np.array_equal(a, b) for a, b in zip(was, now, strict=True))


def test_partial_fit_and_build_begin_with_one_network() -> None:
    assert classifier().build(X, Y).coefs_[0].shape == (4, 8)
    assert classifier().partial_fit(X, Y).coefs_[0].shape == (4, 8)


def test_one_is_trained_where_all_would_watch_the_same_rows() -> None:
    model = MLPClassifier((8,), max_iter=2, random_state=0)
    assert model.fit(X, Y).coefs_[0].shape == (4, 4, 8)
    assert model.fit(X, Y, X_val=X, y_val=Y).coefs_[0].shape == (4, 8)


def test_progress_says_which_of_them_is_trained(capfd: pytest.CaptureFixture[str]) -> None:
    classifier(verbose=True).fit(X, Y)
    shown = [line for line in capfd.readouterr().err.split("\n") if "4/4" in line]
    assert [line.split(" epoch")[0] for line in shown] == ["copy 1/3", "copy 2/3", "copy 3/3"]
    classifier(verbose=True, copies=1).fit(X, Y)
    assert capfd.readouterr().err.startswith("epoch")


def test_nothing_of_it_is_written_where_no_terminal_is(capfd: pytest.CaptureFixture[str]) -> None:
    classifier().fit(X, Y)
    run = train_table(*load("iris"), max_iter=1)
    assert len(run.estimator._copies) == 4
    assert capfd.readouterr() == ("", "")


class Interrupts(Callback):
    """Ctrl-C in the first pass of the k-th network."""

    def __init__(self, k: int) -> None:
        self.k, self.begun = k, 0

    def on_fit_begin(self, trainer: Trainer, epochs: int, steps_per_epoch: int) -> None:
        self.begun += 1

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        if self.begun == self.k:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("k", [1, 2])
def test_ctrl_c_ends_the_copy_that_is_trained_and_begins_no_other(k: int) -> None:
    hook = Interrupts(k)
    model = classifier(callbacks=[hook]).fit(X, Y)
    assert hook.begun == k
    assert model.n_iter_ == (1 if k == 1 else 4)
    assert model.predict(X).shape == (150,)
    assert not isinstance(model.network_[0], nn.Ensemble), "the one half trained is left out"
    assert "SIGINT" in model.history_.stop_reason


def test_ctrl_c_before_the_first_pass_leaves_the_estimator_as_it_was() -> None:
    class Interrupting:
        def __array__(self, *_: Any, **__: Any) -> Array:
            signal.raise_signal(signal.SIGINT)
            return X

    model = classifier().fit(X, Y)
    before = model.predict_proba(X)
    with pytest.raises(KeyboardInterrupt):
        model.fit(Interrupting(), Y)
    assert np.array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize(
    "options",
    [{"layer_rates": {"0.*": 0.0}}, {"solver": optim.SGD(0.1, groups={"0.*": {"lr_factor": 0.0}})}],
    ids=["layer_rates", "solver"],
)
def test_names_of_parameters_are_those_within_each_copy(options: dict[str, Any]) -> None:
    model = classifier(preset="classic", **options).fit(X, Y)
    before = model.coefs_
    model.partial_fit(X, Y)
    assert np.array_equal(model.coefs_[0], before[0]), "frozen"
    assert all(not np.array_equal(a, b) for a, b in zip(model.coefs_[1], before[1], strict=True))
    # Layers are named as in one network, however many copies there are.
    assert np.isfinite(model.predict_proba(X)).all()


def test_another_number_of_copies_is_refused_in_a_further_fit() -> None:
    model = classifier(warm_start=True).fit(X, Y)
    with pytest.raises(ArgumentError, match="copies=3"):
        model.set_params(copies=2).fit(X, Y)


# Calibrating --------------------------------------------------------------------------------------


def test_all_copies_have_the_temperature_that_their_rows_held_out_ask_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def noted(questions: Any, weight: Any) -> float:
        asked.extend(questions)
        return temperature(questions, weight)

    monkeypatch.setattr("gradus.estimators.classes.temperature", noted)
    plain, model = classifier(calibrate=False).fit(X, Y), classifier().fit(X, Y)
    [(scores, numbers)] = asked  # of three times 15 % of the rows, each of which the network adds
    assert scores.shape == (3 * 23, 3)
    assert len(numbers) == 3 * 23
    assert model.temperature_ == temperature([(scores, numbers)]) != 1
    expected = softmax(outputs(plain, X) / model.temperature_, axis=2).mean(axis=0)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-4, atol=1e-6)


def test_a_temperature_mends_the_doubt_that_smoothing_teaches() -> None:
    X, y = load_digits(return_X_y=True)
    options = {"random_state": 0, "hidden_layer_sizes": (64,), "max_iter": 32}
    losses = []
    for calibrate in (False, True):
        model = MLPClassifier(**options, calibrate=calibrate).fit(X[:500], y[:500])
        assert len(model.network_[0].networks) == 4
        losses.append(log_loss(y[500:], model.predict_proba(X[500:])))
    assert losses[1] < 0.8 * losses[0]


def test_calibrated_copies_come_back_from_a_file(tmp_path: Path) -> None:
    model = classifier(calibrate=True).fit(X, Y)
    model.save(tmp_path / "model.safetensors")
    again = MLPClassifier.load(tmp_path / "model.safetensors")
    assert again.temperature_ == model.temperature_
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("further", ["fit", "partial_fit"])
def test_copies_that_go_on_keep_their_temperature(further: str) -> None:
    """By then each has learnt from rows that another held out, and they are one network."""
    model = classifier(calibrate="auto", warm_start=True, early_stopping=True).fit(X, Y)
    before, weights = model.temperature_, model.coefs_[0].copy()
    if further == "fit":
        model.fit(X, Y)
    else:
        model.partial_fit(X, Y, X_val=X, y_val=Y)
    assert not np.array_equal(model.coefs_[0], weights)
    assert {m.temperature.item() for m in model._temperatures} == {before} != {1.0}


def test_copies_that_go_on_hold_out_no_rows_to_calibrate_by() -> None:
    model = classifier(calibrate=True, warm_start=True, early_stopping=False).fit(X, Y)
    assert model.rows_ == (127, 23)
    before = model.temperature_
    for further in (model.fit(X, Y), model.partial_fit(X, Y)):
        assert further.rows_ == (150, 0)
        assert further.temperature_ == before


def test_copies_that_are_not_calibrated_refuse_to_be_so_later() -> None:
    model = classifier(calibrate=False, warm_start=True).fit(X, Y)
    with pytest.raises(ArgumentError, match="set calibrate=False"):
        model.set_params(calibrate=True).fit(X, Y)


class Breaks(Interrupts):
    """An error after the second pass of the k-th network."""

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        if self.begun == self.k and row["epoch"] == 2:
            raise OSError("disk full")


@pytest.mark.parametrize("later", [2, 3])
def test_where_a_later_copy_breaks_the_first_is_left_as_calibrated_as_one_alone(later: int) -> None:
    alone = classifier(calibrate=True, copies=1).fit(X, Y)
    model = classifier(calibrate=True, callbacks=[Breaks(later)])
    with pytest.raises(OSError, match="disk full"):
        model.fit(X, Y)
    assert model.temperature_ == alone.temperature_ != 1
    assert np.array_equal(model.predict_proba(X), alone.predict_proba(X))


def test_intervals_are_not_calibrated_by_rows_that_other_copies_have_seen() -> None:
    with pytest.raises(ArgumentError, match="set copies=1"):
        MLPRegressor(calibrate=True, copies=3).fit(*NUMBERS)
    assert settled("default", "regression", {"calibrate": True}).copies_for(500) == 1


# How many -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "rows", "copies"),
    [
        ({}, 999, 4),
        ({}, 1000, 1),
        ({}, 99, 1),
        ({}, 100, 4),
        ({"early_stopping": False}, 500, 1),
        ({"copies": 2}, 5000, 2),
        ({"calibrate": True}, 500, 4),
        ({"members": 8}, 500, 1),
        ({"members": 1}, 500, 4),
        ({"hidden_layer_sizes": ()}, 500, 1),
        ({"preset": "classic"}, 500, 1),
        ({"preset": "ensemble"}, 500, 1),
        ({"preset": "strong"}, 999, 4),
        ({"preset": "strong"}, 1000, 1),
        ({"preset": "strong", "calibrate": True}, 500, 4),
    ],
    ids=str,
)
def test_presets_train_several_where_that_is_worth_its_time(
    options: dict[str, Any], rows: int, copies: int
) -> None:
    preset = options.pop("preset", "default")
    assert settled(preset, "classification", options).copies_for(rows) == copies


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"copies": 0}, "copies"),
        ({"copies": "many"}, "copies"),
        ({"members": 4}, "without members"),
    ],
    ids=str,
)
def test_copies_without_meaning_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        classifier(**options).fit(X, Y)


# What is left behind ------------------------------------------------------------------------------


def test_hidden_activations_of_all_copies_stand_side_by_side() -> None:
    model = classifier(preset="classic", dtype="float64").fit(X, Y)
    found = model.transform(X)
    assert found.shape == (150, 24) == (150, len(model.get_feature_names_out()))
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    for k in range(3):
        expected = np.maximum(z @ model.coefs_[0][k] + model.intercepts_[0][k], 0)
        np.testing.assert_allclose(found[:, 8 * k : 8 * k + 8], expected, rtol=1e-9, atol=1e-12)


def test_they_are_saved_and_pickled_together(tmp_path: Path) -> None:
    model = classifier().fit(X, Y)
    model.save(tmp_path / "model.safetensors")
    for other in (
        MLPClassifier.load(tmp_path / "model.safetensors"),
        pickle.loads(pickle.dumps(model)),
    ):
        assert np.array_equal(other.predict_proba(X), model.predict_proba(X))
        assert np.array_equal(other.transform(X), model.transform(X))
        assert other.partial_fit(X, Y).n_iter_ == 5
