"""What all estimators that train a network share: from rows and targets to a fitted network."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from gradus import losses, nn
from gradus.checks import choice, flag
from gradus.data import split_indices
from gradus.data.schema import Column
from gradus.data.target import Task
from gradus.errors import ArgumentError
from gradus.estimators.hooks import CallbackSupportMixin, passes, with_callbacks
from gradus.estimators.inputs import Encoder, received
from gradus.estimators.recipe import SCHEDULES, Recipe
from gradus.estimators.rows import Rows, TableEstimator, seeded
from gradus.estimators.targets import Targets, over_members
from gradus.optim import Constant
from gradus.random import Stream, use_stream
from gradus.train import (
    Callback,
    DropoutSchedule,
    EarlyStopping,
    History,
    L2Penalty,
    NoImprovement,
    Trainer,
)
from gradus.types import Array, DType

Part = tuple[Array, Array, Array | None]  # inputs, targets, and perhaps weights

# Fewer rows than this leave too few to validate on: ``early_stopping="auto"`` trains on all.
_ENOUGH_ROWS = 500
_LOOKED_AT = 1 << 14  # rows that say where the bins of an embedding end


class NetworkEstimator(CallbackSupportMixin, TableEstimator):
    """Base of the estimators that train a network: fit, and what it leaves behind.

    Attributes:
        network_: the trained network; it takes what ``encoder_`` gives.
        encoder_: from the columns of X to the numbers of the network.
        schema_: what each column was found to be.
        targets_: from y to the targets of the loss, and back.
        recipe_: all options, settled.
        history_: one row a pass, with curves and ``diagnose()``.
        n_iter_: passes done.
        n_features_in_, feature_names_in_: as in scikit-learn.
    """

    _task: Task
    _watch: Callback
    network_: nn.Sequential
    encoder_: Encoder
    schema_: tuple[Column, ...]
    targets_: Any
    recipe_: Recipe
    history_: History
    n_iter_: int

    # What each kind of estimator says for itself -------------------------------------------------

    @abstractmethod
    def _recipe(self) -> Recipe:
        """All options, settled."""

    @abstractmethod
    def _read_targets(self, rows: Rows, classes: Any) -> Targets:
        """What kind of targets the rows have."""

    @abstractmethod
    def _make_network(self, x: Array) -> tuple[nn.Sequential, int]:
        """A network for such rows, and how many of its modules make the hidden activations."""

    # Fitting -------------------------------------------------------------------------------------

    @with_callbacks
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: npt.ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: npt.ArrayLike | None = None,
    ) -> Self:
        """Learn from rows and their targets.

        Args:
            X: a data frame (pandas, Polars, Arrow), an array or a sparse matrix, (rows, columns).
            y: (rows,) or (rows, targets).
            sample_weight: a weight ≥ 0 a row: 2 counts it twice, 0 leaves it out.
            X_val: rows to validate on, in the place of a part of X.
            y_val: their targets.
            sample_weight_val: their weights.

        Raises:
            ValueError, TypeError: options or data that cannot be learnt from; the message says
                which, and what to do.
            DivergenceError: training left the finite numbers.
        """
        recipe = self._recipe()
        again = flag("warm_start", self.get_params()["warm_start"]) and hasattr(self, "network_")
        rows = self._rows(X, y, sample_weight, reset=not again)
        if not again:
            self._begin(recipe, rows, None)
        held = self._held(X_val, y_val, sample_weight_val)
        self._train(recipe, rows, held, recipe.max_iter, fresh=True)
        return self

    def build(self, X: Any, y: Any, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Make the network and the encoding that ``fit`` would begin with, without training.

        Afterwards the weights may be set by hand; ``fit`` goes on from them with
        ``warm_start=True``, and so does ``partial_fit``. Arguments and errors as ``fit``.
        """
        self._begin(self._recipe(), self._rows(X, y, sample_weight, reset=True), None)
        return self

    def _fit_further(
        self, X: Any, y: Any, weight: Any, classes: Any, validation: Sequence[Any]
    ) -> Self:
        """One pass over further rows, at the constant rate."""
        recipe = self._recipe()
        again = hasattr(self, "network_")
        rows = self._rows(X, y, weight, reset=not again)
        if not again:
            self._begin(recipe, rows, classes)
        held = self._held(*validation)
        watched = recipe.early_stopping is True and held is not None
        if recipe.early_stopping is True and held is None:
            raise ArgumentError(
                "partial_fit stops early by rows that stay the same from call to call",
                received="early_stopping=True without X_val and y_val",
                remedy="pass X_val and y_val, or set early_stopping=False",
            )
        going_on = replace(recipe, learning_rate=Constant(), early_stopping=watched)
        self._train(going_on, rows, held, 1, fresh=False)
        return self

    def _held(self, X: Any, y: Any, weight: Any) -> Rows | None:
        """Rows to validate on that were given."""
        if X is None and y is None:
            return None
        if X is None or y is None:
            raise ArgumentError(
                "rows to validate on have inputs and targets",
                received="X_val without y_val" if y is None else "y_val without X_val",
            )
        return self._rows(X, y, weight, reset=False)

    def _begin(self, recipe: Recipe, rows: Rows, classes: Any) -> None:
        """Read what the rows say on encoding, and make a network for them."""
        options = self.get_params(deep=False)
        self.recipe_ = recipe
        self.targets_ = self._read_targets(rows, classes)
        self.schema_ = rows.X.schema(options.get("kinds"))
        self.encoder_ = rows.X.encoder(
            self.schema_, recipe.scaling, recipe.max_one_hot, rows.weight
        )
        self._seed = seeded(options["random_state"])
        dtype = self._dtype(rows)
        x = rows.X.encoded(self.encoder_, dtype, np.arange(min(len(rows), _LOOKED_AT)))
        with use_stream(Stream(self._seed)):
            self.network_, self._hidden = self._make_network(x)
        self.history_ = History()
        self.n_iter_ = 0
        self.__dict__.pop("_trainer", None)

    def _dtype(self, rows: Rows) -> DType:
        """Of the network: where one batch holds all rows, digits cost nothing."""
        given = choice("dtype", self.get_params()["dtype"], "auto", "float32", "float64")
        if given == "auto":
            given = "float64" if len(rows) <= self.recipe_.rows_a_step(len(rows)) else "float32"
        return np.dtype(given)

    def _train(
        self, recipe: Recipe, rows: Rows, held: Rows | None, epochs: int, *, fresh: bool
    ) -> None:
        """Train on the rows, watching those held out where there are any."""
        options = self.get_params(deep=False)
        training, validating = self._parts(recipe, rows, held)
        if fresh or not hasattr(self, "_trainer"):
            self._trainer = self._new_trainer(recipe)
            self._trainer.history = self.history_
        hooks = [
            *(options["callbacks"] or ()),
            *self._stopping(recipe, validating is not None, fresh),
            *self._scheduled_dropout(recipe, fresh),
            *passes(self, rows.X.rows, rows.y),
        ]
        x, y, weight = training
        try:
            self._trainer.fit(
                x,
                y,
                epochs=epochs,
                batch_size=recipe.rows_a_step(len(x)),
                validation=validating,
                sample_weight=weight,
                shuffle=recipe.shuffle,
                callbacks=hooks,
                progress=flag("verbose", options["verbose"]),
            )
        finally:
            self.n_iter_ = len(self.history_)
        self._after(validating)

    def _after(self, validating: Part | None) -> None:
        """What is to be learnt from the rows held out once the weights stand."""

    def _parts(self, recipe: Recipe, rows: Rows, held: Rows | None) -> tuple[Part, Part | None]:
        """Arrays to train on, and to validate on where the recipe wants it."""
        if held is not None:
            return self._arrays(rows), self._arrays(held)
        if not self._holds_out(recipe, len(rows)):
            return self._arrays(rows), None
        labels = self.targets_.labels(rows.y)
        if labels is not None and np.bincount(labels).min() < 2:
            labels = None  # a class of one row cannot be in both parts
        fraction = recipe.validation_fraction
        training, validating = split_indices(len(rows), fraction, self._seed, labels)
        return self._arrays(rows, training), self._arrays(rows, validating)

    def _holds_out(self, recipe: Recipe, rows: int) -> bool:
        """Whether some of the rows are to be held out."""
        if recipe.early_stopping == "auto":
            return rows >= _ENOUGH_ROWS
        return bool(recipe.early_stopping)

    def _arrays(self, rows: Rows, indices: Array | None = None) -> Part:
        """What the trainer takes: inputs, targets and weights of all rows, or of those named."""
        dtype = self.network_.parameters()[0].dtype
        x = rows.X.encoded(self.encoder_, dtype, indices)
        y, weight = rows.y, rows.weight
        if indices is not None:
            y, weight = y[indices], None if weight is None else weight[indices]
        return x, self.targets_.encode(y, dtype), weight

    def _new_trainer(self, recipe: Recipe) -> Trainer:
        options = self.get_params(deep=False)
        loss = self.targets_.loss(recipe)
        return Trainer(
            self.network_,
            over_members(loss) if recipe.members > 1 else loss,
            recipe.optimizer(list(self.network_.named_parameters())),
            metrics=[self.targets_.score],
            penalty=L2Penalty(recipe.alpha) if recipe.alpha else None,
            seed=self._seed,
            threads=options["n_threads"],
            executor=options["executor"],
        )

    def _stopping(self, recipe: Recipe, held: bool, fresh: bool) -> list[Callback]:
        """What ends the training, and chooses its weights."""
        patience, watching = recipe.n_iter_no_change, bool(recipe.early_stopping) and held
        if not watching:
            stops = fresh and np.isfinite(patience)
            return [NoImprovement("loss", recipe.tol, patience)] if stops else []
        if not fresh and hasattr(self, "_watch"):
            return [self._watch]
        by_score = recipe.monitor == "score"
        column = f"val_{self.targets_.score.__name__}" if by_score else "val_loss"
        mode = "max" if by_score else "min"
        if np.isfinite(patience):
            self._watch = NoImprovement(
                column, recipe.tol, patience, mode, restore=True, resume=not fresh
            )
        else:
            self._watch = EarlyStopping(column, None, 0.0, mode, ties="last", resume=not fresh)
        return [self._watch]

    def _scheduled_dropout(self, recipe: Recipe, fresh: bool) -> list[Callback]:
        if recipe.dropout_schedule == "constant" or not recipe.dropout or not fresh:
            return []
        return [DropoutSchedule(SCHEDULES[recipe.dropout_schedule])]

    # Predicting ----------------------------------------------------------------------------------

    def _raw(self, X: Any) -> Array:
        """What the network gives the rows, (rows, outputs)."""
        check_is_fitted(self, "network_")
        inputs = received(self, X, reset=False)
        if not hasattr(self, "_trainer"):  # after unpickling
            self._trainer = self._new_trainer(self.recipe_)
        dtype = self.network_.parameters()[0].dtype
        return self._trainer.predict(inputs.encoded(self.encoder_, dtype))

    def transform(self, X: Any) -> Array:
        """Activations of the last hidden layer, (rows, units): what the network makes of the rows.

        Args:
            X: as in ``fit``.

        Raises:
            ValueError: rows that do not fit those of training.
        """
        check_is_fitted(self, "network_")
        inputs = received(self, X, reset=False)
        x = inputs.encoded(self.encoder_, self.network_.parameters()[0].dtype)
        body = Trainer(self.network_[: self._hidden], losses.squared_error)
        return body.predict(x).reshape(len(x), -1)

    @property
    def _n_features_out(self) -> int:
        """Columns of ``transform``."""
        return self.recipe_.hidden_layer_sizes[-1] * self.recipe_.members

    # What was recorded ---------------------------------------------------------------------------

    @property
    def loss_curve_(self) -> list[float]:
        """Loss of each pass over the rows of training."""
        return [float(v) for v in self.history_["loss"]]

    @property
    def validation_loss_curve_(self) -> list[float]:
        """Loss of the rows held out after each pass."""
        return [float(v) for v in self.history_["val_loss"]]

    @property
    def validation_scores_(self) -> list[float]:
        """Accuracy or R² of the rows held out after each pass."""
        return [float(v) for v in self.history_[f"val_{self.targets_.score.__name__}"]]

    @property
    def loss_(self) -> float:
        """Loss of the last pass."""
        return self.loss_curve_[-1]

    @property
    def best_loss_(self) -> float:
        """Least loss of a pass."""
        return min(self.loss_curve_)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but compiled programs."""
        state = dict(super().__getstate__())
        for name in ("_trainer", "_watch"):
            state.pop(name, None)
        return state
