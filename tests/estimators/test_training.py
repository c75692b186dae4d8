"""What is asked of training: activations, losses, rates, early stopping, further calls."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris

import gradus as gd
from gradus import losses, nn, ops, optim, train
from gradus.errors import ArgumentError, ShapeError
from gradus.estimators import LinearClassifier, MLPClassifier, MLPRegressor
from gradus.estimators.presets import settled
from gradus.types import Array

X, Y = load_iris(return_X_y=True)
SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (8, 5),
    "preset": "classic",
    "max_iter": 15,
    "learning_rate_init": 0.02,
    "batch_size": 50,
    "random_state": 0,
}


def model(**options: Any) -> MLPClassifier:
    return MLPClassifier(**{**SMALL, **options})


def standard(X: Array) -> Array:
    return (X - X.mean(axis=0)) / X.std(axis=0)


# The network --------------------------------------------------------------------------------------

CURVES = {
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "identity": lambda z: z,
}


@pytest.mark.parametrize("activation", CURVES)
def test_hidden_activations_are_what_the_weights_say(activation: str) -> None:
    fitted = model(activation=activation, dtype="float64").fit(X, Y)
    a = standard(X)
    for coef, intercept in zip(fitted.coefs_[:-1], fitted.intercepts_[:-1], strict=True):
        a = CURVES[activation](a @ coef + intercept)
    np.testing.assert_allclose(fitted.transform(X), a, rtol=1e-9, atol=1e-12)
    logits = a @ fitted.coefs_[-1] + fitted.intercepts_[-1]
    np.testing.assert_allclose(fitted.decision_function(X), logits, rtol=1e-9, atol=1e-9)


def test_coefs_are_the_weights_of_the_network_with_the_scale_that_ntk_puts_before_them() -> None:
    fitted = MLPClassifier(
        (6, 4),
        copies=1,
        max_iter=3,
        scaling="standard",
        scaling_layer=False,
        activation="relu",
        dtype="float64",
        random_state=0,
    ).fit(X, Y)
    assert [c.shape for c in fitted.coefs_] == [(4, 6), (6, 4), (4, 3)]
    assert [b.shape for b in fitted.intercepts_] == [(6,), (4,), (3,)]
    a = standard(X)
    for coef, intercept in zip(fitted.coefs_[:-1], fitted.intercepts_[:-1], strict=True):
        a = np.maximum(a @ coef + intercept, 0)
    logits = a @ fitted.coefs_[-1] + fitted.intercepts_[-1]
    scores = logits / fitted.temperature_
    np.testing.assert_allclose(fitted.decision_function(X), scores, rtol=1e-9, atol=1e-9)
    first = next(m for m in fitted.network_ if isinstance(m, nn.NTKLinear))
    np.testing.assert_allclose(fitted.coefs_[0], first.weight.numpy().T / 2)


def test_the_last_weights_of_an_ensemble_have_an_axis_of_members() -> None:
    fitted = model(members=3, max_iter=1).fit(X, Y)
    assert [c.shape for c in fitted.coefs_] == [(4, 8), (8, 5), (3, 5, 3)]


def test_each_layer_may_have_an_activation_of_its_own() -> None:
    def bent(z: gd.Tensor) -> gd.Tensor:
        return ops.where(z > 0, z, 0.3 * z)

    mixed = model(activation=[nn.LeakyReLU(0.3), "tanh"]).fit(X, Y)
    own = model(activation=[bent, "tanh"]).fit(X, Y)
    assert [type(m).__name__ for m in mixed.network_][1::2] == ["LeakyReLU", "Tanh"]
    np.testing.assert_allclose(own.predict_proba(X), mixed.predict_proba(X), rtol=1e-5)
    assert own.score(X, Y) > 0.9


def test_every_named_activation_learns() -> None:
    for name in set(nn.ACTIVATIONS) - {"sign"}:
        fitted = model(activation=name, max_iter=8, executor="reference").fit(X, Y)
        assert fitted.loss_curve_[-1] < fitted.loss_curve_[0], name


def test_an_activation_module_of_the_users_is_not_changed() -> None:
    mine = nn.LeakyReLU(0.2)
    fitted = model(activation=mine).fit(X, Y)
    inside = [m for m in fitted.network_ if type(m) is type(mine)]
    assert len(inside) == 2
    assert all(m is not mine for m in inside)


def test_without_hidden_layers_it_is_a_linear_model() -> None:
    fitted = model(hidden_layer_sizes=(), dtype="float64").fit(X, Y)
    logits = standard(X) @ fitted.coefs_[0] + fitted.intercepts_[0]
    np.testing.assert_allclose(fitted.decision_function(X), logits, rtol=1e-9, atol=1e-9)
    with pytest.raises(ArgumentError, match="a network without hidden layers"):
        fitted.transform(X)


def test_without_hidden_layers_sparse_rows_are_learnt_too() -> None:
    from scipy import sparse

    fitted = model(hidden_layer_sizes=()).fit(sparse.csr_array(X), Y)
    assert fitted.coefs_[0].shape == (4, 3)
    assert fitted.score(sparse.csr_array(X), Y) > 0.5


def test_dropout_is_for_training_alone() -> None:
    dropped = model(dropout=0.5).fit(X, Y)
    assert sum(isinstance(m, nn.Dropout) for m in dropped.network_) == 2
    np.testing.assert_array_equal(dropped.predict_proba(X), dropped.predict_proba(X))
    assert dropped.loss_ > model().fit(X, Y).loss_


def test_build_makes_a_network_that_predicts_and_can_be_set_by_hand() -> None:
    built = model(hidden_layer_sizes=(2,)).build(X, Y)
    assert built.n_iter_ == 0
    assert built.loss_curve_ == []
    np.testing.assert_allclose(built.predict_proba(X).sum(axis=1), 1, rtol=1e-6)
    built.network_[2].weight = np.zeros((3, 2))
    built.network_[2].bias = np.array([0.0, 0.0, 5.0])
    assert set(built.predict(X)) == {2}


# Losses -------------------------------------------------------------------------------------------


def test_a_loss_of_ones_own_is_descended() -> None:
    def squared_logarithm(prediction: gd.Tensor, target: gd.Tensor) -> gd.Tensor:
        return ops.sum(ops.square(prediction - target), axis=1)

    options = {**SMALL, "max_iter": 5}
    own = MLPRegressor(loss=squared_logarithm, **options).fit(X[:, :3], X[:, 3])
    named = MLPRegressor(loss="squared_error", **options).fit(X[:, :3], X[:, 3])
    np.testing.assert_allclose(own.predict(X[:, :3]), named.predict(X[:, :3]), rtol=1e-5)


def test_the_loss_of_classes_may_be_ones_own() -> None:
    def focal(prediction: gd.Tensor, target: gd.Tensor) -> gd.Tensor:
        return ops.square(losses.cross_entropy(prediction, target))

    assert model(loss=focal, max_iter=30).fit(X, Y).score(X, Y) > 0.9
    two = model(loss=focal, max_iter=30).fit(X, Y == 0)
    assert two.coefs_[-1].shape[1] == 2, "a loss of one's own sees a score a class"


@pytest.mark.parametrize("loss", ["max_margin", "cross_entropy"])
@pytest.mark.parametrize("classes", [2, 3])
def test_named_losses_learn_classes(loss: str, classes: int) -> None:
    fitted = model(loss=loss, max_iter=30).fit(X, np.minimum(Y, classes - 1))
    assert fitted.score(X, np.minimum(Y, classes - 1)) > 0.9


def test_a_loss_with_one_number_in_all_is_refused() -> None:
    def mean(prediction: gd.Tensor, target: gd.Tensor) -> gd.Tensor:
        return ops.mean(ops.square(prediction - target))

    with pytest.raises(ShapeError, match="one value an example"):
        MLPRegressor(loss=mean, **SMALL).fit(X[:, :3], X[:, 3])


# Rates, schedules, solvers ------------------------------------------------------------------------


def test_a_rate_of_0_freezes_a_layer() -> None:
    frozen = model(layer_rates={"0.*": 0.0}, warm_start=True).build(X, Y)
    before = [c.copy() for c in frozen.coefs_]
    frozen.fit(X, Y)
    np.testing.assert_array_equal(frozen.coefs_[0], before[0])
    assert all(not np.array_equal(a, b) for a, b in zip(frozen.coefs_[1:], before[1:], strict=True))


def test_a_pattern_that_names_no_parameter_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"first\.\*"):
        model(layer_rates={"first.*": 0.0}).fit(X, Y)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "coslog4", "flat_cosine", "one_cycle"])
def test_schedules_have_names(schedule: str) -> None:
    rates = model(learning_rate=schedule).fit(X, Y).history_["learning_rate"]
    assert (len(set(rates)) == 1) == (schedule == "constant")


def test_a_schedule_may_be_one_of_gradus_optim() -> None:
    falling = model(learning_rate=optim.CosLog(2)).fit(X, Y)
    assert len(set(falling.history_["learning_rate"])) > 1
    plateau = model(learning_rate=optim.Plateau(patience=1), learning_rate_init=0.5)
    assert len(set(plateau.fit(X, Y).history_["learning_rate"])) > 1


@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw", "rmsprop", "AdaGrad"])
def test_solvers_have_names(solver: str) -> None:
    assert model(solver=solver).fit(X, Y).loss_ < 1.1


def test_a_solver_of_gradus_optim_says_all_of_its_own() -> None:
    named = model(solver="sgd", beta_1=0.5).fit(X, Y)
    given = model(solver=optim.SGD(0.02, momentum=0.5), learning_rate_init=None).fit(X, Y)
    np.testing.assert_array_equal(named.predict_proba(X), given.predict_proba(X))


def test_a_solver_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(ArgumentError, match=r"sgd.*adam.*received 'lbfgs'"):
        model(solver="lbfgs").fit(X, Y)


def test_a_norm_that_is_clipped_bounds_a_step() -> None:
    rule = {"solver": "sgd", "beta_1": 0.0, "learning_rate_init": 1.0, "clip_norm": 1e-3}
    one = model(max_iter=1, batch_size=150, warm_start=True, dtype="float64", **rule).build(X, Y)
    before = [*(c.copy() for c in one.coefs_), *(b.copy() for b in one.intercepts_)]
    one.fit(X, Y)
    moved = zip([*one.coefs_, *one.intercepts_], before, strict=True)
    # The norm is clipped as PyTorch does it, by clip_norm / (norm + 10⁻⁶).
    assert np.sqrt(sum(np.sum((a - b) ** 2) for a, b in moved)) == pytest.approx(1e-3, rel=1e-5)


# Stopping, and which weights stay -----------------------------------------------------------------


@pytest.mark.parametrize("monitor", ["score", "loss"])
@pytest.mark.parametrize("patience", [2, np.inf])
def test_the_weights_that_are_kept_are_the_best_of_the_curve(monitor: str, patience: float) -> None:
    held = {"X_val": X[::2], "y_val": Y[::2]}
    fitted = model(
        early_stopping=True,
        monitor=monitor,
        n_iter_no_change=patience,
        learning_rate_init=0.2,
        dropout=0.3,
        dtype="float64",
        tol=0,
    ).fit(X[1::2], Y[1::2], **held)
    if monitor == "score":
        assert fitted.score(X[::2], Y[::2]) == max(fitted.validation_scores_)
    else:
        p = fitted.predict_proba(X[::2])[np.arange(75), Y[::2]]
        assert -np.log(p).mean() == pytest.approx(min(fitted.validation_loss_curve_))
    assert len(fitted.validation_scores_) == fitted.n_iter_
    assert fitted.history_.best_epoch <= fitted.n_iter_


def test_early_stopping_stops() -> None:
    stopped = model(early_stopping=True, max_iter=400, n_iter_no_change=3).fit(X, Y)
    assert stopped.n_iter_ < 400
    assert "not improved" in stopped.history_.stop_reason


def test_early_stopping_holds_out_a_share_of_every_class() -> None:
    seen: list[Array] = []

    class Count(train.Callback):
        def on_fit_begin(self, trainer: train.Trainer, epochs: int, steps_per_epoch: int) -> None:
            seen.append(np.array([steps_per_epoch]))

    model(
        early_stopping=True, validation_fraction=0.2, batch_size=1, max_iter=1, callbacks=[Count()]
    ).fit(X, Y)
    assert seen[0][0] == 120


def test_rows_to_validate_on_give_curves_without_early_stopping_too() -> None:
    watched = model().fit(X, Y, X_val=X[::3], y_val=Y[::3])
    plain = model().fit(X, Y)
    np.testing.assert_array_equal(watched.predict_proba(X), plain.predict_proba(X))
    assert len(watched.validation_scores_) == len(watched.validation_loss_curve_) == 15


def test_without_rows_held_out_there_is_no_validation_curve() -> None:
    plain = model(max_iter=1).fit(X, Y)
    assert not hasattr(plain, "validation_scores_")
    assert not hasattr(plain, "validation_loss_curve_")


def test_n_iter_no_change_of_infinity_never_stops() -> None:
    assert model(n_iter_no_change=np.inf, tol=10.0, max_iter=30).fit(X, Y).n_iter_ == 30
    assert model(n_iter_no_change=2, tol=10.0, max_iter=30).fit(X, Y).n_iter_ == 4


def test_the_end_of_max_iter_is_no_warning_and_says_so() -> None:
    assert model(max_iter=2).fit(X, Y).history_.stop_reason == "all 2 epochs done"


# partial_fit --------------------------------------------------------------------------------------


def test_partial_fit_keeps_the_best_weights_over_its_calls() -> None:
    one = model(early_stopping=True, learning_rate_init=0.3, dropout=0.4)
    scores = []
    for _ in range(12):
        one.partial_fit(X, Y, X_val=X[::3], y_val=Y[::3])
        scores.append(one.score(X[::3], Y[::3]))
        assert scores[-1] == max(one.validation_scores_)
    assert scores == sorted(scores)
    assert len(set(one.validation_scores_)) > 1


def test_partial_fit_after_an_early_stopped_fit_keeps_the_best_of_its_own_calls() -> None:
    one = model(early_stopping=True, learning_rate_init=0.3, dropout=0.4).fit(X, Y)
    done, scores = one.n_iter_, []
    for _ in range(8):
        one.partial_fit(X, Y, X_val=X[::3], y_val=Y[::3])
        scores.append(one.score(X[::3], Y[::3]))
    assert scores == sorted(scores)
    assert scores[-1] == max(one.validation_scores_[done:])


def test_partial_fit_that_stops_early_needs_rows_that_stay() -> None:
    with pytest.raises(ArgumentError, match=r"X_val.*early_stopping=False"):
        model(early_stopping=True).partial_fit(X, Y)


def test_partial_fit_is_at_the_constant_rate_whatever_the_schedule() -> None:
    one = model(learning_rate="coslog4").fit(X, Y)
    for _ in range(2):
        one.partial_fit(X, Y)
        assert one.history_["learning_rate"][-1] == 0.02


def test_a_rate_that_is_changed_between_calls_counts() -> None:
    one = model().partial_fit(X, Y)
    one.set_params(learning_rate_init=1e-4).partial_fit(X, Y)
    assert one.history_["learning_rate"].tolist() == [0.02, 1e-4]


# What is shown ------------------------------------------------------------------------------------


def test_nothing_is_printed_unless_it_is_asked_for(capfd: pytest.CaptureFixture[str]) -> None:
    model(max_iter=2).fit(X, Y).predict(X)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("verbose", [1, 10, np.int64(1)])
def test_verbose_may_be_a_number(verbose: Any, capfd: pytest.CaptureFixture[str]) -> None:
    model(verbose=verbose, max_iter=2).fit(X, Y)
    assert capfd.readouterr().err
    model(verbose=0, max_iter=2).fit(X, Y)
    assert not capfd.readouterr().err


def test_verbose_shows_the_passes(capfd: pytest.CaptureFixture[str]) -> None:
    model(max_iter=2, verbose=True).fit(X, Y)
    out, err = capfd.readouterr()
    assert out == "", "what a program pipes on stays clean"
    assert "loss" in err


def test_curves_have_a_value_a_pass_and_the_loss_is_the_last() -> None:
    fitted = model().fit(X, Y)
    assert len(fitted.loss_curve_) == fitted.n_iter_ == 15
    assert fitted.loss_ == fitted.loss_curve_[-1]
    assert fitted.best_loss_ == min(fitted.loss_curve_)
    assert all(isinstance(v, float) for v in fitted.loss_curve_)


@pytest.mark.parametrize("preset", ["default", "strong"])
@pytest.mark.parametrize("seed", range(3))
def test_a_column_of_two_values_is_learnt_at_the_high_rates_of_presets(
    preset: str, seed: int
) -> None:
    # Two distinct rows: some units of a start from data hardly tell them apart.
    x = np.random.default_rng(seed).integers(0, 2, 90).astype(float)[:, None]
    made = MLPRegressor((64, 64), preset=preset, random_state=seed, max_iter=60)
    assert made.fit(x, 2 * x[:, 0]).score(x, 2 * x[:, 0]) > 0.3


def test_weights_to_validate_by_need_rows() -> None:
    with pytest.raises(ArgumentError, match="sample_weight_val alone"):
        model().fit(X, Y, sample_weight_val=np.ones(len(Y)))


# Computing ----------------------------------------------------------------------------------------


def test_threads_and_executor_are_followed_after_a_fit_and_change_no_bit() -> None:
    steady, moved = model(n_threads=1).fit(X, Y), model(n_threads=1).fit(X, Y)
    for options in ({"n_threads": 2}, {"n_threads": None, "executor": "auto"}):
        steady.partial_fit(X, Y)
        moved.set_params(**options).partial_fit(X, Y)  # the moments of Adam are kept
        assert moved._trainer.threads == moved.n_threads
        np.testing.assert_array_equal(moved.predict_proba(X), steady.predict_proba(X))
    moved.set_params(executor="reference")
    np.testing.assert_allclose(moved.predict_proba(X), steady.predict_proba(X), atol=1e-5)
    assert moved._trainer.executor == "reference"


def test_one_layer_follows_them_too_and_keeps_its_moments() -> None:
    steady, moved = (LinearClassifier(n_threads=1, random_state=0) for _ in range(2))
    for threads in (1, 2, 1):
        steady.partial_fit(X, Y)
        moved.set_params(n_threads=threads).partial_fit(X, Y)
        assert moved._trainer.threads == threads
    np.testing.assert_array_equal(moved.decision_function(X), steady.decision_function(X))


def test_a_hook_may_predict_on_other_threads_than_the_fit_runs_on() -> None:
    class Look(train.Callback):
        def on_epoch_end(self, trainer: train.Trainer, row: dict[str, Any]) -> None:
            seen.append(fitted.set_params(n_threads=1).predict_proba(X))

    seen: list[Array] = []
    fitted = model(n_threads=2, max_iter=3, callbacks=[Look()])
    fitted.fit(X, Y)
    assert len(seen) == 3
    np.testing.assert_array_equal(seen[-1], fitted.predict_proba(X))


def test_several_threads_may_predict_where_the_options_have_just_changed() -> None:
    fitted = model(n_threads=1).fit(X, Y)
    expected = fitted.predict_proba(X)
    with ThreadPoolExecutor(8) as pool:
        for threads in (2, 1, 3, None) * 3:
            fitted.set_params(n_threads=threads)
            for found in pool.map(lambda _: fitted.predict_proba(X), range(8)):
                np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("rows", "passes"), [(500, 256), (8192, 256), (10_000, 209), (10**6, 32)])
def test_many_rows_are_passed_over_less_often(rows: int, passes: int) -> None:
    assert settled("default", "regression", {}).passes_over(rows) == passes
    assert settled("strong", "regression", {"max_iter": "auto"}).passes_over(rows) == passes
    assert settled("strong", "regression", {}).passes_over(rows) == 256
    assert settled("default", "regression", {"max_iter": 7}).passes_over(rows) == 7
