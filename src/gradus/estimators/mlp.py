"""Multilayer perceptrons that follow scikit-learn's contract, with presets that learn well."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from gradus import nn
from gradus.estimators.classes import NetworkClassifierBase
from gradus.estimators.hidden import HiddenLayerEstimator
from gradus.estimators.inputs import Encoder
from gradus.estimators.networks import perceptron
from gradus.estimators.numbers import NetworkRegressorBase
from gradus.estimators.presets import settled
from gradus.estimators.recipe import Recipe
from gradus.estimators.store import store
from gradus.types import Array

_LAYERS = (nn.Linear, nn.NTKLinear, nn.SparseInput, nn.MemberLinear)


class _Perceptron(HiddenLayerEstimator):
    """What both have: a recipe from a preset and options, and its network."""

    encoder_: Encoder

    def _recipe(self) -> Recipe:
        options = self.get_params(deep=False)
        return settled(options["preset"], self._task, options)

    def _make_network(self, x: Array, weight: Array | None) -> tuple[nn.Sequential, int]:
        return perceptron(
            self.recipe_, self.encoder_, x, weight, self.targets_.outputs, self._tail()
        )

    @abstractmethod
    def _tail(self) -> list[nn.Module]:
        """Modules behind the last layer."""

    @property
    def _n_features_out(self) -> int:
        """Columns of ``transform``."""
        return sum(self.recipe_.hidden_layer_sizes[-1:]) * self.recipe_.members * len(self._copies)

    @property
    def coefs_(self) -> list[Array]:
        """Weights of each layer as scikit-learn has them, (inputs, units), NTK's scale included.

        The last of an ensemble has one matrix a member, (members, inputs, outputs). Where there are
        several copies, each layer has a matrix a copy, (copies, inputs, units).
        """
        return self._of_layers(_weight)

    @property
    def intercepts_(self) -> list[Array]:
        """Biases of each layer, (units,), the last of an ensemble (members, outputs).

        Of copies, like ``coefs_``, with an axis in front.
        """
        return self._of_layers(lambda layer: layer.bias.numpy())

    def _of_layers(self, found: Callable[[Any], Array]) -> list[Array]:
        """What is found of each layer; of copies it is stacked."""
        each = [[found(m) for m in one if isinstance(m, _LAYERS)] for one in self._copies]
        return each[0] if len(each) == 1 else [np.stack(of) for of in zip(*each, strict=True)]


class MLPClassifier(_Perceptron, NetworkClassifierBase):
    """A multilayer perceptron that tells classes.

    Every option that is None is what the preset says; ``recipe_`` shows what that came to. What
    each means stands at ``gradus.estimators.recipe.Recipe``.

    Args:
        hidden_layer_sizes: units of each hidden layer.
        activation: of the hidden layers, or one a layer: names, modules, functions of a tensor.
        preset: ``"classic"`` (one layer, as in the lectures and in scikit-learn), ``"default"``,
            ``"strong"`` (some times the time, lower error), ``"ensemble"``.
        scaling, max_one_hot, embedding_size, numeric_embedding: how columns are encoded.
        kinds: kinds of columns that are not to be inferred: ``{"zip": "categorical"}``.
        dropout, dropout_schedule, start_from_data, ntk, scaling_layer, parametric_activation,
            members, copies: the network, or networks whose predictions are averaged.
        loss: ``"cross_entropy"``; ``"max_margin"``, which has no probabilities unless they are
            calibrated; or ``(prediction, target) → one value a row``.
        label_smoothing, alpha: of the cross-entropy; what is added to any loss.
        solver, learning_rate_init, learning_rate, layer_rates, beta_1, beta_2, epsilon,
            weight_decay, clip_norm, batch_size, max_iter, shuffle: the descent.
        tol, n_iter_no_change, early_stopping, validation_fraction, monitor: when it ends, and
            which weights are kept.
        calibrate: whether to fit a temperature by rows held out once the weights stand, so that
            probabilities are as often right as they say; one network predicts the same classes.
            True: to hold rows out (``validation_fraction``, or X_val) whether or not training
            watches some; ``"auto"``: only where rows are held out in any case.
        class_weight: weight of each class, ``{label: weight}``, or ``"balanced"``.
        random_state: of all that is random; a further ``fit`` goes on with the seed of the first.
        warm_start: whether a further ``fit`` goes on from the weights of the last.
        verbose: whether to show progress; numbers above 0 mean yes.
        callbacks: hooks into the training, see ``gradus.train.Callback``.
        n_threads: the most threads to use; None: as ``gradus doctor`` says.
        executor: ``"auto"``, ``"native"`` or ``"reference"``.
        dtype: of the network: ``"float32"``, ``"float64"``, or ``"auto"``: float64 where one
            batch holds all rows, else float32.

    Attributes:
        classes_: the labels, sorted.
        temperature_: where it is calibrated, what scores are divided by; 1 after ``build`` of what
            will be.
        network_, encoder_, schema_, targets_, recipe_, history_, n_iter_: see ``NetworkEstimator``.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier(random_state=0).fit(X[::2], y[::2])
    >>> bool(model.score(X[1::2], y[1::2]) > 0.9)
    True
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = None,
        activation: Any = None,
        *,
        preset: str = "default",
        scaling: str | None = None,
        max_one_hot: int | None = None,
        embedding_size: int | None = None,
        numeric_embedding: str | None = None,
        kinds: Any = None,
        dropout: float | None = None,
        dropout_schedule: str | None = None,
        start_from_data: bool | None = None,
        ntk: bool | None = None,
        scaling_layer: bool | None = None,
        parametric_activation: bool | None = None,
        members: int | None = None,
        copies: int | str | None = None,
        loss: Any = None,
        label_smoothing: float | None = None,
        alpha: float | None = None,
        solver: Any = None,
        learning_rate_init: float | None = None,
        learning_rate: Any = None,
        layer_rates: Any = None,
        beta_1: float | None = None,
        beta_2: float | None = None,
        epsilon: float | None = None,
        weight_decay: float | None = None,
        clip_norm: float | None = None,
        batch_size: Any = None,
        max_iter: int | str | None = None,
        shuffle: bool | None = None,
        tol: float | None = None,
        n_iter_no_change: float | None = None,
        early_stopping: Any = None,
        validation_fraction: float | None = None,
        monitor: str | None = None,
        calibrate: bool | str | None = None,
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

    def _tail(self) -> list[nn.Module]:
        return [self._mean()] if self.recipe_.members > 1 else []


class MLPRegressor(_Perceptron, NetworkRegressorBase):
    """A multilayer perceptron that predicts numbers, or quantiles of them.

    Every option that is None is what the preset says; ``recipe_`` shows what that came to. What
    each means stands at ``gradus.estimators.recipe.Recipe``, and those that are not named here at
    ``MLPClassifier``.

    Args:
        loss: ``"squared_error"``, ``"absolute_error"``, ``"huber"``, ``"quantile"``, or
            ``(prediction, target) → one value a row``, of standardised targets.
        quantiles: what ``loss="quantile"`` predicts; ``predict`` gives the one nearest to ½.
        clamp: whether predictions stay in the range of the targets of training.
        calibrate: whether to hold out rows (``validation_fraction``, or X_val) that training does
            not see, for ``predict_interval``. Where training watches rows as well, each of the two
            has half of them.

    Attributes:
        conformity_: with ``calibrate=True``, what ``predict_interval`` knows.
        network_, encoder_, schema_, targets_, recipe_, history_, n_iter_: see ``NetworkEstimator``.

    >>> X = np.linspace(-1, 1, 200).reshape(-1, 1)
    >>> model = MLPRegressor(random_state=0).fit(X, np.sin(3 * X[:, 0]))
    >>> bool(model.score(X, np.sin(3 * X[:, 0])) > 0.99)
    True
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = None,
        activation: Any = None,
        *,
        preset: str = "default",
        scaling: str | None = None,
        max_one_hot: int | None = None,
        embedding_size: int | None = None,
        numeric_embedding: str | None = None,
        kinds: Any = None,
        dropout: float | None = None,
        dropout_schedule: str | None = None,
        start_from_data: bool | None = None,
        ntk: bool | None = None,
        scaling_layer: bool | None = None,
        parametric_activation: bool | None = None,
        members: int | None = None,
        copies: int | str | None = None,
        loss: Any = None,
        quantiles: Any = None,
        clamp: bool | None = None,
        alpha: float | None = None,
        solver: Any = None,
        learning_rate_init: float | None = None,
        learning_rate: Any = None,
        layer_rates: Any = None,
        beta_1: float | None = None,
        beta_2: float | None = None,
        epsilon: float | None = None,
        weight_decay: float | None = None,
        clip_norm: float | None = None,
        batch_size: Any = None,
        max_iter: int | str | None = None,
        shuffle: bool | None = None,
        tol: float | None = None,
        n_iter_no_change: float | None = None,
        early_stopping: Any = None,
        validation_fraction: float | None = None,
        monitor: str | None = None,
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

    def _tail(self) -> list[nn.Module]:
        tail: list[nn.Module] = [self._mean()] if self.recipe_.members > 1 else []
        if self.recipe_.clamp:
            low, high = self.targets_.range
            tail.append(nn.Clamp(low, high))
        return tail


def _weight(layer: Any) -> Array:
    weight: Array = layer.weight.numpy()
    if not isinstance(layer, nn.SparseInput):  # it alone has a row an input
        weight = weight.swapaxes(-1, -2)
    ntk = isinstance(layer, nn.NTKLinear) or getattr(layer, "ntk", False)
    return weight / np.sqrt(len(weight)) if ntk else weight
