"""A network of one's own as an estimator that follows scikit-learn's contract."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from gradus import nn
from gradus.data import SparseEncoder, TableEncoder
from gradus.errors import ArgumentError, GradusError, ShapeError
from gradus.estimators.arrays import ArrayEncoder, are_whole
from gradus.estimators.base import NetworkEstimator
from gradus.estimators.classes import NetworkClassifierBase
from gradus.estimators.numbers import NetworkRegressorBase
from gradus.estimators.presets import NO_CODES, settled
from gradus.estimators.recipe import Recipe
from gradus.estimators.rows import Rows
from gradus.estimators.store import store
from gradus.estimators.targets import Classes
from gradus.modes import no_grad
from gradus.nn.module import in_mode
from gradus.tensor import Tensor, tensor
from gradus.types import Array

_REFUSALS = (GradusError, TypeError, ValueError)


class _OwnNetwork(NetworkEstimator):
    """What both have: the user's network, and how it is made to fit the rows and the targets."""

    _takes_arrays = True

    def _recipe(self) -> Recipe:
        fixed = {"hidden_layer_sizes": (), "max_one_hot": NO_CODES, "dropout": 0.0}
        return settled("classic", self._task, {**self.get_params(deep=False), **fixed})

    def _make_network(self, x: Array, weight: Array | None) -> tuple[nn.Module, int]:
        given, outputs = self.get_params(deep=False)["network"], self.targets_.outputs
        sparse = isinstance(self.encoder_, SparseEncoder)
        if isinstance(given, nn.Module):
            made = copy.deepcopy(given)
        elif given is None:
            made = _linear(x, len(self._columns) if sparse else 0, outputs)
        elif callable(given):
            inputs = len(self._columns) if sparse else x.shape[1] if x.ndim == 2 else x.shape[1:]
            made = given(inputs, outputs)
        else:
            made = None
        if not isinstance(made, nn.Module) or not made.parameters():
            raise ArgumentError(
                "network is a module with parameters, or a function (inputs, outputs) → module",
                received=repr(given if made is None else made)[:200],
                remedy="for example nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))",
            )
        return made, 0

    def _begin(self, recipe: Recipe, rows: Rows, classes: Any) -> None:
        super()._begin(recipe, rows, classes)
        self._fit_together(rows)

    def _fit_together(self, rows: Rows) -> None:
        """Encode the rows as the network takes them, and check what it gives."""
        kinds = [m for _, m in self.network_.named_modules()]
        packs = any(isinstance(m, nn.SparseInput) for m in kinds)
        if isinstance(self.encoder_, SparseEncoder) and not packs:
            self.encoder_ = TableEncoder.fit_matrix(
                rows.X.dense(), rows.X.names, scaling=self.recipe_.scaling, weight=rows.weight
            )
        few = rows.X.take(np.arange(min(2, len(rows))))
        try:
            output = self._try(few)
        except _REFUSALS as error:
            numbers = rows.X.dense() if rows.X.has_numbers(self.encoder_) else None
            if numbers is None or not are_whole(numbers):
                raise self._refusal(few, error) from error
            self.encoder_ = ArrayEncoder(numbers.shape[1:], whole=True)
            try:
                output = self._try(few)
            except _REFUSALS as again:
                raise self._refusal(few, again) from again
        self._check_output(output, len(few))

    def _try(self, rows: Any) -> Any:
        """What the network makes of a few rows."""
        x = rows.encoded(self.encoder_, self.network_.parameters()[0].dtype)
        with in_mode(self.network_, training=False), no_grad():
            return self.network_(tensor(x))

    def _refusal(self, rows: Any, error: Exception) -> GradusError:
        shape = rows.encoded(self.encoder_, np.float32).shape[1:]
        return ShapeError(
            f"the network takes rows as they are encoded, here of the shape {shape}",
            received=f"one that says: {error}"[:300],
            remedy="build it for these inputs; a function (inputs, outputs) → module is told how "
            "many there are",
        )

    def _check_output(self, output: Any, rows: int) -> None:
        """The network gives one number a target, a class, or one for two classes."""
        shape = output.shape if isinstance(output, Tensor) else None
        targets = self.targets_
        if isinstance(targets, Classes) and targets.single and shape == (rows, 2):
            self.targets_ = Classes(targets.classes, single=False)
        elif shape != (rows, targets.outputs):
            what = f"{targets.outputs} for each row"
            if isinstance(targets, Classes):
                known = f"for the {len(targets.classes)} classes of y"
                what = f"1 or 2 {known}" if targets.single else f"{targets.outputs} {known}"
            raise ShapeError(
                f"the network gives numbers (rows, outputs), {what}",
                received=f"{type(output).__name__} for {rows} rows"
                if shape is None
                else f"the shape {shape} for {rows} rows",
                remedy=f"let it end in a layer of {targets.outputs}, such as "
                f"nn.Linear(…, {targets.outputs})",
            )


class NetworkClassifier(_OwnNetwork, NetworkClassifierBase):
    """Any module as a classifier: a linear layer, a convolutional network, a recurrent one.

    A table or a matrix reaches the network encoded, (rows, inputs); sparse rows packed where it
    begins with ``nn.SparseInput``, else dense. An array of more axes, such as images (n, c, h, w),
    goes to it as it is. Whole numbers stay whole for a network that takes no others, as one that
    begins with ``nn.Embedding``.

    Args:
        network: a module, of which a copy is trained; or a function ``(inputs, outputs) →
            module``, where inputs is the number of columns, or the shape of a row of more axes;
            or None, for a linear layer. It gives a number a class, and for two classes one, the
            score of the second, or two.
        scaling: of numbers in tables and matrices: ``"standard"``, ``"robust"``, ``"none"``.
        kinds: kinds of columns that are not to be inferred: ``{"zip": "categorical"}``.
        loss: ``"cross_entropy"``; ``"max_margin"``, which has no probabilities unless they are
            calibrated; or ``(prediction, target) → one value a row``.
        label_smoothing, alpha: of the cross-entropy; what is added to any loss.
        solver, learning_rate_init, learning_rate, layer_rates, beta_1, beta_2, epsilon,
            weight_decay, clip_norm, batch_size, max_iter, shuffle: the descent.
        tol, n_iter_no_change, early_stopping, validation_fraction, monitor: when it ends, and
            which weights are kept.
        calibrate: whether rows held out say by what all scores are to be divided; ``"auto"``: where
            rows are held out in any case.
        class_weight: weight of each class, ``{label: weight}``, or ``"balanced"``.
        random_state: of all that is random; a module has its weights already.
        warm_start: whether a further ``fit`` goes on from the weights of the last.
        verbose: whether to show progress; numbers above 0 mean yes.
        callbacks: hooks into the training, see ``gradus.train.Callback``.
        n_threads: the most threads to use; None: as ``gradus doctor`` says.
        executor: ``"auto"``, ``"native"`` or ``"reference"``.
        dtype: of the linear layer that None stands for: ``"float32"``, ``"float64"``, or
            ``"auto"``: float64 where one batch holds all rows, else float32.

    Attributes:
        classes_: the labels, sorted.
        network_, encoder_, schema_, targets_, recipe_, history_, n_iter_: see ``NetworkEstimator``.

    What each option means in full stands at ``gradus.estimators.recipe.Recipe``.

    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> network = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 10))
    >>> model = NetworkClassifier(network, max_iter=10, random_state=0)
    >>> images = X.reshape(-1, 1, 8, 8) / 16
    >>> bool(model.fit(images[::2], y[::2]).score(images[1::2], y[1::2]) > 0.9)
    True
    """

    def __init__(
        self,
        network: Any = None,
        *,
        scaling: str = "standard",
        kinds: Any = None,
        loss: Any = "auto",
        label_smoothing: float = 0.0,
        alpha: float = 0.0,
        solver: Any = "adam",
        learning_rate_init: float = 1e-3,
        learning_rate: Any = "constant",
        layer_rates: Any = None,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        clip_norm: float = 0.0,
        batch_size: Any = 32,
        max_iter: int | str = 100,
        shuffle: bool = True,
        tol: float = 1e-4,
        n_iter_no_change: float = 10,
        early_stopping: Any = False,
        validation_fraction: float = 0.1,
        monitor: str = "score",
        calibrate: bool | str = False,
        class_weight: Any = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: bool = False,
        callbacks: Any = None,
        n_threads: int | None = None,
        executor: Any = "auto",
        dtype: str = "auto",
    ) -> None:
        store(locals())


class NetworkRegressor(_OwnNetwork, NetworkRegressorBase):
    """Any module as a regressor: it gives one number a target, of standardised targets.

    Inputs and options are those of ``NetworkClassifier``.

    Args:
        network: a module, of which a copy is trained; or a function ``(inputs, outputs) →
            module``; or None, for a linear layer.
        loss: ``"squared_error"``, ``"absolute_error"``, ``"huber"``, ``"quantile"``, or
            ``(prediction, target) → one value a row``, of standardised targets.
        quantiles: what ``loss="quantile"`` predicts, with an output for each.
        calibrate: whether rows held out say how wide ``predict_interval`` has to be.

    Attributes:
        network_, encoder_, schema_, targets_, recipe_, history_, n_iter_: see ``NetworkEstimator``.

    >>> X = np.linspace(-1, 1, 200).reshape(-1, 1)
    >>> def network(inputs, outputs):
    ...     return nn.Sequential(nn.Linear(inputs, 32), nn.Tanh(), nn.Linear(32, outputs))
    >>> model = NetworkRegressor(network, learning_rate_init=0.01, random_state=0)
    >>> bool(model.fit(X, np.sin(3 * X[:, 0])).score(X, np.sin(3 * X[:, 0])) > 0.99)
    True
    """

    def __init__(
        self,
        network: Any = None,
        *,
        scaling: str = "standard",
        kinds: Any = None,
        loss: Any = "auto",
        quantiles: Any = (0.05, 0.5, 0.95),
        alpha: float = 0.0,
        solver: Any = "adam",
        learning_rate_init: float = 1e-3,
        learning_rate: Any = "constant",
        layer_rates: Any = None,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        clip_norm: float = 0.0,
        batch_size: Any = 32,
        max_iter: int | str = 100,
        shuffle: bool = True,
        tol: float = 1e-4,
        n_iter_no_change: float = 10,
        early_stopping: Any = False,
        validation_fraction: float = 0.1,
        monitor: str = "score",
        calibrate: bool = False,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: bool = False,
        callbacks: Any = None,
        n_threads: int | None = None,
        executor: Any = "auto",
        dtype: str = "auto",
    ) -> None:
        store(locals())


def _linear(x: Array, columns: int, outputs: int) -> nn.Module:
    """One linear layer, with weights of 0, for rows of this kind; ``columns`` of sparse ones."""
    if columns:
        network = nn.Sequential(nn.SparseInput(columns, outputs, dtype=x.dtype))
    else:
        flat = [nn.Flatten()] if x.ndim > 2 else []
        inputs = int(np.prod(x.shape[1:]))
        network = nn.Sequential(*flat, nn.Linear(inputs, outputs, dtype=x.dtype))
    # Not the bias: standardised targets have its optimum at 0, where the slope is a rounding error,
    # and Adam takes steps as large along that as along any other.
    weight = network.parameters()[0]
    weight.assign(np.zeros(weight.shape, weight.dtype))
    return network
