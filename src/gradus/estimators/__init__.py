"""Estimators that follow scikit-learn's contract: point them at a table."""

from gradus.estimators.linear import LinearClassifier
from gradus.estimators.logistic import LogisticNeuron
from gradus.estimators.mlp import MLPClassifier, MLPRegressor
from gradus.estimators.perceptron import Perceptron

__all__ = ["LinearClassifier", "LogisticNeuron", "MLPClassifier", "MLPRegressor", "Perceptron"]
