"""Estimators that follow scikit-learn's contract: point them at a table."""

from gradus.estimators.autoencoder import Autoencoder
from gradus.estimators.file import load
from gradus.estimators.logistic import LogisticNeuron
from gradus.estimators.mlp import MLPClassifier, MLPRegressor
from gradus.estimators.network import NetworkClassifier, NetworkRegressor

__all__ = [
    "Autoencoder",
    "LogisticNeuron",
    "MLPClassifier",
    "MLPRegressor",
    "NetworkClassifier",
    "NetworkRegressor",
    "load",
]
