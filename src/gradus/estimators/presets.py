"""The presets: what each says of every option, as plain data, and a recipe of one of them.

What stands behind them, with sources: ``docs/estimators.md`` and ``docs/design/estimators.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from gradus.checks import choice, require
from gradus.data.target import Task
from gradus.estimators.recipe import PRESET_RATES, Recipe, decays
from gradus.optim import Optimizer

_CLASSIC: Mapping[str, Any] = {
    "hidden_layer_sizes": (100,),
    "activation": "relu",
    "dropout": 0.0,
    "dropout_schedule": "constant",
    "start_from_data": False,
    "scaling": "standard",
    "max_one_hot": 1000,
    "embedding_size": 8,
    "numeric_embedding": "none",
    "scaling_layer": False,
    "ntk": False,
    "parametric_activation": False,
    "members": 1,
    "copies": 1,
    "loss": "auto",
    "label_smoothing": 0.0,
    "quantiles": (0.05, 0.5, 0.95),
    "clamp": False,
    "alpha": 1e-4,
    "solver": "adam",
    "learning_rate_init": 1e-3,
    "learning_rate": "constant",
    "layer_rates": {},
    "beta_1": 0.9,
    "beta_2": 0.999,
    "epsilon": 1e-8,
    "weight_decay": 0.0,
    "clip_norm": 0.0,
    "batch_size": "auto",
    "max_iter": 200,
    "shuffle": True,
    "tol": 1e-4,
    "n_iter_no_change": 10,
    "early_stopping": False,
    "validation_fraction": 0.1,
    "monitor": "score",
    "calibrate": False,
}

_DEFAULT: Mapping[str, Any] = {
    **_CLASSIC,
    "hidden_layer_sizes": (256, 256, 256),
    "scaling": "robust",
    "max_one_hot": 9,
    "scaling_layer": True,
    "ntk": True,
    "copies": "auto",
    "alpha": 0.0,
    "learning_rate": "coslog4",
    "layer_rates": PRESET_RATES,
    "beta_2": 0.95,
    "batch_size": 256,
    "max_iter": "auto",
    "n_iter_no_change": np.inf,
    "early_stopping": "auto",
    "validation_fraction": 0.15,
    "monitor": "loss",
}

_STRONG: Mapping[str, Any] = {
    **_DEFAULT,
    "numeric_embedding": "periodic",
    "parametric_activation": True,
    "dropout": 0.15,
    "dropout_schedule": "flat_cosine",
    "start_from_data": True,
    "weight_decay": 0.02,
    "max_iter": 256,
}

_ENSEMBLE: Mapping[str, Any] = {
    **_CLASSIC,
    "hidden_layer_sizes": (256, 256),
    "scaling": "robust",
    "max_one_hot": 9,
    "numeric_embedding": "piecewise",
    "members": 16,
    "dropout": 0.1,
    "alpha": 0.0,
    "learning_rate_init": 2e-3,
    "weight_decay": 3e-4,
    "batch_size": 256,
    "max_iter": 256,
    "n_iter_no_change": 16,
    "early_stopping": "auto",
    "validation_fraction": 0.15,
    "monitor": "loss",
}

NO_CODES = 1 << 62  # categories up to which a column has an input each: any number of them

# What a preset says, and what it says otherwise by the task.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "classic": _CLASSIC,
    "default": _DEFAULT,
    "strong": _STRONG,
    "ensemble": _ENSEMBLE,
}
_CLASSES: Mapping[str, Any] = {
    "activation": "selu",
    "learning_rate_init": 0.04,
    "label_smoothing": 0.1,
    "calibrate": "auto",  # smoothing teaches doubt, even of rows that are told without any
}
_BY_TASK: Mapping[tuple[str, Task], Mapping[str, Any]] = {
    ("default", "classification"): _CLASSES,
    ("default", "regression"): {"activation": "mish", "learning_rate_init": 0.07, "clamp": True},
    ("strong", "classification"): _CLASSES,
    ("strong", "regression"): {"activation": "mish", "learning_rate_init": 0.2, "clamp": True},
    # Beyond the outermost bin a piecewise linear embedding goes on as steeply as it was there.
    ("ensemble", "regression"): {"clamp": True},
}


def settled(preset: str, task: Task, options: Mapping[str, Any]) -> Recipe:
    """Recipe of a preset, with the options that are not None in its place.

    Raises:
        ArgumentError: no such preset, or an option outside its range.

    >>> settled("classic", "classification", {"max_iter": 5, "alpha": None}).max_iter
    5
    """
    choice("preset", preset, *PRESETS)
    _check_together(options)
    said = {**PRESETS[preset], **_BY_TASK.get((preset, task), {})}
    if not decays(options.get("solver") or said["solver"]):
        said["weight_decay"] = 0.0  # another solver than the preset's
    intervals = task == "regression" and options.get("calibrate") not in (None, False)
    if intervals or (options.get("members") or 1) != 1:
        said["copies"] = 1  # which the preset would train several of
    names = {f.name for f in fields(Recipe)}
    found = Recipe(**said | {n: v for n, v in options.items() if n in names and v is not None})
    require(
        not intervals or found.calibrate is True,
        "intervals are calibrated by rows that training does not see, or not at all",
        f"calibrate={found.calibrate!r}",
        "set calibrate=True or False",
    )
    require(
        not intervals or found.copies == 1,
        "intervals are calibrated by rows that no network has seen; each copy holds out others",
        f"copies={found.copies!r} with calibrate=True",
        "set copies=1",
    )
    return found


# What an optimizer of gradus.optim says itself.
_OF_THE_SOLVER = (
    "learning_rate_init",
    "learning_rate",
    "layer_rates",
    "beta_1",
    "beta_2",
    "epsilon",
    "clip_norm",
)


def _check_together(options: Mapping[str, Any]) -> None:
    """Refuse options that another one leaves without a meaning."""
    if isinstance(options.get("solver"), Optimizer):
        # Estimators without presets have these for what is not said, others None.
        usual = {} if "preset" in options else _CLASSIC
        said = [n for n in _OF_THE_SOLVER if options.get(n) not in (None, usual.get(n))]
        require(
            not said,
            "an optimizer of gradus.optim says its rates and decays itself",
            f"{', '.join(f'{name}={options[name]!r}' for name in said)} beside it"[:200],
            "say it in the optimizer, or name the solver, as solver='adam'",
        )
    smoothing, loss = options.get("label_smoothing"), options.get("loss")
    require(
        not smoothing or loss in (None, "auto", "cross_entropy"),
        "label_smoothing is the cross-entropy's",
        f"label_smoothing={smoothing!r} with loss={loss!r}"[:200],
        "leave it out, or smooth the labels in the loss itself",
    )
