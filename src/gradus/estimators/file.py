"""A fitted estimator as one model file, and back, without pickle.

The file is that of ``gradus.nn``: the weights, and in the header the network and plain data. Where
the estimator reads a table and predicts one class or one number a row, the same file is a model of
``gradus predict``, ``evaluate`` and ``explain``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from gradus import nn
from gradus.data import SparseEncoder, TableEncoder, TargetEncoder
from gradus.data.config import entry, finite_number, texts
from gradus.data.scaling import Scale
from gradus.data.schema import KINDS, Column
from gradus.errors import ArgumentError, FileError, GradusError
from gradus.estimators.arrays import ArrayEncoder
from gradus.estimators.autoencoder import Autoencoder, Reconstruction
from gradus.estimators.base import NetworkEstimator
from gradus.estimators.conformal import Conformity
from gradus.estimators.mlp import MLPClassifier, MLPRegressor
from gradus.estimators.network import NetworkClassifier, NetworkRegressor
from gradus.estimators.plain import array_from_plain, array_to_plain, from_plain, to_plain
from gradus.estimators.recipe import Recipe
from gradus.estimators.targets import Classes, SeveralClasses, Targets, Values, YesNo
from gradus.nn.registry import from_config
from gradus.random import Stream, use_stream
from gradus.train import History

# The closed registries: a file can name one of these and nothing else.
ESTIMATORS: Mapping[str, type[NetworkEstimator]] = {
    c.__name__: c
    for c in (MLPClassifier, MLPRegressor, NetworkClassifier, NetworkRegressor, Autoencoder)
}
ENCODERS: Mapping[str, type[Any]] = {
    c.__name__: c for c in (TableEncoder, SparseEncoder, ArrayEncoder)
}
# Targets of which there is only their number to say.
_COUNTED: Mapping[str, Callable[[int], Targets]] = {
    "YesNo": YesNo,
    "Reconstruction": Reconstruction,
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


def save(estimator: NetworkEstimator, path: str | Path) -> None:
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
    names = getattr(estimator, "feature_names_in_", None)
    conformity = getattr(estimator, "conformity_", None)
    extra = {
        **_table_model(estimator),
        "inputs": estimator.encoder_.to_config(),
        "estimator": {
            "class": kind.__name__,
            "options": _options(estimator.get_params(deep=False)),
            "recipe": _recipe(estimator.recipe_),
            "encoder": type(estimator.encoder_).__name__,
            "targets": targets_to_config(estimator.targets_),
            "schema": [asdict(column) for column in estimator.schema_],
            "columns": list(estimator._columns),
            "feature_names_in": None if names is None else names.tolist(),
            "n_features_in": estimator.n_features_in_,
            "target_name": estimator._target_name,
            "seed": estimator._seed,
            "hidden": estimator._hidden,
            "n_iter": estimator.n_iter_,
            "history": [json.loads(row) for row in estimator.history_.to_jsonl().splitlines()],
            "stop_reason": estimator.history_.stop_reason,
            "best_epoch": estimator.history_.best_epoch,
            "conformity": None if conformity is None else conformity.to_config(),
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


def _save(estimator: NetworkEstimator, path: str | Path) -> None:
    save(estimator, path)


NetworkEstimator.saver = _save
NetworkEstimator.loader = load


# ── Writing ─────────────────────────────────────────────────────────────────────────────────────


def _table_model(estimator: NetworkEstimator) -> dict[str, Any]:
    """What makes the file a model of the command line, where that can be."""
    targets = estimator.targets_
    if not isinstance(estimator.encoder_, TableEncoder):
        return {}
    if isinstance(targets, Classes):
        target = TargetEncoder("classification", classes=tuple(targets.classes.tolist()))
    elif isinstance(targets, Values) and targets.outputs == 1 and not targets.quantiles:
        target = TargetEncoder("regression", scale=targets.scales[0])
    else:
        return {}
    name = estimator._target_name
    while name in estimator._columns:  # a column of X is not what is predicted
        name += "_"
    return {"target": target.to_config(), "target_name": name}


def _options(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: to_plain(name, value) for name, value in values.items()}


def _recipe(recipe: Recipe) -> dict[str, Any]:
    """What the options came to; those that are no plain data follow from the options again."""
    found = {}
    for f in fields(recipe):
        try:
            found[f.name] = to_plain(f.name, getattr(recipe, f.name))
        except ArgumentError:
            continue
    return found


def targets_to_config(targets: Targets) -> dict[str, Any]:
    """Plain data of what was learnt of y."""
    if isinstance(targets, Classes):
        config = {"classes": array_to_plain(targets.classes), "single": targets.single}
    elif isinstance(targets, SeveralClasses):
        config = {"parts": [targets_to_config(part) for part in targets.parts]}
    elif isinstance(targets, Values):
        config = {
            "scales": [scale.to_config() for scale in targets.scales],
            "flat": targets.flat,
            "quantiles": list(targets.quantiles),
            "range": list(targets.range),
        }
    else:
        config = {"outputs": targets.outputs}
    return {"kind": type(targets).__name__, **config}


# ── Reading ─────────────────────────────────────────────────────────────────────────────────────


def _restored(
    network: nn.Module, config: Mapping[str, Any], inputs: Any, build: Callable[[Any], nn.Module]
) -> NetworkEstimator:
    """The estimator of a file; whatever is wrong with it raises one of ``_FAULTS``."""
    options = entry(config, "options", dict)
    estimator = ESTIMATORS[entry(config, "class", str)](
        **{name: from_plain(value, build) for name, value in options.items()}
    )
    encoder = ENCODERS[entry(config, "encoder", str)].from_config(inputs)
    columns, count = texts(config, "columns"), entry(config, "n_features_in", int)
    read = encoder.columns if isinstance(encoder, TableEncoder) else columns
    _require(count == len(columns) and set(read) <= set(columns), "columns", columns)
    estimator.__dict__.update(
        network_=network,
        encoder_=encoder,
        targets_=targets_from_config(entry(config, "targets", dict)),
        schema_=tuple(_column(part) for part in entry(config, "schema", list)),
        history_=History(
            [dict(row) for row in entry(config, "history", list)],
            entry(config, "stop_reason", str),
            None if config["best_epoch"] is None else entry(config, "best_epoch", int),
        ),
        n_iter_=entry(config, "n_iter", int),
        n_features_in_=count,
        _columns=columns,
        _target_name=entry(config, "target_name", str),
        _seed=entry(config, "seed", int),
        _hidden=entry(config, "hidden", int),
    )
    if config["feature_names_in"] is not None:
        names = texts(config, "feature_names_in")
        _require(len(names) == count, "feature_names_in", names)
        estimator.__dict__["feature_names_in_"] = np.array(names, dtype=object)
    if config["conformity"] is not None:
        conformity = Conformity.from_config(entry(config, "conformity", dict))
        values = len(estimator.targets_.scales)
        _require(conformity.scores.shape[1] == values, "conformity scores", conformity.scores.shape)
        estimator.__dict__["conformity_"] = conformity
    settled = {name: from_plain(v, build) for name, v in entry(config, "recipe", dict).items()}
    estimator.recipe_ = replace(estimator._recipe(), **settled)
    _check_network(estimator)
    return estimator


def _check_network(estimator: NetworkEstimator) -> None:
    """Raise one of ``_FAULTS`` unless the network takes encoded rows and gives what targets need.

    That it gives it for one row of zeros says it for all.
    """
    encoder, dtype = estimator.encoder_, estimator.network_.parameters()[0].dtype
    if isinstance(encoder, SparseEncoder):
        row = np.zeros((1, 2, 1), dtype)
    elif isinstance(encoder, ArrayEncoder):
        row = encoder.transform(np.zeros((1, *encoder.shape)), dtype)
    else:
        row = np.zeros((1, len(encoder.feature_names)), dtype)
    estimator._trainer = estimator._new_trainer(estimator.recipe_)
    shape = estimator._trainer.predict(row).shape
    _require(shape == (1, estimator.targets_.outputs), "network", f"outputs of shape {shape}")


def targets_from_config(config: Mapping[str, Any]) -> Targets:
    """What ``targets_to_config`` described; ``FileError`` where it is damaged."""
    kind = entry(config, "kind", str)
    if kind == "Classes":
        classes, single = array_from_plain(config["classes"]), entry(config, "single", bool)
        _require(
            classes.ndim == 1 and np.array_equal(np.unique(classes), classes) and len(classes) > 1,
            "classes",
            classes,
        )
        _require(not single or len(classes) == 2, "single", single)
        return Classes(classes, single)
    if kind == "SeveralClasses":
        parts = [targets_from_config(part) for part in entry(config, "parts", list)]
        _require(all(isinstance(part, Classes) for part in parts), "parts", parts)
        return SeveralClasses(tuple(parts))  # type: ignore[arg-type]
    if kind == "Values":
        low, high = entry(config, "range", list)
        numbers = (*entry(config, "quantiles", list), *low, *high)
        for number in numbers:
            finite_number({kind: number}, kind)
        return Values(
            tuple(Scale.from_config(scale) for scale in entry(config, "scales", list)),
            entry(config, "flat", bool),
            tuple(config["quantiles"]),
            (low, high),
        )
    _require(kind in _COUNTED, "kind of targets", kind)
    return _COUNTED[kind](entry(config, "outputs", int))


def _column(config: Any) -> Column:
    column = Column(
        entry(config, "name", str),
        entry(config, "kind", str),
        entry(config, "missing_count", int),
        entry(config, "distinct", int),
        entry(config, "note", str),
    )
    _require(column.kind in KINDS, "kind of a column", column.kind)
    return column


def _require(holds: bool, what: str, received: Any) -> None:
    if not holds:
        raise FileError(f"the {what} of an estimator must fit the rest", received=received)
