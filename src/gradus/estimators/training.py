"""One training of one network: from rows and a recipe to weights that predict."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np

from gradus import nn
from gradus.checks import choice, flag, require, whole_number
from gradus.data import split_indices
from gradus.data.quantiles import proportions
from gradus.estimators.estimator import TableEstimator
from gradus.estimators.hooks import passes
from gradus.estimators.recipe import SCHEDULES, Recipe
from gradus.estimators.rows import Rows
from gradus.estimators.targets import over_members
from gradus.optim import Optimizer
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
from gradus.train.checks import check_callbacks
from gradus.train.metrics import metrics_named
from gradus.train.progress import Progress
from gradus.types import Array, DType

Part = tuple[Array, Array, Array | None]  # inputs, targets, and perhaps weights

_LOOKED_AT = 1 << 14  # rows that a network is made by, where they say where its bins end


class Training(TableEstimator):
    """What makes a network for rows, trains it, and predicts by it.

    Attributes:
        recipe_, history_, rows_, n_iter_: see ``NetworkEstimator``.
    """

    _working = ("_trainer", "_rule", "_watch")
    _watch: NoImprovement | EarlyStopping
    _spent: bool  # whether the network has learnt from rows that would be held out to calibrate by
    _seed: int
    _hidden: int
    recipe_: Recipe
    history_: History
    rows_: tuple[int, int]
    n_iter_: int

    @property
    def _joined(self) -> bool:
        """Whether the network is several, each of which was trained by itself."""
        return False

    # Making --------------------------------------------------------------------------------------

    @abstractmethod
    def _make_network(self, x: Array, weight: Array | None) -> tuple[nn.Module, int]:
        """A network for such rows, and how many of its modules make the hidden activations."""

    def _make(self, recipe: Recipe, rows: Rows) -> None:
        """Make a network for the rows, which has not been trained."""
        dtype = self._dtype(rows)
        looked_at = np.arange(min(len(rows), _LOOKED_AT if recipe.reads_rows else 2))
        x = rows.X.encoded(self.encoder_, dtype, looked_at)
        weight = None if rows.weight is None else proportions(rows.weight[looked_at])
        with use_stream(Stream(self._seed)):
            self.network_, self._hidden = self._make_network(x, weight)
        self._begin_calibration(bool(recipe.calibrate) and recipe.holds_out(len(rows)))
        self.history_ = History()
        self.n_iter_ = 0
        self._forget_working()

    def _dtype(self, rows: Rows) -> DType:
        """Of the network: where one batch holds all rows, digits cost nothing."""
        given = choice("dtype", self.get_params(deep=False)["dtype"], "auto", "float32", "float64")
        if given == "auto":
            given = "float64" if len(rows) <= self.recipe_.rows_a_step(len(rows)) else "float32"
        return np.dtype(given)

    # Training ------------------------------------------------------------------------------------

    def _train(
        self,
        recipe: Recipe,
        rows: Rows,
        held: Rows | None,
        epochs: int,
        *,
        fresh: bool,
        name: str = "",
    ) -> Rows | None:
        """Train on the rows, watching those held out; progress shows the name, if there is one.

        Returns the rows to calibrate by, where the recipe wants them.
        """
        options = self.get_params(deep=False)
        if self._joined:  # what one of them holds out now, the others have trained on
            recipe = replace(recipe, calibrate=False)
        spent = len(self.history_) > 0 and getattr(self, "_spent", not self._calibrated)
        too_late = spent and held is None and recipe.calibrate == "auto"
        if too_late:
            recipe = replace(recipe, calibrate=False)
        require(
            recipe.calibrate is not True or held is not None or not spent,
            "a further fit calibrates by rows that the network has not learnt from",
            "calibrate=True after training that held out none",
            "pass X_val and y_val, or fit anew with warm_start=False",
        )
        watching = self._watches(recipe, rows, held)
        training, validating, calibrating = self._parts(recipe, rows, held, watching)
        self.rows_ = len(training[0]), 0 if validating is None else len(validating[0])
        self._spent = spent or held is not None or calibrating is None
        if calibrating is not None or (fresh and not self._joined and not too_late):
            self._begin_calibration(calibrating is not None)
        elif not self._joined:
            self._outgrow_calibration()
        rule = self._optimizer(recipe), recipe.alpha, recipe.label_smoothing
        if fresh or not hasattr(self, "_trainer") or getattr(self, "_rule", None) != rule:
            self._trainer, self._rule = self._new_trainer(recipe), rule
        self._follow_options()
        # A score of the rows trained on would cost as much as a quarter of the pass.
        scores = [] if validating is None else [self.targets_.score]
        self._trainer.metrics = metrics_named(scores, self.targets_.loss(recipe))
        own = options["callbacks"] or ()
        check_callbacks(own)
        hooks = [
            *own,
            *self._stopping(recipe, watching, fresh),
            *self._scheduled_dropout(recipe, fresh),
            *(passes(self, rows.X.rows, rows.y) if fresh else ()),
            *([Progress(name)] if _wanted(options["verbose"]) else []),
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
                progress=False,  # it is among the callbacks
            )
        finally:
            self.n_iter_ = len(self.history_)
        return calibrating

    def _parts(
        self, recipe: Recipe, rows: Rows, held: Rows | None, watching: bool
    ) -> tuple[Part, Part | None, Rows | None]:
        """Arrays to train on, and where the recipe wants them to validate on; rows to calibrate."""
        chosen = None
        if held is None and (watching or recipe.calibrate is True):
            chosen, out = self._division(recipe, rows)
            held = rows.take(out)
        watched, calibrating = held, None
        if held is not None and recipe.calibrate:
            watched, calibrating = self._share(held, watching)
        validating = None if watched is None else self._arrays(watched)
        return self._arrays(rows, chosen), validating, calibrating

    def _division(self, recipe: Recipe, rows: Rows) -> tuple[Array, Array]:
        """Rows to train on, and rows held out, in proportion to their classes."""
        labels = self.targets_.labels(rows.y)
        if labels is not None and np.bincount(labels).min() < 2:
            labels = None  # a class of one row cannot be in both parts
        return split_indices(len(rows), recipe.validation_fraction, self._seed, labels)

    def _watches(self, recipe: Recipe, rows: Rows, held: Rows | None) -> bool:
        """Whether rows that are held out choose the weights."""
        if recipe.early_stopping == "auto" and held is not None:
            return True
        return recipe.watches(len(rows))

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
        several = any(isinstance(m, nn.MemberMean) for _, m in self.network_.named_modules())
        trainer = Trainer(
            self.network_,
            over_members(loss) if several else loss,
            self._optimizer(recipe),
            penalty=L2Penalty(recipe.alpha) if recipe.alpha else None,
            seed=self._seed,
            threads=self._threads(),
            executor=options["executor"],
        )
        trainer.history = self.history_
        return trainer

    def _optimizer(self, recipe: Recipe) -> Optimizer:
        """The rule by which the network's parameters are moved."""
        return recipe.optimizer(list(self.network_.named_parameters()))

    def _stopping(self, recipe: Recipe, watching: bool, fresh: bool) -> list[Callback]:
        """What ends the training, and chooses its weights."""
        patience = recipe.n_iter_no_change
        if not watching:
            stops = fresh and np.isfinite(patience)
            return [NoImprovement("loss", recipe.tol, patience)] if stops else []
        if not fresh and hasattr(self, "_watch") and self._watch.resume:
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
        modules = [m for _, m in self.network_.named_modules()]
        moved = any(isinstance(m, nn.Dropout) and m.factor is not None for m in modules)
        if recipe.dropout_schedule == "constant" or not moved or not fresh:
            return []
        return [DropoutSchedule(SCHEDULES[recipe.dropout_schedule])]

    # Calibrating ---------------------------------------------------------------------------------

    def _begin_calibration(self, wanted: bool) -> None:
        """Nothing that an earlier one found and, where it is wanted, what it needs of a network."""

    @property
    def _calibrated(self) -> bool:
        """Whether the last training was."""
        return False

    def _outgrow_calibration(self) -> None:
        """Drop what does not hold where training goes on, by any rows."""

    def _share(self, held: Rows, watching: bool) -> tuple[Rows | None, Rows]:
        """Of the rows held out those to validate on, and those to calibrate by."""
        return held, held

    def _calibrate(self, trained: Sequence[tuple[Self, Rows]]) -> None:
        """Learn, once the weights stand, how far predictions can be trusted.

        Args:
            trained: this estimator and those with its other copies, and rows that each held out.
        """

    # Predicting ----------------------------------------------------------------------------------

    def _outputs(self, x: Array) -> Array:
        if not hasattr(self, "_trainer"):  # after unpickling
            self._trainer = self._new_trainer(self.recipe_)
        self._follow_options()
        return self._trainer.predict(x)


def _wanted(verbose: Any) -> bool:
    """Whether progress is; a number, as other estimators take it, means yes from 1 on."""
    whole = isinstance(verbose, (int, np.integer)) and not isinstance(verbose, bool)
    return whole_number("verbose", verbose, least=0) > 0 if whole else flag("verbose", verbose)
