"""Classifiers whose loss is convex: its least value, found by looking at all rows at once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from gradus import losses
from gradus.checks import finite_number, flag, require, whole_number
from gradus.compiler import Executor, executor_named
from gradus.data import SparseEncoder
from gradus.errors import DivergenceError
from gradus.estimators.planes import PlaneClassifier
from gradus.estimators.rows import seeded
from gradus.estimators.separation import surely_bounded, way_down
from gradus.estimators.targets import IN_FIT, IN_PARTIAL_FIT, unknown_labels
from gradus.optim import LBFGS, SGD, Adam, Optimizer
from gradus.tensor import Tensor
from gradus.train import L2Penalty, Minimum, Trainer, minimise
from gradus.train.threads import numpy_limit
from gradus.types import Array

Loss = Callable[[Tensor, Any], Tensor]
Rule = Optimizer | LBFGS

_NAMED = 5  # features that a warning names


class ConvexClassifier(PlaneClassifier):
    """Base of the classifiers that walk down Σ cᵢ ℓᵢ / Σ cᵢ + α/2 ‖W‖², c being weights of rows.

    Attributes:
        loss_: value of the objective at the end.
        converged_: whether it is the least to within the tolerance.
        reason_: why the descent ended.
        n_iter_: steps.
    """

    _noted: ClassVar[Mapping[str, type]] = {
        "loss_": float,
        "converged_": bool,
        "reason_": str,
        "n_iter_": int,
    }
    _working = ("_trainer", "_trained_by")
    loss_: float
    converged_: bool
    reason_: str
    n_iter_: int

    @abstractmethod
    def _loss(self) -> Loss:
        """ℓ of scores and encoded targets."""

    @abstractmethod
    def _rule(self) -> Rule:
        """What walks down."""

    def partial_fit(
        self,
        X: Any,
        y: Any,
        classes: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
    ) -> Self:
        """One pass of Adam steps over further rows, from the weights as they are.

        What encodes the columns is learnt from the rows of the first call.

        Args:
            X: as in ``fit``.
            y: as in ``fit``.
            classes: all classes that may come; needed in the first call unless y has them all.
            sample_weight: as in ``fit``.

        Raises:
            ValueError, TypeError: as ``fit``.
        """
        self._check_options()
        self._check_further(classes)
        again = hasattr(self, "network_")
        with self._or_as_before(), unknown_labels(IN_PARTIAL_FIT):
            rows = self._rows(X, y, sample_weight, reset=not again)
            self._ready(rows, classes, again)
            if not again:
                self.n_iter_ = 0
            x = rows.X.encoded(self.encoder_, np.float64)
            targets = self.targets_.encode(rows.y, np.float64)
            self._make_trainer()
        self._trainer.fit(
            x,
            targets,
            epochs=1,
            batch_size=self.get_params()["batch_size"],
            sample_weight=rows.weight,
            progress=False,
        )
        self.n_iter_ += 1
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> Self:
        """Walk down, from 0 or from where the last fit ended."""
        self._check_options()
        again = self._goes_on()
        with self._or_as_before(), unknown_labels(IN_FIT):
            rows = self._rows(X, y, sample_weight, reset=not again)
            self._ready(rows, None, again)
            x = rows.X.encoded(self.encoder_, np.float64)
            targets = self.targets_.encode(rows.y, np.float64)
        self._forget_working()
        with numpy_limit(self._threads()):
            self._descend(x, targets, rows.weight)
        return self

    def _check_options(self) -> None:
        options = self.get_params(deep=False)
        finite_number("alpha", options["alpha"], least=0)
        finite_number("tol", options["tol"], least=0)
        finite_number("learning_rate_init", options["learning_rate_init"], above=0)
        for name in ("max_iter", "batch_size"):
            whole_number(name, options[name], least=1)
        self._rule()
        self._executor()

    def _executor(self) -> Executor:
        return executor_named(self.get_params(deep=False)["executor"], self._threads())

    def _descend(self, x: Array, y: Array, weight: Array | None) -> None:
        """To the minimum of a cross-entropy, or as far as it goes where there is none."""
        found = self._minimised(x, y, weight, self._loss(), self._rule())
        self._note(found.converged, found.reason, found.steps, found.value)
        why = None if self.get_params()["alpha"] else self._endless(x, y, weight)
        if why:
            self._note(False, why, found.steps, found.value)
            self._warn(why, "set alpha above 0, such as alpha=1e-3, for weights that have an end")
        elif not found.converged:
            self._warn_early(found)

    def _minimised(
        self, x: Array, y: Array, weight: Array | None, loss: Loss, rule: Rule
    ) -> Minimum:
        options = self.get_params(deep=False)
        try:
            return minimise(
                lambda _: self._objective(x, y, weight, loss),
                self.network_,
                rule,
                steps=options["max_iter"],
                gradient_norm=options["tol"],
                points=False,
                executor=self._executor(),
            )
        except DivergenceError as error:  # the network holds the last good weights
            good: Any = error.last_good
            self._note(good.converged, good.reason, good.steps, good.value)
            raise

    def _objective(self, x: Array, y: Array, weight: Array | None, loss: Loss) -> Tensor:
        """Σ cᵢ ℓᵢ / Σ cᵢ + α/2 ‖W‖² for the network as it is."""
        penalty = L2Penalty(self.get_params()["alpha"])
        mean = losses.mean(loss(self.network_(x), y), weight)
        return mean + penalty(self.network_) if penalty.alpha else mean

    def _note(self, converged: bool, reason: str, steps: int, loss: float) -> None:
        self.converged_, self.reason_, self.n_iter_, self.loss_ = converged, reason, steps, loss

    def _warn_early(self, found: Minimum) -> None:
        self._warn(
            f"{found.reason}, and the norm of the gradient is {found.gradient_norm:.3g}",
            "raise max_iter or tol"
            + (", or scale the columns" if self.get_params()["scaling"] == "none" else ""),
        )

    def _endless(self, x: Array, y: Array, weight: Array | None) -> str | None:
        """Why the cross-entropy has no minimum, where it has none."""
        classes = len(self.targets_.classes)
        labels = y.reshape(-1).astype(np.int64)
        raw = self._outputs(x)
        scores = np.column_stack([np.zeros(len(raw)), raw]) if raw.shape[1] == 1 else raw
        right = np.take_along_axis(scores, labels[:, None], axis=1)
        if np.count_nonzero(scores >= right) == len(scores):  # its own score alone
            what = "a plane" if classes == 2 else "planes"
            return f"{what} divide{'s' * (classes == 2)} the classes, so the loss has no minimum"
        if isinstance(self.encoder_, SparseEncoder):
            return None
        bias = flag("fit_intercept", self.get_params()["fit_intercept"])
        if raw.shape[1] == 1 and surely_bounded(x, labels, raw[:, 0], weight, bias=bias):
            return None
        way = way_down(x, labels, classes, bias=bias)
        if way is None:
            return None
        names = np.array(self.encoder_.feature_names)[np.abs(np.ptp(way, axis=0)) > 1e-6]
        listed = ", ".join(map(repr, names[:_NAMED].tolist()))
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return (
            f"the loss has no minimum: it falls for ever as the weights of {listed}{more} grow, "
            "since some rows can be told with certainty by them"
        )

    def _adam(self) -> Adam:
        """At a constant rate; the penalty's gradient is α W, whatever the batch."""
        options = self.get_params(deep=False)
        biases = {"*.bias": {"weight_decay": 0.0}} if options["fit_intercept"] else {}
        rate, alpha = options["learning_rate_init"], options["alpha"]
        return Adam(rate, weight_decay=alpha, groups=biases)

    def _make_trainer(self) -> None:
        """What takes the steps, anew where another rule or loss is asked for."""
        options = self.get_params(deep=False)
        rule = self._adam(), self._loss()
        if getattr(self, "_trained_by", None) == rule:
            self._follow_options()
            return
        adam, loss = rule
        seed = seeded(options["random_state"])
        self._trainer = Trainer(
            self.network_,
            loss,
            adam,
            seed=seed,
            threads=self._threads(),
            executor=options["executor"],
        )
        self._trained_by = rule


def rule_named(solver: Any, learning_rate: float) -> Rule:
    """L-BFGS, or gradient descent by SGD or Adam at this rate; or a rule as it is.

    >>> rule_named("sgd", 0.5).lr
    0.5
    """
    if isinstance(solver, (Optimizer, LBFGS)):
        return solver
    require(
        isinstance(solver, str) and solver in ("lbfgs", "sgd", "adam"),
        "solver is lbfgs, sgd or adam, or a rule of gradus.optim that follows a gradient",
        repr(solver)[:100],
    )
    if solver == "lbfgs":
        return LBFGS()
    return SGD(learning_rate) if solver == "sgd" else Adam(learning_rate)
