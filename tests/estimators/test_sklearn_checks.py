"""scikit-learn's own checks of every public estimator: none skipped, none expected to fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.utils.estimator_checks import _check_name, _yield_all_checks, parametrize_with_checks

from gradus import estimators
from gradus.errors import ArgumentError
from gradus.estimators import (
    Autoencoder,
    LinearClassifier,
    LogisticNeuron,
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
    Perceptron,
)

# One of each kind, and one a preset: small where the preset is large, for the sake of time alone.
ESTIMATORS = [
    MLPClassifier(preset="classic"),
    MLPRegressor(preset="classic"),
    MLPClassifier(hidden_layer_sizes=(32,), max_iter=64),
    MLPRegressor(hidden_layer_sizes=(32,), max_iter=64),
    MLPClassifier((16,), preset="strong", max_iter=16),
    MLPRegressor((16,), preset="strong", max_iter=16),
    MLPClassifier((16,), preset="ensemble", members=2, learning_rate_init=0.01, max_iter=24),
    MLPRegressor((16,), preset="ensemble", members=2, learning_rate_init=0.03, max_iter=32),
    Perceptron(),
    LogisticNeuron(),
    LinearClassifier(),
    LinearClassifier("max_margin"),
    NetworkClassifier(learning_rate_init=0.01, max_iter=20),
    NetworkRegressor(learning_rate_init=0.01, max_iter=20),
    Autoencoder(hidden_layer_sizes=(8,), max_iter=5),
]
# How many checks scikit-learn has for each: fewer would mean that some are skipped.
CHECKS = {
    "Autoencoder": 54,
    "LinearClassifier": 63,
    "LogisticNeuron": 64,
    "MLPClassifier": 74,
    "MLPRegressor": 66,
    "NetworkClassifier": 68,
    "NetworkRegressor": 60,
    "Perceptron": 54,
}


BY_WEIGHTS = {
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
}


@pytest.fixture(autouse=True)
def _array_api(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it scikit-learn skips the checks of the array API."""
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")


@pytest.mark.filterwarnings("ignore")  # the checks train on noise, with y as a column, and so on
@parametrize_with_checks(ESTIMATORS, legacy=True)
def test_scikit_learns_check(estimator: BaseEstimator, check: Callable[[Any], None]) -> None:
    if _check_name(check) in BY_WEIGHTS and "dropout" in estimator.get_params():
        # A row that is there twice draws its dropout twice; in all other checks there is dropout.
        estimator = clone(estimator).set_params(dropout=0.0)
    try:
        check(estimator)
    except pytest.skip.Exception as skipped:
        pytest.fail(f"skipped: {skipped}")


# Rows held out by chance are others where rows are repeated than where they weigh as much; and
# partial_fit calibrates by rows that it is given, as with early_stopping=True.
BY_ROWS_HELD_OUT = BY_WEIGHTS | {
    "check_estimators_partial_fit_n_features",
    "check_fit_score_takes_y",
    "check_n_features_in_after_fitting",
}


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # the checks train on noise, with y as a column, and so on
@parametrize_with_checks(
    [
        MLPClassifier(preset="classic", calibrate=True),
        MLPRegressor(preset="classic", calibrate=True),
    ],
    legacy=True,
)
def test_scikit_learns_check_with_calibration(
    estimator: BaseEstimator, check: Callable[[Any], None]
) -> None:
    if _check_name(check) in BY_ROWS_HELD_OUT:
        with pytest.raises((AssertionError, ArgumentError), match=r"sample_weight|pass X_val"):
            check(estimator)
    else:
        test_scikit_learns_check(estimator, check)


def test_every_public_estimator_is_checked() -> None:
    public = {n for n in estimators.__all__ if isinstance(getattr(estimators, n), type)}
    assert {type(e).__name__ for e in ESTIMATORS} == public == set(CHECKS)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_scikit_learn_has_so_many_checks_for_it(estimator: BaseEstimator) -> None:
    names = Counter(_check_name(c) for c in _yield_all_checks(estimator, legacy=True))
    assert names.total() == CHECKS[type(estimator).__name__] - 1  # and that it can be cloned
