"""What all estimators that train a network share: from rows and targets to a fitted network."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from gradus.checks import flag, require
from gradus.data.config import entry
from gradus.data.target import Task
from gradus.errors import ArgumentError, DivergenceError
from gradus.estimators.copies import Copies
from gradus.estimators.curves import Curves
from gradus.estimators.hooks import CallbackSupportMixin, with_callbacks
from gradus.estimators.plain import Build, check_fits, from_plain, to_plain
from gradus.estimators.recipe import Recipe, check_same
from gradus.estimators.rows import Rows, seeded
from gradus.estimators.targets import IN_FIT, IN_PARTIAL_FIT, Targets, unknown_labels
from gradus.optim import Constant
from gradus.tensor import Tensor
from gradus.train import History


class NetworkEstimator(CallbackSupportMixin, Curves, Copies):
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

    # What each kind of estimator says for itself -------------------------------------------------

    @abstractmethod
    def _recipe(self) -> Recipe:
        """All options, settled."""

    @abstractmethod
    def _read_targets(self, rows: Rows, classes: Any) -> Targets:
        """What kind of targets the rows have."""

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
        options = self.get_params(deep=False)
        again = flag("warm_start", options["warm_start"]) and hasattr(self, "network_")
        with self._or_as_before(), unknown_labels(IN_FIT):
            rows = self._rows(X, y, sample_weight, reset=not again)
            self._go_on(recipe) if again else self._begin(recipe, rows, None)
            held = self._held(X_val, y_val, sample_weight_val)
            alone = again or (held is not None and recipe.copies == "auto")
            self._train_copies(recipe, rows, held, 1 if alone else recipe.copies_for(len(rows)))
        return self

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
            if recipe.calibrate is True and held is None and not self._joined:
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
            calibrating = self._train(going_on, rows, held, 1, fresh=False)
            if calibrating is not None:
                self._calibrate([(self, calibrating)])
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
        self._made_by = self._network_options()
        self._seed = seeded(options["random_state"])
        self._make(recipe, rows)

    def _go_on(self, recipe: Recipe) -> None:
        """Go on with the network there is, by what may be another way of training."""
        recipe.check_network(self.recipe_)
        for name, now in self._network_options().items():
            check_same(name, self._made_by[name], now)
        self.recipe_ = recipe

    def _network_options(self) -> dict[str, Any]:
        """Options beside the recipe that say what network is made, and of what columns."""
        names = "network", "n_components", "noise", "kinds", "dtype"
        said = {n: v for n, v in self.get_params(deep=False).items() if n in names}
        return {n: None if n == "kinds" and not v else v for n, v in said.items()}

    # Saving --------------------------------------------------------------------------------------

    def _to_config(self) -> dict[str, Any]:
        self._recipe()  # who reads the file settles the options again: refused here, not there
        return {
            **super()._to_config(),
            "recipe": self._recipe_config(),
            "seed": self._seed,
            "hidden": self._hidden,
            "n_iter": self.n_iter_,
            "rows": list(getattr(self, "rows_", (0, 0))),
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
        self._made_by = self._network_options()
        self._seed = entry(config, "seed", int)
        self._hidden = entry(config, "hidden", int)
        self.n_iter_ = entry(config, "n_iter", int)
        rows = entry(config, "rows", list)
        check_fits(len(rows) == 2 and all(isinstance(n, int) for n in rows), "rows", rows)
        self.rows_ = rows[0], rows[1]
        self.history_ = History(
            [dict(row) for row in entry(config, "history", list)],
            entry(config, "stop_reason", str),
            None if config["best_epoch"] is None else entry(config, "best_epoch", int),
        )
        recipe = entry(config, "recipe", dict)
        settled = {name: from_plain(value, build) for name, value in recipe.items()}
        self.recipe_ = replace(self._recipe(), **settled)


def _without_times(history: History) -> list[dict[str, Any]]:
    """Rows of a history as plain data, but for the time they took: the same training, one file."""
    rows = [json.loads(row) for row in history.to_jsonl().splitlines()]
    return [{name: v for name, v in row.items() if name != "seconds"} for row in rows]
