"""Classifiers whose loss is convex: its least value, found by looking at all rows at once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import numpy as np

from gradus import losses
from gradus.checks import finite_number, flag, require, whole_number
from gradus.data import SparseEncoder
from gradus.estimators.planes import PlaneClassifier
from gradus.estimators.separation import way_down
from gradus.optim import LBFGS, SGD, Adam, Optimizer
from gradus.tensor import Tensor
from gradus.train import L2Penalty, Minimum, minimise
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
    loss_: float
    converged_: bool
    reason_: str
    n_iter_: int

    @abstractmethod
    def _single(self) -> bool:
        """Whether two classes share a score."""

    @abstractmethod
    def _descend(self, x: Array, y: Array, weight: Array | None) -> None:
        """Walk down from where the network is, and say how it went."""

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> Self:
        """Walk down, from 0 or from where the last fit ended."""
        self._check_options()
        again = self._goes_on()
        with self._or_as_before():
            rows = self._rows(X, y, sample_weight, reset=not again)
            if not again:
                self._begin(rows, None, single=self._single())
            x = rows.X.encoded(self.encoder_, np.float64)
            targets = self.targets_.encode(rows.y, np.float64)
        self._descend(x, targets, rows.weight)
        return self

    def _check_options(self) -> None:
        options = self.get_params(deep=False)
        finite_number("alpha", options["alpha"], least=0)
        finite_number("tol", options["tol"], least=0)
        finite_number("learning_rate_init", options["learning_rate_init"], above=0)
        whole_number("max_iter", options["max_iter"], least=1)

    def _walk(self, x: Array, y: Array, weight: Array | None, loss: Loss, rule: Rule) -> None:
        """To the minimum of a cross-entropy, or as far as it goes where there is none."""
        found = self._minimised(x, y, weight, loss, rule)
        self._note(found.converged, found.reason, found.steps, found.value)
        why = None if self.get_params()["alpha"] else self._endless(x, y)
        if why:
            self._note(False, why, found.steps, found.value)
            self._warn(why, "set alpha above 0, such as alpha=1e-3, for weights that have an end")
        elif not found.converged:
            self._warn_early(found)

    def _minimised(
        self, x: Array, y: Array, weight: Array | None, loss: Loss, rule: Rule
    ) -> Minimum:
        options = self.get_params(deep=False)
        return minimise(
            lambda _: self._objective(x, y, weight, loss),
            self.network_,
            rule,
            steps=options["max_iter"],
            gradient_norm=options["tol"],
            points=False,
            executor=options["executor"],
        )

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

    def _endless(self, x: Array, y: Array) -> str | None:
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
