"""A fitted estimator as one model file, and back, without pickle.

The file is that of ``gradus.nn``: the weights, and in the header the network and plain data. Where
the estimator reads a table and gives a row one number or the probabilities of its classes, the same
file is a model of ``gradus predict``, ``evaluate`` and ``explain``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from gradus import nn
from gradus.data import SparseEncoder, TableEncoder
from gradus.data.config import entry
from gradus.errors import ArgumentError, FileError, GradusError
from gradus.estimators.arrays import ArrayEncoder
from gradus.estimators.autoencoder import Autoencoder, Reconstruction
from gradus.estimators.estimator import TableEstimator
from gradus.estimators.linear import LinearClassifier
from gradus.estimators.logistic import LogisticNeuron
from gradus.estimators.mlp import MLPClassifier, MLPRegressor
from gradus.estimators.network import NetworkClassifier, NetworkRegressor
from gradus.estimators.perceptron import Perceptron
from gradus.estimators.plain import Build, check_fits, from_plain, to_plain
from gradus.estimators.targets import Classes, SeveralClasses, Targets, Values, YesNo
from gradus.nn.registry import from_config
from gradus.random import Stream, use_stream
from gradus.train.table_model import TableModel

# The closed registries: a file can name one of these and nothing else.
ESTIMATORS: Mapping[str, type[TableEstimator]] = {
    c.__name__: c
    for c in (
        MLPClassifier,
        MLPRegressor,
        NetworkClassifier,
        NetworkRegressor,
        Autoencoder,
        Perceptron,
        LogisticNeuron,
        LinearClassifier,
    )
}
ENCODERS: Mapping[str, type[Any]] = {
    c.__name__: c for c in (TableEncoder, SparseEncoder, ArrayEncoder)
}
TARGETS: Mapping[str, type[Targets]] = {
    c.__name__: c for c in (Classes, YesNo, SeveralClasses, Values, Reconstruction)
}
_FAULTS = (
    GradusError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    MemoryError,
    RecursionError,
)


def save(estimator: TableEstimator, path: str | Path) -> None:
    """Write a fitted estimator to a file: whole, or not at all.

    Raises:
        NotFittedError: an estimator before ``fit``.
        ArgumentError: an option that is no plain data, such as a function; or an estimator of a
            class of your own.
        FileError: the folder cannot be written.
    """
    check_is_fitted(estimator, "network_")
    kind = type(estimator)
    if ESTIMATORS.get(kind.__name__) is not kind:
        raise ArgumentError(
            f"the estimators that can be saved are {', '.join(ESTIMATORS)}",
            received=f"{kind.__module__}.{kind.__qualname__}",
            remedy="pickle it",
        )
    model = table_model(estimator, estimator._target_name)
    extra = {
        **({"inputs": estimator.encoder_.to_config()} if model is None else model.header()),
        "estimator": {
            "class": kind.__name__,
            "options": {n: to_plain(n, v) for n, v in estimator.get_params(deep=False).items()},
            "encoder": type(estimator.encoder_).__name__,
            "targets": {
                "kind": type(estimator.targets_).__name__,
                **estimator.targets_.to_config(),
            },
            **estimator._to_config(),
        },
    }
    nn.save(estimator.network_, path, extra)


def load(path: str | Path, modules: Iterable[type[nn.Module]] = ()) -> Any:
    """Read the fitted estimator of a file that ``save`` wrote.

    It predicts what the saved one predicts, to the bit, and can be fitted further; the optimizer
    then begins anew. Modules among the options have fresh weights.

    Args:
        path: the file.
        modules: the caller's own Module classes that may occur in it.

    Raises:
        FileError: no such file, no estimator in it, or one that is damaged.

    >>> import os, tempfile
    >>> X = np.linspace(-1, 1, 40).reshape(-1, 1)
    >>> model = MLPRegressor(preset="classic", random_state=0).fit(X, X[:, 0] ** 2)
    >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
    >>> model.save(path)
    >>> bool(np.all(load(path).predict(X) == model.predict(X)))
    True
    """
    modules = tuple(modules)
    with use_stream(Stream(0)):  # weights are drawn before they are read: not from the caller's
        network, extra = nn.read(path, modules)
    if "estimator" not in extra:
        raise FileError(
            "an estimator is loaded from a file that an estimator saved",
            received=f"{path}, a network" + (" of a table" if "inputs" in extra else ""),
            remedy="use gradus.load for the network, or gradus predict for a table",
        )
    tensors = [*network.parameters(), *network.named_buffers().values()]
    build = partial(from_config, modules=modules, max_elements=sum(t.size for t in tensors))
    try:
        with use_stream(Stream(0)):
            return _restored(network, extra["estimator"], extra["inputs"], build)
    except _FAULTS as error:
        raise FileError(
            f"the estimator in {path} must be as it was written",
            received=f"{type(error).__name__}: {error}"[:300],
            remedy="the file was damaged or changed, or comes from another version of gradus; "
            "train again",
        ) from error


TableEstimator.saver = save
TableEstimator.loader = load


# ── Writing ─────────────────────────────────────────────────────────────────────────────────────


def table_model(estimator: TableEstimator, name: str) -> TableModel | None:
    """The model of the command line that an estimator is; None where it is none.

    Args:
        estimator: a fitted one.
        name: of what is predicted; underscores make it differ from the columns of X.
    """
    target = estimator.targets_.of_table()
    if target is None or not isinstance(estimator.encoder_, TableEncoder):
        return None
    if target.task == "classification" and not hasattr(estimator, "predict_proba"):
        return None  # its scores are no logits, so that they say no probabilities
    while name in estimator._columns:  # a column of X is not what is predicted
        name += "_"
    return TableModel(estimator.network_, estimator.encoder_, target, name)


def _restored(
    network: nn.Module, config: Mapping[str, Any], inputs: Any, build: Build
) -> TableEstimator:
    """The estimator of a file; whatever is wrong with it raises one of ``_FAULTS``."""
    options = entry(config, "options", dict)
    estimator = ESTIMATORS[entry(config, "class", str)](
        **{name: from_plain(value, build) for name, value in options.items()}
    )
    targets = entry(config, "targets", dict)
    estimator.network_ = network
    estimator.encoder_ = ENCODERS[entry(config, "encoder", str)].from_config(inputs)
    estimator.targets_ = TARGETS[entry(targets, "kind", str)].from_config(targets)
    estimator._take_config(config, build)
    _check_network(estimator)
    return estimator


def _check_network(estimator: TableEstimator) -> None:
    """Raise one of ``_FAULTS`` unless the network takes encoded rows and gives what targets need.

    That it gives it for one row of zeros says it for all; a sparse one names its last column.
    """
    encoder, dtype = estimator.encoder_, estimator.network_.parameters()[0].dtype
    if isinstance(encoder, SparseEncoder):
        row = np.array([[[len(encoder.scale) - 1], [0]]], dtype)
    elif isinstance(encoder, ArrayEncoder):
        row = encoder.transform(np.zeros((1, *encoder.shape)), dtype)
    else:
        row = np.zeros((1, len(encoder.feature_names)), dtype)
    shape = estimator._outputs(row).shape
    check_fits(shape == (1, estimator.targets_.outputs), "network", f"outputs of shape {shape}")
