"""The preset "classic" against scikit-learn's own MLPs: same start, same order, same losses.

float64 throughout. What is left is the order of sums, which Adam carries on from step to step:
far below 10⁻¹⁰ for these tables, of which digits in 50 passes has the most steps, 450.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    make_multilabel_classification,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import gradus as gd
from gradus import losses, nn, optim
from gradus.estimators import MLPClassifier, MLPRegressor
from gradus.types import Array

# As near as the order of sums lets them be.
CLOSE = {"rtol": 1e-10, "atol": 1e-10}


class _Noting:
    """An estimator of scikit-learn's that notes the weights it begins with."""

    def _initialize(self, y: Array, layer_units: list[int], dtype: Any) -> None:
        super()._initialize(y, layer_units, dtype)  # type: ignore[misc]
        self.start = [c.copy() for c in self.coefs_], [b.copy() for b in self.intercepts_]


class Classifier(_Noting, neural_network.MLPClassifier):
    pass


class Regressor(_Noting, neural_network.MLPRegressor):
    pass


def theirs(kind: type, X: Array, y: Array, **options: Any) -> Any:
    """scikit-learn's estimator, fitted without a word on convergence."""
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        return kind(random_state=0, shuffle=False, **options).fit(X, y)


def ours(kind: type, X: Array, y: Array, start: Any, **options: Any) -> Any:
    """gradus's, from the weights that the other began with."""
    fixed = {"preset": "classic", "scaling": "none", "dtype": "float64", "n_threads": 1}
    model = kind(warm_start=True, shuffle=False, random_state=0, **fixed, **options).build(X, y)
    begin_with(model, start)
    return model.fit(X, y)


def begin_with(model: Any, start: Any) -> None:
    """Set the weights of all layers."""
    layers = [m for m in model.network_ if hasattr(m, "weight")]
    for layer, coef, intercept in zip(layers, *start, strict=True):
        rows = coef if isinstance(layer, nn.SparseInput) else coef.T
        layer.weight, layer.bias = gd.tensor(rows.copy()), gd.tensor(intercept)


def standard(X: Array) -> Array:
    return StandardScaler().fit_transform(X)


def compare(X: Array, y: Array, **options: Any) -> tuple[Any, Any]:
    his = theirs(Classifier, X, y, **options)
    mine = ours(MLPClassifier, X, y, his.start, **options)
    np.testing.assert_allclose(mine.loss_curve_, his.loss_curve_, **CLOSE)
    for a, b in zip(mine.coefs_, his.coefs_, strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)
    for a, b in zip(mine.intercepts_, his.intercepts_, strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)
    np.testing.assert_allclose(mine.predict_proba(X), his.predict_proba(X), **CLOSE)
    np.testing.assert_array_equal(mine.predict(X), his.predict(X))
    return his, mine


def test_fifty_passes_over_the_digits_are_scikit_learns() -> None:
    X, y = load_digits(return_X_y=True)
    his, mine = compare(standard(X), y, max_iter=50, hidden_layer_sizes=(100,), alpha=1e-4)
    assert mine.n_iter_ == his.n_iter_ == 50


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_two_classes_share_one_output_in_both(activation: str) -> None:
    X, y = load_breast_cancer(return_X_y=True)
    his, mine = compare(standard(X), y, activation=activation, max_iter=15, alpha=0.1)
    assert mine.coefs_[-1].shape == his.coefs_[-1].shape == (100, 1)
    assert mine.decision_function(X[:3]).shape == (3,)


def test_several_labels_a_row_are_learnt_as_scikit_learn_learns_them() -> None:
    X, y = make_multilabel_classification(150, 8, n_classes=4, random_state=0)
    compare(standard(X), y, max_iter=20, hidden_layer_sizes=(12, 7), batch_size=32)


def test_training_ends_in_the_same_pass_as_scikit_learns() -> None:
    X, y = load_iris(return_X_y=True)
    options = {"hidden_layer_sizes": (20,), "learning_rate_init": 0.02, "max_iter": 500}
    his, mine = compare(standard(X), y, tol=1e-3, n_iter_no_change=3, **options)
    assert mine.n_iter_ == his.n_iter_ < 500


def test_sgd_with_nesterovs_momentum_is_scikit_learns() -> None:
    X, y = load_iris(return_X_y=True)
    X = standard(X)
    same = {"hidden_layer_sizes": (9,), "max_iter": 30, "batch_size": 20}
    his = theirs(Classifier, X, y, solver="sgd", learning_rate_init=0.05, momentum=0.9, **same)
    rule = optim.SGD(0.05, momentum=0.9, nesterov=True)
    mine = ours(MLPClassifier, X, y, his.start, solver=rule, **same)
    np.testing.assert_allclose(mine.loss_curve_, his.loss_curve_, **CLOSE)


def test_plain_momentum_is_scikit_learns_with_beta_1_in_its_place() -> None:
    X, y = load_iris(return_X_y=True)
    X = standard(X)
    same = {"hidden_layer_sizes": (9,), "max_iter": 30, "learning_rate_init": 0.05, "solver": "sgd"}
    his = theirs(Classifier, X, y, momentum=0.8, nesterovs_momentum=False, **same)
    mine = ours(MLPClassifier, X, y, his.start, beta_1=0.8, **same)
    np.testing.assert_allclose(mine.loss_curve_, his.loss_curve_, **CLOSE)


def _numbers() -> tuple[Array, Array]:
    """A table of numbers, standardised: gradus standardises the targets itself."""
    X, y = load_diabetes(return_X_y=True)
    return standard(X), standard(y[:, None])[:, 0]


def test_half_the_squared_error_as_a_loss_makes_regression_scikit_learns() -> None:
    X, y = _numbers()
    same = {"hidden_layer_sizes": (15,), "max_iter": 25, "alpha": 0.5}
    his = theirs(Regressor, X, y, **same)
    half = lambda prediction, target: 0.5 * losses.squared_error(prediction, target)  # noqa: E731
    mine = ours(MLPRegressor, X, y, his.start, loss=half, **same)
    np.testing.assert_allclose(mine.loss_curve_, his.loss_curve_, **CLOSE)
    np.testing.assert_allclose(mine.predict(X), his.predict(X), **CLOSE)


def test_the_squared_error_is_scikit_learns_with_twice_alpha_epsilon_and_tol() -> None:
    # The loss and so the gradients are twice as large: Adam, which divides by their size, takes
    # the same steps where ε and α are doubled too.
    X, y = _numbers()
    same = {"hidden_layer_sizes": (15,), "max_iter": 200, "learning_rate_init": 0.02}
    his = theirs(Regressor, X, y, alpha=0.5, epsilon=1e-8, tol=1e-3, **same)
    mine = ours(MLPRegressor, X, y, his.start, alpha=1.0, epsilon=2e-8, tol=2e-3, **same)
    assert mine.n_iter_ == his.n_iter_ < 200
    np.testing.assert_allclose(mine.loss_curve_, 2 * np.array(his.loss_curve_), **CLOSE)
    np.testing.assert_allclose(mine.predict(X), his.predict(X), **CLOSE)


def test_several_numbers_a_row_are_learnt_as_scikit_learn_learns_them() -> None:
    # It records the mean over the outputs of half the squared error, and descends their sum.
    X, y = _numbers()
    y = standard(np.stack([y, X[:, 2] * X[:, 3]], axis=1))
    his = theirs(Regressor, X, y, hidden_layer_sizes=(15,), max_iter=25, alpha=0.0)
    mine = ours(
        MLPRegressor, X, y, his.start, hidden_layer_sizes=(15,), max_iter=25, alpha=0, epsilon=2e-8
    )
    np.testing.assert_allclose(mine.loss_curve_, 4 * np.array(his.loss_curve_), **CLOSE)
    np.testing.assert_allclose(mine.predict(X), his.predict(X), **CLOSE)


def test_a_sparse_matrix_is_learnt_as_scikit_learn_learns_it() -> None:
    from scipy import sparse

    X, y = load_digits(return_X_y=True)
    X, y = X[:300] / abs(X[:300]).max(axis=0).clip(1e-9), y[:300]  # each column's largest is 1
    options = {"hidden_layer_sizes": (16,), "max_iter": 10, "alpha": 1e-2}
    his = theirs(Classifier, sparse.csr_array(X), y, **options)
    mine = ours(MLPClassifier, sparse.csr_array(X), y, his.start, **options)
    np.testing.assert_allclose(mine.loss_curve_, his.loss_curve_, **CLOSE)
    np.testing.assert_allclose(mine.predict_proba(X), his.predict_proba(X), **CLOSE)


def test_sample_weights_are_scikit_learns() -> None:
    # In one batch: over several scikit-learn weighs batches by their rows, gradus by their weight.
    X, y = load_iris(return_X_y=True)
    X, weight = standard(X), np.random.default_rng(0).uniform(0.5, 2.0, len(y))
    same = {"hidden_layer_sizes": (9,), "max_iter": 40, "alpha": 0.3, "shuffle": False}
    his = Classifier(random_state=0, **same)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        his.fit(X, y, sample_weight=weight)
    fixed = {"preset": "classic", "scaling": "none", "dtype": "float64", "warm_start": True}
    mine = MLPClassifier(**fixed, **same).build(X, y)
    begin_with(mine, his.start)
    mine.fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(mine.loss_curve_, his.loss_curve_, **CLOSE)
