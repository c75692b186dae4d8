"""Estimators that follow scikit-learn's contract: point them at a table."""

from gradus.estimators.file import load
from gradus.estimators.logistic import LogisticNeuron
from gradus.estimators.mlp import MLPClassifier, MLPRegressor
from gradus.estimators.table_run import DivergedRunError, TableRun, train_table

__all__ = [
    "DivergedRunError",
    "LogisticNeuron",
    "MLPClassifier",
    "MLPRegressor",
    "TableRun",
    "load",
    "train_table",
]
