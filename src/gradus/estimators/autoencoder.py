"""A network that learns to say rows in few numbers, by giving them back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.utils.validation import _num_samples, check_array, check_is_fitted

from gradus import losses, nn
from gradus.checks import choice, finite_number, whole_number
from gradus.data import TableEncoder
from gradus.data.config import entry
from gradus.data.features import NumericFeature
from gradus.data.scaling import Scale
from gradus.errors import ShapeError
from gradus.estimators.hidden import HiddenLayerEstimator
from gradus.estimators.inputs import Inputs, check_collected
from gradus.estimators.networks import activation_module
from gradus.estimators.presets import NO_CODES, settled
from gradus.estimators.recipe import Recipe
from gradus.estimators.rows import Rows
from gradus.estimators.store import store
from gradus.estimators.targets import Loss, Metric, Targets
from gradus.estimators.training import Part
from gradus.train.metrics import r2
from gradus.types import Array


@dataclass(frozen=True)
class Reconstruction(Targets):
    """The encoded rows themselves.

    Attributes:
        columns: how many there are, encoded.
    """

    columns: int

    @property
    def outputs(self) -> int:
        """One an encoded column."""
        return self.columns

    def encode(self, y: Array, dtype: npt.DTypeLike) -> Array:
        """Encoded rows as they are."""
        return y.astype(dtype)

    def loss(self, recipe: Recipe) -> Loss:
        """Squared error."""
        return losses.squared_error

    @property
    def score(self) -> Metric:
        """Share of the variance of all columns that is given back."""
        return r2

    def to_config(self) -> dict[str, Any]:
        """Their number."""
        return {"outputs": self.columns}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """From plain data; `FileError` where it is damaged."""
        return cls(entry(config, "outputs", int))


class Autoencoder(HiddenLayerEstimator):
    """A network that compresses rows to a few numbers, their code, and gives them back.

    minimise Σ (x − d(e(x)))² over the encoder e, x → hidden layers → code, and the decoder d, the
    same layers in reverse. Without hidden layers the codes span the space of PCA; with them the
    surface that they lie on can be curved. What is given back are the encoded columns: numbers
    standardised, a number for each category.

    Args:
        hidden_layer_sizes: units of each hidden layer of the encoder; none for a linear one.
        n_components: length of a code.
        activation: of the hidden layers, or one a layer: names, modules, functions of a tensor.
        noise: share of the encoded columns that each row loses in training, in [0, 1): what comes
            back is the whole row, so that columns are learnt from each other (masking noise,
            Vincent et al. 2008). Those that stay are divided by 1 − noise.
        scaling: of numbers: ``"standard"`` or ``"none"``.
        kinds: kinds of columns that are not to be inferred: ``{"zip": "categorical"}``.
        alpha: factor of the squared weights in the loss.
        solver, learning_rate_init, learning_rate, layer_rates, beta_1, beta_2, epsilon,
            weight_decay, clip_norm, batch_size, max_iter, shuffle: the descent.
        tol, n_iter_no_change, early_stopping, validation_fraction, monitor: when it ends, and
            which weights are kept.
        random_state: of all that is random.
        warm_start: whether a further ``fit`` goes on from the weights of the last.
        verbose: whether to show progress; numbers above 0 mean yes.
        callbacks: hooks into the training, see ``gradus.train.Callback``.
        n_threads: the most threads to use; None: as ``gradus doctor`` says.
        executor: ``"auto"``, ``"native"`` or ``"reference"``.
        dtype: of the network: ``"float32"``, ``"float64"``, or ``"auto"``: float64 where one
            batch holds all rows, else float32.

    Attributes:
        network_, encoder_, schema_, targets_, recipe_, history_, n_iter_: see ``NetworkEstimator``.

    What each option means in full stands at ``gradus.estimators.recipe.Recipe``.

    >>> from sklearn.datasets import load_wine
    >>> X = load_wine().data
    >>> model = Autoencoder(n_components=2, random_state=0).fit(X)
    >>> codes = model.transform(X)
    >>> codes.shape, model.inverse_transform(codes).shape
    ((178, 2), (178, 13))
    >>> model.score(X) > 0.55  # two components of PCA: 0.554
    True
    """

    _task = "regression"
    encoder_: TableEncoder
    targets_: Reconstruction

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        n_components: int = 2,
        activation: Any = "relu",
        *,
        noise: float = 0.0,
        scaling: str = "standard",
        kinds: Any = None,
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
        monitor: str = "loss",
        random_state: Any = None,
        warm_start: bool = False,
        verbose: bool = False,
        callbacks: Any = None,
        n_threads: int | None = None,
        executor: Any = "auto",
        dtype: str = "auto",
    ) -> None:
        store(locals())

    # Fitting -------------------------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: npt.ArrayLike | None = None,
        *,
        X_val: Any = None,
        sample_weight_val: npt.ArrayLike | None = None,
    ) -> Self:
        """Learn to give rows back.

        Args:
            X: a data frame (pandas, Polars, Arrow), an array or a sparse matrix, (rows, columns).
            y: ignored.
            sample_weight: a weight ≥ 0 a row: 2 counts it twice, 0 leaves it out.
            X_val: rows to validate on, in the place of a part of X.
            sample_weight_val: their weights.

        Raises:
            ValueError, TypeError: options or data that cannot be learnt from.
            DivergenceError: training left the finite numbers.
        """
        return super().fit(X, y, sample_weight, X_val=X_val, sample_weight_val=sample_weight_val)

    def build(self, X: Any, y: Any = None, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Make the network and the encoding that ``fit`` would begin with, without training."""
        return super().build(X, y, sample_weight)

    def partial_fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: npt.ArrayLike | None = None,
        *,
        X_val: Any = None,
        sample_weight_val: npt.ArrayLike | None = None,
    ) -> Self:
        """One pass over further rows, at a constant rate.

        What encodes the columns is learnt from the rows of the first call. Arguments and errors
        as ``fit``.
        """
        return self._fit_further(X, y, sample_weight, None, (X_val, None, sample_weight_val))

    def _recipe(self) -> Recipe:
        options = self.get_params(deep=False)
        whole_number("n_components", options["n_components"], least=1)
        finite_number("noise", options["noise"], least=0, below=1)
        choice("scaling", options["scaling"], "standard", "none")
        fixed = {"max_one_hot": NO_CODES, "dropout": 0.0}
        return settled("classic", self._task, {**options, **fixed})

    def _rows(self, X: Any, y: Any, weight: Any, *, reset: bool) -> Rows:
        check_collected(X, "X")
        rows = super()._rows(X, np.zeros(_num_samples(X)), weight, reset=reset)
        if sparse.issparse(rows.X.rows):  # what is given back is not sparse
            return replace(rows, X=Inputs(rows.X.dense(), rows.X.names))
        return rows

    def _held(self, X: Any, y: Any, weight: Any) -> Rows | None:
        if X is None:
            return super()._held(None, None, weight)
        return self._rows(X, None, weight, reset=False)

    def _check_y(self, y: Any) -> Any:
        return y

    def _read_targets(self, rows: Rows, classes: Any) -> Reconstruction:
        return Reconstruction(len(self.encoder_.feature_names))

    def _arrays(self, rows: Rows, indices: Array | None = None) -> Part:
        x, _, weight = super()._arrays(rows, indices)
        return x, x, weight

    def _make_network(self, x: Array, weight: Array | None) -> tuple[nn.Sequential, int]:
        options, recipe = self.get_params(deep=False), self.recipe_
        widths = [x.shape[1], *recipe.hidden_layer_sizes, options["n_components"]]
        layers = [nn.Linear(a, b, dtype=x.dtype) for a, b in pairwise(widths)]
        back = [nn.Linear(a, b, dtype=x.dtype) for a, b in pairwise(widths[::-1])]
        bent = list(zip(recipe.activations, recipe.hidden_layer_sizes, strict=True))
        first: list[nn.Module] = [nn.Dropout(options["noise"])] if options["noise"] else []
        encoder = [*first, *_between(recipe, layers, bent, x)]
        return nn.Sequential(*encoder, *_between(recipe, back, bent[::-1], x)), len(encoder)

    # Codes, and back -----------------------------------------------------------------------------

    def inverse_transform(self, X: Any) -> Array:
        """Rows of codes, (rows, columns), float64.

        Where all columns are numbers they are in the units of training; else what comes back are
        the encoded columns, whose names are ``encoder_.feature_names``.

        Args:
            X: codes, (rows, n_components).

        Raises:
            ValueError: codes of another length.
        """
        check_is_fitted(self, "network_")
        dtype = self.network_.parameters()[0].dtype
        codes = check_array(X, dtype=dtype)
        if codes.shape[1] != self._n_features_out:
            raise ShapeError(
                f"codes are (rows, {self._n_features_out})", received=f"shape {codes.shape}"
            )
        encoded = self._part(self.network_[self._hidden :]).predict(codes).astype(np.float64)
        features = [f for f in self.encoder_.features if isinstance(f, NumericFeature)]
        places = self.encoder_.places.values()
        if len(features) < len(places):
            return encoded
        columns = []
        for feature, place in zip(features, places, strict=True):
            scale, z = feature.scale, encoded[:, place.start]
            columns.append(scale.invert(z) if isinstance(scale, Scale) else z)
        return np.stack(columns, axis=1)

    def score(self, X: Any, y: Any = None, sample_weight: npt.ArrayLike | None = None) -> float:
        """Share of the variance of the encoded columns that is given back, R²: 1 is all of it.

        For a linear autoencoder the sum of PCA's ``explained_variance_ratio_``.

        Args:
            X: as in ``fit``.
            y: ignored.
            sample_weight: a weight a row.
        """
        check_is_fitted(self, "network_")
        rows = self._rows(X, None, sample_weight, reset=False)
        return r2(self._predicted(rows.X), self._arrays(rows)[0], rows.weight)

    @property
    def _n_features_out(self) -> int:
        """Columns of ``transform``."""
        code: Any = self.network_[self._hidden - 1]
        return int(code.out_features)


def _between(
    recipe: Recipe, layers: list[nn.Linear], bent: list[tuple[Any, int]], x: Array
) -> list[nn.Module]:
    """The layers with an activation between each two."""
    parts: list[nn.Module] = [layers[0]]
    for layer, (activation, units) in zip(layers[1:], bent, strict=True):
        parts += [activation_module(recipe, activation, units, x.dtype), layer]
    return parts
