"""scikit-learn's models, each behind the preparation that suits it.

Linear models and networks take numbers with the median for what is missing, a column that says so,
standardised, and categories one-hot. Trees take numbers as they are, with what is missing, and
categories as codes, which gradient boosting treats as categories.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegressionCV, RidgeCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from benchmarks.learning.dataset import Task

_MOST_CATEGORIES = 255  # that scikit-learn's gradient boosting takes in a column


def linear(X: pd.DataFrame, task: Task, seed: int, threads: int, **settings: Any) -> BaseEstimator:
    """Logistic or ridge regression; the penalty is chosen by cross-validation."""
    if task == "classification":
        model = LogisticRegressionCV(
            Cs=np.logspace(-3, 3, 7), cv=5, scoring="neg_log_loss", max_iter=1000,
            l1_ratios=(0,), use_legacy_attributes=False, n_jobs=threads,
        )  # fmt: skip
    else:
        model = RidgeCV(np.logspace(-3, 3, 13))
    return make_pipeline(_dense(X), model.set_params(**settings))


def network(X: pd.DataFrame, task: Task, seed: int, threads: int, **settings: Any) -> BaseEstimator:
    """scikit-learn's multilayer perceptron."""
    kind = MLPClassifier if task == "classification" else MLPRegressor
    return make_pipeline(_dense(X), kind(random_state=seed, **settings))


def forest(X: pd.DataFrame, task: Task, seed: int, threads: int, **settings: Any) -> BaseEstimator:
    """Random forest."""
    kind = RandomForestClassifier if task == "classification" else RandomForestRegressor
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return make_pipeline(_coded(X, codes), kind(random_state=seed, n_jobs=threads, **settings))


def boosting(X: pd.DataFrame, task: Task, seed: int, threads: int, **s: Any) -> BaseEstimator:
    """Gradient-boosted trees on histograms."""
    kind = (
        HistGradientBoostingClassifier
        if task == "classification"
        else HistGradientBoostingRegressor
    )
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan
    )
    # The coded columns come first.
    few = [k for k, c in enumerate(_categorical(X)) if X[c].nunique() <= _MOST_CATEGORIES]
    model = kind(categorical_features=few or None, random_state=seed, **s)
    return make_pipeline(_coded(X, codes), model)


PEERS = {"linear": linear, "network": network, "forest": forest, "boosting": boosting}


def _categorical(X: pd.DataFrame) -> list[str]:
    return [c for c in X.columns if not pd.api.types.is_numeric_dtype(X[c])]


def _dense(X: pd.DataFrame) -> ColumnTransformer:
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return _columns(X, categories, numbers)


def _coded(X: pd.DataFrame, codes: OrdinalEncoder) -> ColumnTransformer:
    return _columns(X, codes, "passthrough")


def _columns(X: pd.DataFrame, categories: Any, numbers: Any) -> ColumnTransformer:
    named = _categorical(X)
    rest = [c for c in X.columns if c not in named]
    return ColumnTransformer([("categories", categories, named), ("numbers", numbers, rest)])
