"""The linear classifier: softmax as scikit-learn has it, the margin as the quadratic program."""

from __future__ import annotations

import pickle
import tracemalloc
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn import datasets
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info

from gradus import losses, nn, optim, tensor
from gradus.errors import ArgumentError, DivergenceError
from gradus.estimators import LinearClassifier, LogisticNeuron, Perceptron
from gradus.estimators import linear as room
from gradus.estimators.margin import Margin
from gradus.train import max_margin


@cache
def scaled(name: str) -> tuple[np.ndarray, np.ndarray]:
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return StandardScaler().fit_transform(X), y


# ── Softmax ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["iris", "wine", "digits"])
def test_softmax_is_scikit_learns_multinomial_regression(name: str) -> None:
    X, y = (part[:600] for part in scaled(name))
    alpha = 1e-2
    found = LinearClassifier(alpha=alpha, tol=1e-8, scaling="none").fit(X, y)
    known = LogisticRegression(
        C=1 / (alpha * len(y)), solver="newton-cg", tol=1e-12, max_iter=1000
    ).fit(X, y)
    assert found.converged_
    assert found.coef_ == pytest.approx(known.coef_, abs=1e-5)
    assert found.intercept_ == pytest.approx(known.intercept_, abs=1e-5)
    assert found.predict_proba(X) == pytest.approx(known.predict_proba(X), abs=1e-5)


def test_two_classes_share_a_score_which_is_the_sigmoid_neurons() -> None:
    X, y = scaled("breast_cancer")
    found = LinearClassifier(alpha=1e-3).fit(X, y)
    neuron = LogisticNeuron(alpha=1e-3).fit(X, y)
    assert np.array_equal(found.coef_, neuron.coef_)
    assert np.array_equal(found.predict_proba(X), neuron.predict_proba(X))


def test_planes_between_all_classes_leave_no_minimum_without_a_penalty() -> None:
    X, y = scaled("wine")
    with pytest.warns(ConvergenceWarning, match="planes divide the classes"):
        found = LinearClassifier(alpha=0.0).fit(X, y)
    assert not found.converged_
    assert found.score(X, y) == 1.0


def test_one_class_apart_leaves_no_minimum_either() -> None:
    X, y = scaled("iris")  # setosa stands apart from two that overlap
    with pytest.warns(ConvergenceWarning, match="falls for ever"):
        LinearClassifier(alpha=0.0).fit(X, y)


# ── Max-margin ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("load", "alpha"), [(load_iris, 1e-2), (load_iris, 1e-4), (load_wine, 1e-3)]
)
def test_the_margin_is_as_wide_as_the_quadratic_programs(load: Any, alpha: float) -> None:
    X, y = load(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    found = LinearClassifier("max_margin", alpha=alpha).fit(X, y)
    exact = max_margin(X, y, weight_decay=alpha)
    assert found.converged_
    assert 0 <= found.gap_ <= 1e-5 * found.loss_
    # The gap is a bound, and the program's own tolerance is 1e-9.
    assert found.loss_ - found.gap_ - 1e-8 <= exact.value <= found.loss_ + 1e-8
    # α/2 ‖W − W*‖² is at most how far the loss is above the least.
    far = np.sqrt(2 * (found.gap_ + 1e-8) / alpha)
    assert np.linalg.norm(found.network_[0].weight.numpy() - exact.weight) <= far


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**31 - 1),
    classes=st.integers(2, 4),
    alpha=st.sampled_from([1e-3, 0.1, 10.0]),
    intercept=st.booleans(),
)
def test_no_other_weights_have_a_smaller_margin_loss(
    seed: int, classes: int, alpha: float, intercept: bool
) -> None:
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(24, 3)), np.arange(24) % classes
    model = LinearClassifier("max_margin", alpha=alpha, fit_intercept=intercept, scaling="none")
    model.fit(X, y)
    layer = model.network_[0]
    W, b = layer.weight.numpy(), layer.bias.numpy() if intercept else np.zeros(classes)

    def loss(W: np.ndarray, b: np.ndarray) -> float:
        scores = X @ W.T + b
        leads = np.maximum(0, scores - scores[np.arange(24), y][:, None] + 1)
        leads[np.arange(24), y] = 0
        return float(leads.sum(axis=1).mean() + alpha / 2 * np.square(W).sum())

    assert loss(W, b) == pytest.approx(model.loss_, rel=1e-12)
    for size in (1e-4, 1e-2, 1.0):
        other = W + size * rng.normal(size=W.shape)
        shift = size * rng.normal(size=classes) * intercept
        assert loss(other, b + shift) >= model.loss_ - model.gap_ - 1e-12


def test_two_classes_report_the_difference_of_their_scores() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    model = LinearClassifier("max_margin").fit(X, y)
    assert model.coef_.shape == (1, 30)
    scores = X @ model.coef_[0] + model.intercept_
    assert model.decision_function(X) == pytest.approx(scores, abs=1e-8)
    assert np.array_equal(model.predict(X), (scores > 0).astype(int))


def test_the_margin_has_no_probabilities() -> None:
    assert not hasattr(LinearClassifier("max_margin"), "predict_proba")
    assert not hasattr(LinearClassifier("max_margin"), "predict_log_proba")
    assert hasattr(LinearClassifier(), "predict_proba")


def test_too_many_weights_for_a_hessian_come_close_by_l_bfgs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    X, y = scaled("iris")
    exact = LinearClassifier("max_margin", alpha=1e-2).fit(X, y)
    monkeypatch.setattr(room, "_DENSE", 0)
    model = LinearClassifier("max_margin", alpha=1e-2).fit(X, y)
    assert model.converged_
    assert 0 < model.loss_ - exact.loss_ + exact.gap_ <= model.gap_ < 0.01 * model.loss_


# ── Both ────────────────────────────────────────────────────────────────────────────────────────


def test_the_memory_of_a_newton_step_grows_with_the_rows_but_not_with_their_classes() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3000, 40)), rng.integers(10, size=3000)
    tracemalloc.start()
    found = Margin(x, y, np.full(3000, 1 / 3000), np.full(40, 0.1)).narrowed(np.zeros((10, 40)), 2)
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.steps > 2
    # A few copies of the rows, of their scores and of the Hessian of 400 weights: 1, 0.2 and 1.3 MB
    # each. A row of 400 numbers for each pair of a row and a class takes 86 MB.
    assert used < 15e6


@pytest.mark.parametrize("loss", ["softmax", "max_margin"])
def test_a_weight_of_a_row_is_how_often_it_is_there(loss: str) -> None:
    X, y = load_iris(return_X_y=True)
    times = np.random.default_rng(0).integers(0, 4, len(y))
    for balanced in (None, "balanced"):
        options = {"alpha": 0.01, "tol": 1e-8, "class_weight": balanced}
        weighted = LinearClassifier(loss, **options).fit(X, y, sample_weight=times)
        repeated = LinearClassifier(loss, **options).fit(X.repeat(times, axis=0), y.repeat(times))
        assert weighted.coef_ == pytest.approx(repeated.coef_, abs=1e-6)


@pytest.mark.parametrize("loss", ["softmax", "max_margin"])
def test_sparse_rows_are_learnt_as_the_full_ones(loss: str) -> None:
    X, y = load_wine(return_X_y=True)
    X = np.where(np.median(X, axis=0) < X, X / X.max(axis=0), 0)
    full = LinearClassifier(loss, scaling="none", tol=1e-8).fit(X, y)
    model = LinearClassifier(loss, scaling="none", tol=1e-8).fit(sparse.csr_array(X), y)
    assert model.coef_ == pytest.approx(full.coef_, abs=1e-5)
    assert model.intercept_ == pytest.approx(full.intercept_, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "loss"), [("softmax", losses.cross_entropy), ("max_margin", losses.max_margin)]
)
def test_adam_steps_come_near_the_minimum(name: str, loss: Any) -> None:
    X, y = scaled("iris")
    exact = LinearClassifier(name, alpha=0.01).fit(X, y)
    model = LinearClassifier(name, alpha=0.01, batch_size=50, random_state=0)
    for _ in range(200):
        model.partial_fit(X, y)
    assert model.n_iter_ == 200
    weight = model.network_[0].weight.numpy()
    value = losses.mean(loss(tensor(model.decision_function(X)), y)).item()
    value += 0.005 * np.square(weight).sum()
    # Steps of 0.01 at a constant rate go to and fro around it.
    assert exact.loss_ - exact.gap_ <= value < 1.2 * exact.loss_


def test_a_first_batch_may_lack_a_class_that_is_named() -> None:
    X, y = scaled("iris")
    model = LinearClassifier(random_state=0).partial_fit(X[:100], y[:100], classes=[0, 1, 2])
    assert model.predict_proba(X).shape == (150, 3)
    model.partial_fit(X[100:], y[100:])
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))


def test_a_fit_after_passes_begins_anew_unless_it_starts_warm() -> None:
    X, y = scaled("iris")
    model = LinearClassifier(random_state=0).partial_fit(X, y)
    fresh = LinearClassifier().fit(X, y)
    assert np.array_equal(model.fit(X, y).coef_, fresh.coef_)
    model.set_params(warm_start=True).fit(X, y)
    assert model.n_iter_ == 0


def test_a_loss_that_there_is_not_is_refused() -> None:
    with pytest.raises(ArgumentError, match="loss must be 'softmax' or 'max_margin'"):
        LinearClassifier("hinge").fit(*scaled("iris"))


# ── Descents that fail ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("warm", [False, True])
def test_a_descent_that_diverges_says_of_itself_and_not_of_the_fit_before(warm: bool) -> None:
    X, y = scaled("iris")
    model = LinearClassifier(alpha=0.1, warm_start=warm).fit(X, y)
    assert model.converged_
    model.set_params(solver=optim.SGD(1e200), tol=0.0)
    with pytest.raises(DivergenceError) as raised:
        model.fit(X, y)
    good = raised.value.last_good
    assert not model.converged_
    assert "left the finite numbers" in model.reason_
    assert (model.loss_, model.n_iter_) == (good.value, good.steps)
    assert np.isfinite(model.coef_).all()


def test_a_new_layer_has_no_notes_of_an_old_one_where_its_fit_is_broken_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any) -> None:
        raise KeyboardInterrupt

    X, y = scaled("iris")
    model = LinearClassifier().fit(X, y)
    monkeypatch.setattr(LinearClassifier, "_minimised", broken)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert not np.any(model.coef_)
    assert not hasattr(model, "converged_")


# ── Options ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "newton", optim.SGD(0.1)], ids=str)
def test_the_margin_refuses_a_solver_that_it_would_not_take(solver: Any) -> None:
    X, y = scaled("iris")
    model = LinearClassifier("max_margin", solver=solver)
    with pytest.raises(ArgumentError, match=r"solver is .* loss='softmax'.*leave solver='auto'"):
        model.fit(X, y)
    assert not hasattr(model, "network_")


def test_the_solver_of_softmax_is_l_bfgs_unless_another_is_named() -> None:
    X, y = scaled("iris")
    auto = LinearClassifier().fit(X, y)
    assert np.array_equal(auto.coef_, LinearClassifier(solver="lbfgs").fit(X, y).coef_)
    adam = LinearClassifier(solver="adam", max_iter=5000, learning_rate_init=0.1, tol=1e-5)
    # A gradient of norm 1e-5 leaves W within 1e-5 / α = 0.01 of the minimum.
    assert adam.fit(X, y).coef_ == pytest.approx(auto.coef_, abs=0.01)
    assert adam.n_iter_ > 5 * auto.n_iter_


ONE_LAYER: list[Any] = [
    LinearClassifier(random_state=0),
    LinearClassifier("max_margin", random_state=0),
    LogisticNeuron(alpha=0.1, random_state=0),
    Perceptron(random_state=0),
]


@pytest.mark.parametrize("one", ONE_LAYER, ids=repr)
@pytest.mark.parametrize(
    "option",
    [{"executor": "gpu"}, {"n_threads": 0}, {"n_threads": -1}, {"fit_intercept": 1},
     {"scaling": "robust"}, {"warm_start": "yes"}],
    ids=str,
)  # fmt: skip
def test_a_wrong_option_leaves_one_layer_as_it_was(one: Any, option: dict[str, Any]) -> None:
    X, y = (part[:100] for part in scaled("iris"))
    model = clone(one).set_params(**option)
    for call in (model.fit, model.partial_fit):
        if "warm_start" in option and call == model.partial_fit:
            continue  # which always goes on
        with pytest.raises(ArgumentError, match=next(iter(option))):
            call(X, y)
        assert not hasattr(model, "network_")


@pytest.mark.parametrize("one", ONE_LAYER, ids=repr)
@pytest.mark.parametrize(
    ("first", "then"),
    [({"fit_intercept": False}, {"fit_intercept": True}),
     ({"fit_intercept": True}, {"fit_intercept": False}),
     ({"scaling": "none"}, {"scaling": "standard"}),
     ({"scaling": "standard"}, {"scaling": "none"})],
    ids=str,
)  # fmt: skip
def test_one_layer_goes_on_with_what_it_was_made_by(
    one: Any, first: dict[str, Any], then: dict[str, Any]
) -> None:
    X, y = (part[:100] for part in scaled("iris"))
    model = clone(one).set_params(warm_start=True, **first).fit(X, y)
    before = model.decision_function(X)
    model.set_params(**then)
    [(name, was)] = first.items()
    for call in (model.fit, model.partial_fit):
        with pytest.raises(ArgumentError, match=rf"{name}={was!r}; received {name}=.*begin anew"):
            call(X, y)
    assert np.array_equal(model.decision_function(X), before)
    model.set_params(warm_start=False).fit(X, y)
    model.partial_fit(X, y)


def test_two_classes_go_on_with_the_loss_whose_scores_they_have() -> None:
    X, y = (part[:100] for part in scaled("iris"))
    model = LinearClassifier(warm_start=True).fit(X, y).set_params(loss="max_margin")
    for call in (model.fit, model.partial_fit):
        with pytest.raises(ArgumentError, match="loss='softmax'; received loss='max_margin'"):
            call(X, y)
    model.set_params(warm_start=False).fit(X, y)


def test_more_classes_go_on_by_the_other_loss() -> None:
    X, y = scaled("iris")
    options = {"alpha": 0.01, "batch_size": 50, "random_state": 0}
    model = LinearClassifier(**options).partial_fit(X, y).set_params(loss="max_margin")
    same = LinearClassifier("max_margin", **options).partial_fit(X, y)
    start = [p.numpy().copy() for p in model.network_.parameters()]
    for kept, values in zip(same.network_.parameters(), start, strict=True):
        kept.assign(values)
    same.set_params(learning_rate_init=0.5)
    model.set_params(learning_rate_init=0.5)
    # Both are new to the options, so that both begin with a new Adam.
    assert np.array_equal(model.partial_fit(X, y).coef_, same.partial_fit(X, y).coef_)


def test_a_further_pass_goes_by_the_options_of_now() -> None:
    X, y = scaled("iris")
    model = LinearClassifier(random_state=0).partial_fit(X, y)
    before = model.coef_
    model.set_params(learning_rate_init=1e-12).partial_fit(X, y)
    assert model.coef_ == pytest.approx(before, abs=1e-9)


@pytest.mark.parametrize("one", ONE_LAYER, ids=repr)
@pytest.mark.parametrize("executor", ["auto", "reference"])
def test_any_number_of_threads_learns_the_same(one: Any, executor: str) -> None:
    X, y = (part[:100] for part in scaled("iris"))
    model, more = (clone(one).set_params(n_threads=n, executor=executor).fit(X, y) for n in (1, 2))
    # 400 numbers are too few for NumPy to share them out.
    assert np.array_equal(model.coef_, more.coef_)
    assert np.array_equal(model.partial_fit(X, y).coef_, more.partial_fit(X, y).coef_)


@pytest.mark.parametrize("threads", [1, 2])
def test_n_threads_holds_numpy_to_them_in_a_fit_and_in_predictions(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = scaled("iris")
    seen: list[int] = []

    def noting(function: Any) -> Any:
        def noted(*given: Any, **options: Any) -> Any:
            pools = [p for p in threadpool_info() if p["user_api"] == "blas"]
            seen.extend(p["num_threads"] for p in pools)
            return function(*given, **options)

        return noted

    monkeypatch.setattr(Margin, "narrowed", noting(Margin.narrowed))
    monkeypatch.setattr(nn.Linear, "forward", noting(nn.Linear.forward))
    model = LinearClassifier("max_margin", n_threads=threads).fit(X, y)
    assert set(seen) == {threads}
    seen.clear()
    model.predict(X)
    assert set(seen) == {threads}
