"""Faults: what is said of them, and what an estimator is afterwards."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

import gradus as gd
from gradus import losses, nn, ops, optim
from gradus.errors import ArgumentError, DataError, DivergenceError, GradusError
from gradus.estimators import (
    LinearClassifier,
    LogisticNeuron,
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    Perceptron,
)
from gradus.nn.dropout import dropped
from gradus.train import Callback, Trainer

X, Y = load_iris(return_X_y=True)
SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (6,),
    "preset": "classic",
    "max_iter": 4,
    "learning_rate_init": 0.02,
    "batch_size": 50,
    "random_state": 0,
    "executor": "reference",  # what is asked here is the same on all
}


def model(**options: Any) -> MLPClassifier:
    return MLPClassifier(**{**SMALL, **options})


WRONG: list[tuple[str, Any]] = [
    ("preset", "best"),
    ("preset", None),
    ("hidden_layer_sizes", (8, 0)),
    ("hidden_layer_sizes", "8"),
    ("hidden_layer_sizes", 2.5),
    ("hidden_layer_sizes", [[3]]),
    ("activation", "rely"),
    ("activation", "sign"),
    ("activation", 3),
    ("activation", {"relu": 1}),
    ("activation", ["relu", "tanh"]),
    ("scaling", "minmax"),
    ("max_one_hot", -1),
    ("embedding_size", 0),
    ("numeric_embedding", "fourier"),
    ("kinds", {"x0": "number"}),
    ("kinds", ["numeric"]),
    ("dropout", 1.0),
    ("dropout", -0.1),
    ("dropout", "half"),
    ("dropout_schedule", "linear"),
    ("start_from_data", 1),
    ("ntk", "yes"),
    ("scaling_layer", 1),
    ("parametric_activation", "no"),
    ("members", 0),
    ("copies", 0),
    ("loss", "squared_error"),
    ("loss", 3),
    ("label_smoothing", 1.5),
    ("alpha", -1e-4),
    ("alpha", np.nan),
    ("solver", "lbfgs"),
    ("solver", None.__class__),
    ("learning_rate_init", 0),
    ("learning_rate_init", -0.1),
    ("learning_rate_init", np.inf),
    ("learning_rate", 0.1),
    ("learning_rate", "adaptive"),
    ("learning_rate", "invscaling"),
    ("layer_rates", 0.5),
    ("layer_rates", {"*.bias": -1}),
    ("layer_rates", {"nowhere.*": 0.5}),
    ("layer_rates", {3: 1.0}),
    ("beta_1", 1.0),
    ("beta_2", -0.5),
    ("epsilon", 0),
    ("weight_decay", -1),
    ("clip_norm", -1),
    ("batch_size", 0),
    ("batch_size", "all"),
    ("max_iter", 0),
    ("max_iter", 2.5),
    ("shuffle", "yes"),
    ("tol", -1),
    ("n_iter_no_change", 0),
    ("n_iter_no_change", 1.5),
    ("early_stopping", "yes"),
    ("early_stopping", 1),
    ("validation_fraction", 0),
    ("validation_fraction", 1.0),
    ("monitor", "accuracy"),
    ("class_weight", "balance"),
    ("class_weight", {1: -2}),
    ("class_weight", {7: 2}),
    ("random_state", "seed"),
    ("warm_start", "yes"),
    ("verbose", "loud"),
    ("callbacks", [1]),
    ("n_threads", 0),
    ("n_threads", -1),
    ("n_threads", "all"),
    ("executor", "gpu"),
    ("dtype", "float16"),
]


@pytest.mark.parametrize(("option", "value"), WRONG, ids=lambda v: str(v)[:20])
def test_a_wrong_option_is_named_before_anything_changes(option: str, value: Any) -> None:
    fitted = model().fit(X, Y)
    before, state = fitted.predict_proba(X), set(vars(fitted))
    fitted.set_params(**{option: value})
    # Rows of another width: they too must not be half taken in.
    with pytest.raises((ValueError, TypeError)) as raised:
        fitted.fit(X[:, :3], Y)
    said = str(raised.value)
    # The name of the option, or what stands for it in the message.
    words = {
        "n_threads": "n_threads",
        "n_iter_no_change": "n_iter_no_change",
        "hidden_layer_sizes": "hidden_layer_sizes",
        "kinds": "kind",
        "layer_rates": "layer_rates|lr_factor|group",
    }
    assert re.search(words.get(option, option.split("_")[0]), said), said
    if isinstance(raised.value, GradusError):
        assert raised.value.received is not None, said
    fitted.set_params(**{option: SMALL.get(option, MLPClassifier().get_params()[option])})
    assert set(vars(fitted)) == state
    np.testing.assert_array_equal(fitted.predict_proba(X), before)


@pytest.mark.parametrize("kind", [MLPClassifier, NetworkClassifier])
@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"solver": optim.Adam(1e-3), "learning_rate_init": 0.5}, "learning_rate_init=0.5 beside"),
        ({"solver": optim.SGD(0.1), "clip_norm": 1.0, "beta_1": 0.5}, "beta_1=0.5, clip_norm=1.0"),
        ({"loss": "max_margin", "label_smoothing": 0.1}, "with loss='max_margin'"),
        ({"loss": losses.cross_entropy, "label_smoothing": 0.1}, "smooth the labels in the loss"),
    ],
    ids=["a rate", "more", "margins", "an own loss"],
)
def test_options_that_another_leaves_without_a_meaning_are_refused(
    kind: Any, options: dict[str, Any], named: str
) -> None:
    with pytest.raises(ArgumentError, match=named):
        kind(**options).fit(X, Y)


def test_a_rate_beside_a_solver_is_refused_even_where_it_is_the_usual_one() -> None:
    with pytest.raises(ArgumentError, match=r"learning_rate_init=0\.001 beside"):
        MLPClassifier(solver=optim.SGD(0.1), learning_rate_init=1e-3).fit(X, Y)


@pytest.mark.parametrize("y", [["high"] * len(X), [[1.0, "high"]] * len(X)], ids=["one", "two"])
def test_targets_of_a_regressor_that_are_no_numbers_are_named_by_row(y: Any) -> None:
    with pytest.raises(DataError, match=r"'high' in row 1.*take a classifier"):
        MLPRegressor(**SMALL).fit(X, y)


@pytest.mark.parametrize(
    ("option", "value", "says"), [("n_threads", -5, "n_threads"), ("executor", "gpu", "executor")]
)
def test_what_computes_is_checked_where_it_is_changed_after_a_fit(
    option: str, value: Any, says: str
) -> None:
    fitted = model().fit(X, Y)
    expected = fitted.predict_proba(X)
    with pytest.raises(ArgumentError, match=says):
        fitted.set_params(**{option: value}).predict(X)
    fitted.set_params(**{option: MLPClassifier().get_params()[option]})
    np.testing.assert_array_equal(fitted.predict_proba(X), expected)


@pytest.mark.parametrize(
    ("option", "value"),
    [("loss", "cross_entropy"), ("quantiles", (0.5, 1.0)), ("clamp", "yes"), ("quantiles", "all")],
)
def test_a_wrong_option_of_a_regressor_is_refused(option: str, value: Any) -> None:
    with pytest.raises(ArgumentError, match=f"{option}|{option[:-1]}"):
        MLPRegressor(**{**SMALL, "loss": "quantile", option: value}).fit(X, X[:, 0])


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"solver": "lbfgs"}, r'use "adam".*LinearClassifier and gradus.minimise'),
        ({"learning_rate": "adaptive"}, r"gradus.optim.Plateau\(factor=0.2, patience=1\)"),
        ({"learning_rate": "invscaling"}, r"gradus.optim.Exponential\(0.99\)"),
        ({"learning_rate": 0.1}, "the rate itself is learning_rate_init"),
        ({"n_threads": -1}, "write n_threads=None"),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_what_scikit_learn_has_under_the_name_is_answered_with_what_stands_here(
    kind: Any, options: dict[str, Any], remedy: str
) -> None:
    with pytest.raises(ArgumentError, match=rf"received.*What to do: .*{remedy}"):
        kind(**{**SMALL, **options}).fit(X, Y)


def test_the_schedules_that_stand_in_scikit_learns_place_are_taken() -> None:
    for schedule in (gd.optim.Plateau(factor=0.2, patience=1), gd.optim.Exponential(0.99)):
        model(learning_rate=schedule).fit(X, Y)


def test_every_option_has_a_wrong_value_here() -> None:
    assert {o for o, _ in WRONG} >= set(MLPClassifier().get_params()) - {"calibrate"}


def test_the_same_options_are_refused_by_build_and_partial_fit() -> None:
    for call in (model(alpha=-1).build, model(alpha=-1).partial_fit):
        with pytest.raises(ArgumentError, match="alpha"):
            call(X, Y)


# Divergence ---------------------------------------------------------------------------------------


def test_training_that_diverges_says_why_and_leaves_the_last_good_weights() -> None:
    wild = model(solver="sgd", learning_rate_init=1e6, max_iter=50)
    with pytest.raises(DivergenceError, match=r"received.*What to do: lower the learning rate"):
        wild.fit(X, Y)
    assert all(np.isfinite(c).all() for c in wild.coefs_)
    assert wild.n_iter_ == len(wild.loss_curve_)
    wild.set_params(learning_rate_init=1e-3).fit(X, Y)
    assert wild.score(X, Y) > 0.3


def test_adam_at_an_absurd_rate_leaves_finite_weights() -> None:
    wild = model(learning_rate_init=1e6, max_iter=50, n_iter_no_change=np.inf)
    with suppress(DivergenceError):
        wild.fit(X, Y)
    assert all(np.isfinite(c).all() for c in wild.coefs_)


def test_targets_of_any_size_do_not_diverge() -> None:
    for size in (1e-12, 1e12):
        fitted = MLPRegressor(**SMALL).fit(X[:, :3], X[:, 3] * size)
        assert np.isfinite(fitted.predict(X[:, :3])).all()


# What an estimator is after a fit that failed -----------------------------------------------------


def _fail_in_data(one: MLPClassifier) -> None:
    one.fit(np.c_[X, X], np.where(Y == 0, np.nan, Y))


def _fail_in_weights(one: MLPClassifier) -> None:
    one.fit(X[:, :2], Y, sample_weight=-np.ones(150))


def _fail_in_validation(one: MLPClassifier) -> None:
    one.fit(X[:, :2], Y, X_val=X, y_val=Y)


def _fail_in_classes(one: MLPClassifier) -> None:
    one.fit(X[:, :2], np.zeros(150))


def _fail_in_loss(one: MLPClassifier) -> None:
    def two_values(prediction: gd.Tensor, target: gd.Tensor) -> gd.Tensor:
        return prediction

    try:
        one.set_params(loss=two_values).fit(X[:, :2], Y)
    finally:
        one.set_params(loss=None)


FAILURES = [_fail_in_data, _fail_in_weights, _fail_in_validation, _fail_in_classes, _fail_in_loss]


@pytest.mark.parametrize("fail", FAILURES, ids=lambda f: f.__name__)
def test_a_fitted_estimator_is_as_before_where_a_fit_fails(fail: Any) -> None:
    one = model().fit(X, Y)
    before, state = one.predict_proba(X), dict(vars(one))
    with pytest.raises((ValueError, TypeError)):
        fail(one)
    assert vars(one).keys() == state.keys()
    assert one.n_features_in_ == 4
    assert one.n_iter_ == 4
    np.testing.assert_array_equal(one.predict_proba(X), before)


@pytest.mark.parametrize("fail", FAILURES, ids=lambda f: f.__name__)
def test_an_estimator_that_was_never_fitted_stays_so_where_a_fit_fails(fail: Any) -> None:
    one = model()
    with pytest.raises((ValueError, TypeError)):
        fail(one)
    with pytest.raises(NotFittedError):
        one.predict(X)
    assert not hasattr(one, "n_features_in_")
    assert one.fit(X, Y).score(X, Y) > 0.3


def test_a_failed_partial_fit_or_warm_start_changes_no_weight() -> None:
    one = model(warm_start=True).fit(X, Y)
    before = [c.copy() for c in one.coefs_]
    for call in (one.partial_fit, one.fit):
        with pytest.raises(ValueError, match="NaN"):
            call(X, np.where(Y == 0, np.nan, Y))
    for a, b in zip(one.coefs_, before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.n_iter_ == 4


class _Breaks(Callback):
    def on_step(self, trainer: Trainer, step: int) -> None:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("callbacks", "error"),
    [([1], ValueError), ([_Breaks()], KeyboardInterrupt)],
    ids=["no", "late"],
)
def test_weights_and_temperature_are_as_before_where_a_further_pass_breaks(
    callbacks: Any, error: Any
) -> None:
    one = model(warm_start=True, calibrate=True).fit(X, Y)
    before, temperature = one.predict_proba(X), one.temperature_
    one.set_params(callbacks=callbacks)
    for call in (lambda: one.partial_fit(X, Y, X_val=X, y_val=Y), lambda: one.fit(X, Y)):
        with pytest.raises(error):
            call()
        assert one.temperature_ == temperature != 1.0
        np.testing.assert_array_equal(one.predict_proba(X), before)


LINEAR = [LinearClassifier(), LogisticNeuron(alpha=0.1), Perceptron()]


@pytest.mark.parametrize("one", LINEAR, ids=repr)
def test_a_linear_classifier_is_as_before_where_a_fit_fails(one: Any) -> None:
    chosen = Y < 2
    one.fit(X[chosen], Y[chosen])
    before, state = one.decision_function(X), dict(vars(one))
    with pytest.raises(DataError):
        one.fit(X[:, :2], np.zeros(150))
    assert vars(one).keys() == state.keys()
    np.testing.assert_array_equal(one.decision_function(X), before)


# Activations --------------------------------------------------------------------------------------

ACTIVATIONS: dict[str, tuple[Any, str]] = {
    "NumPy's tanh": (np.tanh, 'received <ufunc .*write "tanh"'),
    "NumPy's exp": (np.exp, r"received <ufunc .*write gradus\.ops\.exp"),
    "NumPy's cbrt": (np.cbrt, "received <ufunc .*choose one of identity"),
    "NumPy's maximum": (np.maximum, "received <ufunc .*choose one of identity"),
    "a class": (nn.LeakyReLU, r"received <class .*make one: LeakyReLU\(\)"),
    "a function of NumPy": (lambda z: np.tanh(z), "which says.*compute with gradus.ops"),
    "a method of PyTorch": (lambda z: z.clamp(0), "which says.*clamp.*compute with gradus.ops"),
    "two arguments": (ops.maximum, "which says.*2 operands.*compute with gradus.ops"),
    "an if": (lambda z: z if z > 0 else 0.1 * z, "which says.*one element.*ops.where"),
    "a float": (lambda z: 1.0, r"gives float for float64 of shape \(2, 6\)"),
    "an array": (lambda z: z.numpy(), r"gives ndarray for float64 of shape \(2, 6\)"),
    "truth values": (lambda z: z > 0, r"gives bool of shape \(2, 6\)"),
    "one column": (lambda z: ops.sum(z, axis=1), r"gives float64 of shape \(2,\)"),
    "a layer": (nn.Linear(6, 3), r"gives float64 of shape \(2, 3\)"),
}


@pytest.mark.parametrize(("given", "said"), ACTIVATIONS.values(), ids=ACTIVATIONS)
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_what_is_no_activation_is_refused_with_what_one_is(
    kind: Any, given: Any, said: str
) -> None:
    options = {**SMALL, "activation": [given], "dtype": "float64"}
    with pytest.raises(ArgumentError, match=rf"^an activation is a name, a module.*{said}"):
        kind(**options).fit(X, Y)


def test_trying_an_activation_changes_no_draw_and_no_module() -> None:
    def drawing(z: gd.Tensor) -> gd.Tensor:
        return dropped(ops.tanh(z), 0.5)

    drawn = model(activation=drawing).build(X, Y)
    plain = model(activation="tanh").build(X, Y)
    for a, b in zip(drawn.coefs_, plain.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)
    built = model(activation=nn.BatchNorm(6)).build(X, Y)
    assert np.all(built.network_[1].running_mean.numpy() == 0)
