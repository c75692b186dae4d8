"""Runs that are healthy by a measure that was fixed beforehand, to count false alarms on.

A run is healthy where, at its end, the held-out rows are predicted about as well as scikit-learn
predicts them from the same training rows: within three points of accuracy and a tenth of a nat of
log loss, or within 5 % of the root mean squared error. scikit-learn's model is its logistic
regression or ridge where a plane separates the classes, else its multilayer perceptron.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import log_loss, root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import gradus as gd
from gradus import losses, nn, optim
from gradus.data import toy
from gradus.types import Array

ACCURACY, LOG_LOSS, RMSE = 0.03, 0.1, 1.05
CURVED = ("circles", "moons", "xor", "spirals")  # no plane separates them
OPTIMIZERS: dict[str, Any] = {
    "Adam": lambda: optim.Adam(3e-3),
    "AdamW": lambda: optim.AdamW(3e-3),
    "SGD": lambda: optim.SGD(0.1, momentum=0.9),
    "RMSprop": lambda: optim.RMSprop(2e-3),
}
ACTIVATIONS = ("relu", "tanh", "sigmoid", "leaky_relu", "elu", "gelu", "silu")


@dataclass(frozen=True)
class Plan:
    """A run to make."""

    data: str
    activation: str
    optimizer: str
    depth: int
    seed: int


@dataclass(frozen=True)
class Judged:
    """A run, and what the measure says of it."""

    plan: Plan
    history: gd.History
    healthy: bool


@cache
def rows(name: str, seed: int) -> tuple[Array, Array, Array, Array]:
    """Rows to train on and held out, standardised: X, y, X, y."""
    if name in ("circles", "moons", "xor", "spirals", "blobs"):
        X, y = getattr(toy, name)(400, seed=seed)
    else:
        loader = getattr(datasets, f"load_{name}")
        X, y = loader(return_X_y=True)
    if name == "digits":
        X, y = X[:900], y[:900]
    labels = None if name == "diabetes" else y
    X, X_held, y, y_held = train_test_split(
        X, y, test_size=0.25, random_state=seed, stratify=labels
    )
    centre, spread = X.mean(axis=0), X.std(axis=0)
    spread[spread == 0] = 1
    parts = [(X - centre) / spread, y, (X_held - centre) / spread, y_held]
    if name == "diabetes":
        parts[1], parts[3] = (parts[1] - y.mean()) / y.std(), (parts[3] - y.mean()) / y.std()
    return parts[0].astype(np.float32), parts[1], parts[2].astype(np.float32), parts[3]


@cache
def baseline(name: str, seed: int) -> tuple[float, float]:
    """scikit-learn's accuracy and log loss, or root mean squared error twice."""
    X, y, X_held, y_held = rows(name, seed)
    if name == "diabetes":
        found = RidgeCV(np.logspace(-2, 3, 12)).fit(X, y)
        error = root_mean_squared_error(y_held, found.predict(X_held))
        return error, error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is judged however far it came
        model = (
            MLPClassifier(max_iter=500, random_state=0)
            if name in CURVED
            else LogisticRegression(max_iter=2000)
        ).fit(X, y)
    return model.score(X_held, y_held), log_loss(y_held, model.predict_proba(X_held))


def network(plan: Plan, inputs: int, outputs: int) -> nn.Sequential:
    width = 32
    gd.manual_seed(plan.seed)
    parts: list[nn.Module] = []
    for k in range(plan.depth):
        parts += [nn.Linear(width if k else inputs, width), nn.ACTIVATIONS[plan.activation]()]
    return nn.Sequential(*parts, nn.Linear(width if plan.depth else inputs, outputs))


EPOCHS = {"digits": 25, "breast_cancer": 25, "diabetes": 15, "iris": 60, "wine": 30,
          "circles": 80, "moons": 80, "xor": 80, "spirals": 300, "blobs": 30}  # fmt: skip


def made(plan: Plan) -> Judged:
    """Train, and measure against scikit-learn."""
    X, y, X_held, y_held = rows(plan.data, plan.seed)
    regression = plan.data == "diabetes"
    outputs = 1 if regression else int(y.max()) + 1
    loss = losses.squared_error if regression else losses.cross_entropy
    trainer = gd.Trainer(
        network(plan, X.shape[1], outputs),
        loss,
        OPTIMIZERS[plan.optimizer](),
        metrics=[] if regression else ["accuracy"],
        seed=plan.seed,
        threads=1,
    )
    history = trainer.fit(
        X, y, epochs=EPOCHS[plan.data], batch_size=32, validation=(X_held, y_held), progress=False
    )
    last, (first, second) = history.rows[-1], baseline(plan.data, plan.seed)
    if regression:
        healthy = np.sqrt(last["val_loss"]) <= RMSE * first
    else:
        healthy = last["val_accuracy"] >= first - ACCURACY and last["val_loss"] <= second + LOG_LOSS
    return Judged(plan, history, bool(healthy))


def plans(sets: tuple[str, ...], seeds: tuple[int, ...], each: int) -> Iterator[Plan]:
    """So many plans for each set and seed: activation, optimizer and depth change from one to the
    next, so that all pairs come up."""
    kinds = itertools.cycle(itertools.product(ACTIVATIONS, OPTIMIZERS, (1, 2, 3)))
    taken = itertools.islice(kinds, 0, None, 11)  # 84 kinds, and 11 has no factor in common
    for data, seed in itertools.product(sets, seeds):
        for _ in range(each):
            yield Plan(data, *next(taken), seed)
