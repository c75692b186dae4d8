"""Estimators that follow scikit-learn's contract: point them at a table."""

from gradus.estimators.file import load
from gradus.estimators.logistic import LogisticNeuron
from gradus.estimators.mlp import MLPClassifier, MLPRegressor

__all__ = ["LogisticNeuron", "MLPClassifier", "MLPRegressor", "load"]
