"""The linear classifier of the lectures: a score for each class, by the softmax or the margin."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils.metaestimators import available_if

from gradus import losses, ops
from gradus.checks import choice, require
from gradus.estimators.classes import ProbabilitiesMixin
from gradus.estimators.convex import ConvexClassifier, Loss, Rule, rule_named
from gradus.estimators.margin import Margin, unpacked
from gradus.estimators.recipe import check_same
from gradus.estimators.rows import Rows
from gradus.estimators.store import store
from gradus.modes import no_grad
from gradus.optim import LBFGS
from gradus.tensor import Tensor
from gradus.types import Array

_DENSE = 4000  # weights whose Hessian, 128 MB, is still made
_WIDTHS = (1.0, 0.1, 0.01)  # of corners beyond that: L-BFGS gets slow as they narrow


def _softmax(estimator: Any) -> bool:
    """Whether scores are logits, so that there are probabilities."""
    if estimator.loss == "softmax":
        return True
    raise AttributeError(f"probabilities come with loss='softmax', not loss={estimator.loss!r}")


class LinearClassifier(ProbabilitiesMixin, ConvexClassifier):
    """A score for each class, s = W z + b; the largest wins. Trained to the minimum of

        1/Σc Σᵢ cᵢ ℓ(sᵢ, yᵢ) + α/2 ‖W‖²

        softmax:     ℓ = −ln (exp s_y / Σⱼ exp s_j)
        max-margin:  ℓ = Σ_{j≠y} max(0, s_j − s_y + 1)

    where c are the weights of the rows and z the encoded rows. Both are convex.

    The softmax loss is smooth, and L-BFGS goes straight to its minimum. It is multinomial logistic
    regression; two classes share one score, which makes it logistic regression.

    The margin has corners, at which L-BFGS is lost. They are rounded over a width δ, from wide to
    narrow, each time from the weights before. A rounded loss is nowhere above the true one, so
    that its minimum is a bound: no weights have a loss below ``loss_ − gap_``. Newton steps find
    it, until the gap is below 10⁻⁵ of the loss; beyond 4,000 weights L-BFGS does, which ends with
    corners of 0.01. ``gradus.train.max_margin`` has the same minimum by a quadratic program.

    Args:
        loss: ``"softmax"`` or ``"max_margin"``.
        alpha: α ≥ 0, of weights of standardised columns where ``scaling="standard"``; those of a
            sparse matrix are divided by their largest number. scikit-learn's C is 1 / (α n) for n
            rows.
        fit_intercept: whether there is a b; without it all scores are 0 at the encoded 0, which is
            the mean of standardised columns.
        scaling: ``"standard"``: numbers have mean 0 and deviation 1 inside; or ``"none"``.
        kinds: kinds of columns that are not to be inferred: ``{"zip": "categorical"}``.
        solver: of softmax: ``"auto"``, which is ``"lbfgs"``; or gradient descent on all rows at
            once with a constant rate, ``"sgd"`` or ``"adam"``; or a rule of ``gradus.optim``. The
            margin leaves no choice: ``"auto"``, the steps above.
        tol: converged once the norm of the gradient is at most this.
        max_iter: the most steps, of each width.
        learning_rate_init: rate of gradient descent, and of the Adam steps of ``partial_fit``.
        batch_size: rows a step of ``partial_fit``.
        class_weight: weight of each class, ``{label: weight}``, or ``"balanced"``.
        random_state: of the order of rows in ``partial_fit``.
        warm_start: whether a further ``fit`` begins with the weights of the last, instead of 0.
        n_threads: the most threads to use; None: as ``gradus doctor`` says.
        executor: ``"auto"``, ``"native"`` or ``"reference"``.

    Attributes:
        loss_: value of the objective at the end.
        gap_: how far that can be above the least there is; 0 of softmax.
        converged_: whether it is the least to within the tolerance.
        reason_: why the descent ended.
        n_iter_: steps.
        coef_, intercept_, network_, encoder_, schema_, classes_: see ``PlaneClassifier``.

    Source: lecture 002; Weston and Watkins (1999); rounding corners: Nesterov (2005).

    >>> from sklearn.datasets import load_wine
    >>> X, y = load_wine(return_X_y=True)
    >>> [LinearClassifier(loss).fit(X, y).score(X, y) for loss in ("softmax", "max_margin")]
    [1.0, 1.0]
    """

    _noted = {**ConvexClassifier._noted, "gap_": float}
    gap_: float

    def __init__(
        self,
        loss: str = "softmax",
        *,
        alpha: float = 1e-3,
        fit_intercept: bool = True,
        scaling: str = "standard",
        kinds: Any = None,
        solver: Any = "auto",
        tol: float = 1e-6,
        max_iter: int = 1000,
        learning_rate_init: float = 1e-2,
        batch_size: int = 200,
        class_weight: Any = None,
        random_state: Any = None,
        warm_start: bool = False,
        n_threads: int | None = None,
        executor: Any = "auto",
    ) -> None:
        store(locals())

    def fit(self, X: Any, y: Any, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Find the weights with the least loss.

        Args:
            X: a data frame (pandas, Polars, Arrow), an array or a sparse matrix, (rows, columns).
            y: a label a row, of any kind.
            sample_weight: a weight ≥ 0 a row: 2 counts it twice, 0 leaves it out.

        Raises:
            ValueError, TypeError: options or data that cannot be learnt from; the message says
                which, and what to do.
            DivergenceError: steps of gradient descent left the finite numbers.

        Warns:
            ConvergenceWarning: it ended before the minimum, or there is none.
        """
        return self._fit(X, y, sample_weight)

    @available_if(_softmax)
    def predict_proba(self, X: Any) -> Any:
        """Probabilities of the classes, (rows, classes), by the softmax of their scores."""
        return super().predict_proba(X)

    @available_if(_softmax)
    def predict_log_proba(self, X: Any) -> Any:
        """Their logarithms."""
        return super().predict_log_proba(X)

    def _single(self) -> bool:
        return bool(self.get_params()["loss"] == "softmax")

    def _check_options(self) -> None:
        options = self.get_params(deep=False)
        choice("loss", options["loss"], "softmax", "max_margin")
        require(
            self._single() or options["solver"] == "auto",
            "solver is a choice for loss='softmax': the margin has corners, so that it takes "
            "Newton steps where these are rounded, or L-BFGS where the weights are many",
            f"solver={options['solver']!r} with loss='max_margin'"[:200],
            "leave solver='auto'",
        )
        super()._check_options()

    def _rule(self) -> Rule:
        options = self.get_params(deep=False)
        solver = options["solver"]
        named = isinstance(solver, str) and solver == "auto"
        return rule_named("lbfgs" if named else solver, options["learning_rate_init"])

    def _ready(self, rows: Rows, classes: Any, again: bool) -> None:
        if again and len(self.targets_.classes) == 2:  # which share a score in one of the losses
            was = "softmax" if self.targets_.single else "max_margin"
            check_same("loss", was, self.get_params()["loss"])
        super()._ready(rows, classes, again)

    def _loss(self) -> Loss:
        if not self._single():
            return losses.max_margin
        if self.targets_.single:
            return losses.binary_cross_entropy_with_logits
        return losses.cross_entropy

    def _descend(self, x: Array, y: Array, weight: Array | None) -> None:
        self.gap_ = 0.0
        if self._single():
            super()._descend(x, y, weight)
        else:
            self._narrow(x, y, weight)

    def _narrow(self, x: Array, y: Array, weight: Array | None) -> None:
        """Round the corners of the margin less and less."""
        layer: Any = self.network_[0]
        if layer.weight.size > _DENSE:
            self._narrow_in_many(x, y, weight)
            return
        options = self.get_params(deep=False)
        dense = x if x.ndim == 2 else unpacked(x, layer.in_features)
        start = layer.weight.numpy() if x.ndim == 2 else layer.weight.numpy().T
        decay = np.full(dense.shape[1], options["alpha"])
        if layer.bias is not None:
            dense = np.column_stack([dense, np.ones(len(dense))])
            start = np.column_stack([start, layer.bias.numpy()])
            decay = np.append(decay, 0.0)
        share = np.full(len(dense), 1.0) if weight is None else weight
        found = Margin(dense, y, share / share.sum(), decay).narrowed(start, options["max_iter"])
        weights = found.weight[:, : layer.in_features]
        layer.weight = weights if x.ndim == 2 else weights.T
        if layer.bias is not None:
            layer.bias = found.weight[:, -1]
        self.gap_ = found.gap
        converged = found.gradient_norm <= options["tol"]
        reason = f"gradient norm {found.gradient_norm:.3g} of the corners at their narrowest"
        self._note(converged, reason, found.steps, found.loss)
        if not converged:
            self._warn(reason, "raise max_iter or alpha")

    def _narrow_in_many(self, x: Array, y: Array, weight: Array | None) -> None:
        """By L-BFGS, where a Hessian would be too large."""
        steps = 0
        for width in _WIDTHS:
            found = self._minimised(x, y, weight, _rounded(width), LBFGS(history_size=30))
            steps += found.steps
        with no_grad():
            loss = self._objective(x, y, weight, losses.max_margin).item()
        self.gap_ = loss - found.value
        self._note(found.converged, found.reason, steps, loss)
        if not found.converged:
            self._warn_early(found)


def _rounded(width: float) -> Loss:
    """``losses.max_margin`` with rounded corners: h(v) for max(0, v), with v = s_j − s_y + 1.

        h(v) = 0 for v ≤ 0,  v²/2δ for v ≤ δ,  v − δ/2 beyond

    No more than δ/2 below it, and with a derivative everywhere.

    >>> from gradus import tensor
    >>> _rounded(0.5)(tensor([[0.0, -0.75], [0.0, 2.0]]), np.array([0, 0])).tolist()
    [0.0625, 2.75]
    """

    def max_margin(prediction: Tensor, target: Any) -> Tensor:
        labels = np.expand_dims(target, axis=1)
        lead = prediction - ops.take_along_axis(prediction, labels, axis=1) + 1.0
        corner = ops.clip(lead, min=0.0, max=width)
        each = corner * (lead - 0.5 * corner) * (1.0 / width)
        right = np.arange(prediction.shape[1]) == labels
        return ops.sum(ops.where(right, 0.0, each), axis=1)

    return max_margin
