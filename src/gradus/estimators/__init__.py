"""Estimators that follow scikit-learn's contract: point them at a table."""

from gradus.estimators.autoencoder import Autoencoder
from gradus.estimators.file import load
from gradus.estimators.linear import LinearClassifier
from gradus.estimators.logistic import LogisticNeuron
from gradus.estimators.mlp import MLPClassifier, MLPRegressor
from gradus.estimators.network import NetworkClassifier, NetworkRegressor
from gradus.estimators.perceptron import Perceptron
from gradus.estimators.table_run import DivergedRunError, TableRun, train_table

__all__ = [
    "Autoencoder",
    "DivergedRunError",
    "LinearClassifier",
    "LogisticNeuron",
    "MLPClassifier",
    "MLPRegressor",
    "NetworkClassifier",
    "NetworkRegressor",
    "Perceptron",
    "TableRun",
    "load",
    "train_table",
]
