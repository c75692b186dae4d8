"""What all estimators that train a network share: from rows and targets to a fitted network."""

from __future__ import annotations

import copy
import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from gradus import nn
from gradus.checks import choice, flag, require
from gradus.data import split_indices
from gradus.data.config import entry
from gradus.data.target import Task
from gradus.errors import ArgumentError, DivergenceError
from gradus.estimators.curves import Curves
from gradus.estimators.estimator import TableEstimator
from gradus.estimators.hooks import ASKED, CallbackSupportMixin, passes, with_callbacks
from gradus.estimators.plain import Build, from_plain, to_plain
from gradus.estimators.recipe import SCHEDULES, Recipe
from gradus.estimators.rows import Rows, seeded
from gradus.estimators.targets import IN_FIT, IN_PARTIAL_FIT, Targets, over_members, unknown_labels
from gradus.optim import Constant, Optimizer
from gradus.random import SITE_COPIES, Stream, bits, use_stream
from gradus.tensor import Tensor
from gradus.train import (
    Callback,
    DropoutSchedule,
    EarlyStopping,
    History,
    L2Penalty,
    NoImprovement,
    StopSignals,
    Trainer,
)
from gradus.train.checks import check_callbacks
from gradus.train.metrics import metrics_named
from gradus.types import Array, DType

Part = tuple[Array, Array, Array | None]  # inputs, targets, and perhaps weights

_LOOKED_AT = 1 << 14  # rows that a network is made by, where they say where its bins end
_WORKING = ("_trainer", "_rule", "_watch")  # what only training needs, and can be made again


class NetworkEstimator(CallbackSupportMixin, Curves, TableEstimator):
    """Base of the estimators that train a network: fit, and what it leaves behind.

    Attributes:
        recipe_: all options, settled.
        history_: one row a pass, with curves and ``diagnose()``; of several copies, the first's.
        rows_: how many rows the last fit trained on, and how many it validated on.
        n_iter_: passes done.
        network_, encoder_, schema_, targets_, n_features_in_, feature_names_in_: see
            ``TableEstimator``.
    """

    _task: Task
    _watch: NoImprovement | EarlyStopping
    recipe_: Recipe
    history_: History
    rows_: tuple[int, int]
    n_iter_: int

    # What each kind of estimator says for itself -------------------------------------------------

    @abstractmethod
    def _recipe(self) -> Recipe:
        """All options, settled."""

    @abstractmethod
    def _read_targets(self, rows: Rows, classes: Any) -> Targets:
        """What kind of targets the rows have."""

    @abstractmethod
    def _make_network(self, x: Array) -> tuple[nn.Module, int]:
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
        with self._or_as_before(), unknown_labels(IN_FIT):
            rows = self._rows(X, y, sample_weight, reset=not again)
            self._go_on(recipe) if again else self._begin(recipe, rows, None)
            held = self._held(X_val, y_val, sample_weight_val)
            alone = again or (held is not None and recipe.copies == "auto")
            self._train_copies(recipe, rows, held, 1 if alone else recipe.copies_for(len(rows)))
        return self

    def _train_copies(self, recipe: Recipe, rows: Rows, held: Rows | None, count: int) -> None:
        """Train the network, and others beside it until there are so many; then join them."""
        with StopSignals() as signals:
            self._train(recipe, rows, held, recipe.max_iter, fresh=True)
            networks = [self.network_]
            for k in range(1, count):
                if signals.received or ASKED in self.history_.stop_reason:
                    break
                another = self._another(k, rows)
                another._train(recipe, rows, held, recipe.max_iter, fresh=True)
                if signals.received:  # a network that is half trained would spoil the mean
                    name, done = signals.received.name, len(networks)
                    self.history_.stop_reason = f"stopped by {name} after {done} of {count} copies"
                else:
                    networks.append(another.network_)
        if len(networks) > 1:
            self.network_ = nn.Sequential(nn.Ensemble(*networks), self._mean())
            self._forget_working()
            self._trainer = self._new_trainer(recipe)

    def _another(self, k: int, rows: Rows) -> Self:
        """The estimator with a new network of its own, the k-th, and a seed that makes it another.

        scikit-learn's callbacks follow the first one.
        """
        another = copy.copy(self)
        for name in [n for n in vars(another) if n.startswith("_") and "callback" in n]:
            delattr(another, name)
        [another._seed] = bits(self._seed, k, SITE_COPIES, (1,)).tolist()
        another._make(self.recipe_, rows)
        return another

    def _mean(self) -> nn.Module:
        """What averages the predictions of copies."""
        raise NotImplementedError(f"{type(self).__name__} has no copies")

    def build(self, X: Any, y: Any, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Make the network and the encoding that ``fit`` would begin with, without training.

        Afterwards the weights may be set by hand; ``fit`` goes on from them with
        ``warm_start=True``, and so does ``partial_fit``. Arguments and errors as ``fit``.
        """
        with self._or_as_before():
            self._begin(self._recipe(), self._rows(X, y, sample_weight, reset=True), None)
        return self

    def _fit_further(
        self, X: Any, y: Any, weight: Any, classes: Any, validation: Sequence[Any]
    ) -> Self:
        """One pass over further rows, at the constant rate."""
        recipe = self._recipe()
        again = hasattr(self, "network_")
        with self._or_as_before(), unknown_labels(IN_PARTIAL_FIT):
            rows = self._rows(X, y, weight, reset=not again)
            self._go_on(recipe) if again else self._begin(recipe, rows, classes)
            held = self._held(*validation)
            watched = recipe.early_stopping is True and held is not None
            if recipe.calibrate and held is None:
                raise ArgumentError(
                    "partial_fit calibrates by rows that stay the same from call to call",
                    received="calibrate=True without X_val and y_val",
                    remedy="pass X_val and y_val, or set calibrate=False",
                )
            if recipe.early_stopping is True and held is None:
                raise ArgumentError(
                    "partial_fit stops early by rows that stay the same from call to call",
                    received="early_stopping=True without X_val and y_val",
                    remedy="pass X_val and y_val, or set early_stopping=False",
                )
            going_on = replace(recipe, learning_rate=Constant(), early_stopping=watched)
            self._train(going_on, rows, held, 1, fresh=False)
        return self

    @contextmanager
    def _or_as_before(self) -> Iterator[None]:
        """An error before the first pass has ended leaves the estimator as it was.

        Training that diverges, or is broken off later, leaves the last good weights instead.
        """
        fields: dict[str, Any] = self.__dict__
        before, passes = dict(fields), len(getattr(self, "history_", ()))
        weights = {t: t.numpy().copy() for t in self._tensors()}
        try:
            yield
        except DivergenceError:
            raise
        except BaseException:  # Ctrl-C, too: it is raised again
            history = fields.get("history_")
            same = history is before.get("history_")
            if history is None or len(history) == (passes if same else 0):
                # What scikit-learn's callbacks have noted is for them to take back.
                now = {n: v for n, v in fields.items() if "callback" in n}
                fields.clear()
                fields.update(before | now)
                for kept, values in weights.items():
                    kept.assign(values)
            raise

    def _tensors(self) -> list[Tensor]:
        """Weights and state of the network, where there is one."""
        network = getattr(self, "network_", None)
        if network is None:
            return []
        return [*network.named_parameters().values(), *network.named_buffers().values()]

    def _held(self, X: Any, y: Any, weight: Any) -> Rows | None:
        """Rows to validate on that were given."""
        if X is None and y is None:
            require(
                weight is None,
                "sample_weight_val are the weights of X_val and y_val",
                "sample_weight_val alone",
            )
            return None
        if X is None or y is None:
            raise ArgumentError(
                "rows to validate on have inputs and targets",
                received="X_val without y_val" if y is None else "y_val without X_val",
            )
        rows = self._rows(X, y, weight, reset=False)
        with unknown_labels("leave its rows out of X_val and y_val, or train on rows of it too"):
            self.targets_.encode(rows.y, np.float64)  # refused now, not when training is over
        return rows

    def _begin(self, recipe: Recipe, rows: Rows, classes: Any) -> None:
        """Read what the rows say on encoding, and make a network for them."""
        options = self.get_params(deep=False)
        self.recipe_ = recipe
        self.schema_ = rows.X.schema(options.get("kinds"))
        self.encoder_ = rows.X.encoder(
            self.schema_, recipe.scaling, recipe.max_one_hot, rows.weight
        )
        self.targets_ = self._read_targets(rows, classes)
        self._seed = seeded(options["random_state"])
        self._make(recipe, rows)

    def _make(self, recipe: Recipe, rows: Rows) -> None:
        """Make a network for the rows, which has not been trained."""
        dtype = self._dtype(rows)
        looked_at = _LOOKED_AT if recipe.reads_rows else 2
        x = rows.X.encoded(self.encoder_, dtype, np.arange(min(len(rows), looked_at)))
        with use_stream(Stream(self._seed)):
            self.network_, self._hidden = self._make_network(x)
        self._begin_calibration(recipe)
        self.history_ = History()
        self.n_iter_ = 0
        self._forget_working()

    def _forget_working(self) -> None:
        """Train from here on as a network that has not been trained."""
        for name in _WORKING:
            self.__dict__.pop(name, None)

    def _go_on(self, recipe: Recipe) -> None:
        """Go on with the network there is, by what may be another way of training."""
        recipe.check_network(self.recipe_)
        self.recipe_ = recipe

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
        watching = self._watches(recipe, rows, held)
        training, validating, calibrating = self._parts(recipe, rows, held, watching)
        self.rows_ = len(training[0]), 0 if validating is None else len(validating[0])
        self._begin_calibration(recipe)
        rule = self._optimizer(recipe), recipe.alpha, recipe.label_smoothing
        if fresh or not hasattr(self, "_trainer") or getattr(self, "_rule", None) != rule:
            self._trainer, self._rule = self._new_trainer(recipe), rule
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
        if calibrating is not None:
            self._calibrate(calibrating)

    def _parts(
        self, recipe: Recipe, rows: Rows, held: Rows | None, watching: bool
    ) -> tuple[Part, Part | None, Rows | None]:
        """Arrays to train on, and where the recipe wants them to validate on; rows to calibrate."""
        chosen = None
        if held is None and (watching or recipe.calibrate):
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

    # Calibrating ---------------------------------------------------------------------------------

    def _begin_calibration(self, recipe: Recipe) -> None:
        """What calibration needs of the network, and nothing that an earlier one found."""

    def _share(self, held: Rows, watching: bool) -> tuple[Rows | None, Rows]:
        """Of the rows held out those to validate on, and those to calibrate by."""
        return held, held

    def _calibrate(self, held: Rows) -> None:
        """Learn from rows held out, once the weights stand, how far predictions can be trusted."""

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
        """The rule; patterns of names mean those of one network, and hold for all copies."""
        network: Any = self.network_
        first = network[0] if isinstance(network, nn.Sequential) and len(network) else None
        if not isinstance(first, nn.Ensemble):
            return recipe.optimizer(list(network.named_parameters()))
        rule = recipe.optimizer(list(first.networks[0].named_parameters()))
        places = [f"0.{k}." for k in range(len(first.networks))]
        groups = {place + pattern: o for pattern, o in rule.groups.items() for place in places}
        return replace(rule, groups=groups)

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
        if recipe.dropout_schedule == "constant" or not recipe.dropout or not fresh:
            return []
        return [DropoutSchedule(SCHEDULES[recipe.dropout_schedule])]

    # Saving --------------------------------------------------------------------------------------

    def _to_config(self) -> dict[str, Any]:
        return {
            **super()._to_config(),
            "recipe": self._recipe_config(),
            "seed": self._seed,
            "hidden": self._hidden,
            "n_iter": self.n_iter_,
            "history": _without_times(self.history_),
            "stop_reason": self.history_.stop_reason,
            "best_epoch": self.history_.best_epoch,
        }

    def _recipe_config(self) -> dict[str, Any]:
        """What the options came to; those that are no plain data follow from the options again."""
        found = {}
        for f in fields(self.recipe_):
            try:
                found[f.name] = to_plain(f.name, getattr(self.recipe_, f.name))
            except ArgumentError:
                continue
        return found

    def _take_config(self, config: Mapping[str, Any], build: Build) -> None:
        super()._take_config(config, build)
        self._seed = entry(config, "seed", int)
        self._hidden = entry(config, "hidden", int)
        self.n_iter_ = entry(config, "n_iter", int)
        self.history_ = History(
            [dict(row) for row in entry(config, "history", list)],
            entry(config, "stop_reason", str),
            None if config["best_epoch"] is None else entry(config, "best_epoch", int),
        )
        recipe = entry(config, "recipe", dict)
        settled = {name: from_plain(value, build) for name, value in recipe.items()}
        self.recipe_ = replace(self._recipe(), **settled)

    # Predicting ----------------------------------------------------------------------------------

    def _outputs(self, x: Array) -> Array:
        if not hasattr(self, "_trainer"):  # after unpickling
            self._trainer = self._new_trainer(self.recipe_)
        return self._trainer.predict(x)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but compiled programs."""
        state = dict(super().__getstate__())
        for name in _WORKING:
            state.pop(name, None)
        return state


def _without_times(history: History) -> list[dict[str, Any]]:
    """Rows of a history as plain data, but for the time they took: the same training, one file."""
    rows = [json.loads(row) for row in history.to_jsonl().splitlines()]
    return [{name: v for name, v in row.items() if name != "seconds"} for row in rows]
