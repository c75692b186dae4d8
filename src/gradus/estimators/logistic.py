"""One sigmoid neuron, which is logistic regression."""

from __future__ import annotations

from typing import Any, Self

import numpy.typing as npt
from sklearn.utils import Tags

from gradus import losses
from gradus.errors import DataError
from gradus.estimators.classes import ProbabilitiesMixin
from gradus.estimators.convex import ConvexClassifier, Loss, Rule, rule_named
from gradus.estimators.rows import Rows
from gradus.estimators.store import store


class LogisticNeuron(ProbabilitiesMixin, ConvexClassifier):
    """One sigmoid neuron for two classes: p = σ(w·z + b), trained to the exact minimum.

        1/Σc Σᵢ cᵢ [−tᵢ ln pᵢ − (1 − tᵢ) ln(1 − pᵢ)] + α/2 ‖w‖²,   t = 0 or 1, z the encoded row

    c are the weights of the rows. The cross-entropy of a sigmoid is convex, so that all ways down
    lead to the same neuron: it *is* logistic regression.

    Without a penalty (α = 0) there is no minimum where a plane divides the classes: weights twice
    as large have a smaller loss for ever. The same holds where all rows that have something in
    common, such as a rare category, are of one class. ``fit`` then warns and says what to do, and
    ``converged_`` is False. Where the slope at the end leaves room for doubt, a linear program over
    all rows decides, which may take longer than the descent.

    Args:
        solver: ``"lbfgs"``; or gradient descent on all rows at once with a constant rate, ``"sgd"``
            or ``"adam"``; or a rule of ``gradus.optim``.
        alpha: α ≥ 0, of weights of standardised columns where ``scaling="standard"``.
            scikit-learn's C is 1 / (α n) for n rows.
        fit_intercept: whether the neuron has a b; without it the plane goes through the encoded 0,
            which is the mean of standardised columns.
        scaling: ``"standard"``: numbers have mean 0 and deviation 1 inside, which L-BFGS needs for
            few steps and a penalty for being just; or ``"none"``.
        kinds: kinds of columns that are not to be inferred: ``{"zip": "categorical"}``.
        tol: converged once the norm of the gradient is at most this.
        max_iter: the most steps.
        learning_rate_init: rate of ``"sgd"`` and ``"adam"``, and of the Adam steps of
            ``partial_fit``.
        batch_size: rows a step of ``partial_fit``.
        class_weight: weight of each class, ``{label: weight}``, or ``"balanced"``.
        random_state: of the order of rows in ``partial_fit``.
        warm_start: whether a further ``fit`` begins with the weights of the last, instead of 0.
        n_threads: the most threads to use; None: as ``gradus doctor`` says.
        executor: ``"auto"``, ``"native"`` or ``"reference"``.

    Attributes:
        loss_: value of the objective at the end.
        converged_: whether it is the least to within the tolerance.
        reason_: why the descent ended.
        n_iter_: steps.
        coef_, intercept_, network_, encoder_, schema_, classes_: see ``PlaneClassifier``.

    Source: lectures 001 and 004; Cox (1958); on when there is a minimum, Albert and Anderson
    (1984) and Bach (2010).

    >>> from sklearn.datasets import load_breast_cancer
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = LogisticNeuron().fit(X[:, :10], y)
    >>> model.converged_, round(model.loss_, 6), model.coef_.shape
    (True, 0.12841, (1, 10))
    """

    def __init__(
        self,
        solver: Any = "lbfgs",
        *,
        alpha: float = 0.0,
        fit_intercept: bool = True,
        scaling: str = "standard",
        kinds: Any = None,
        tol: float = 1e-6,
        max_iter: int = 1000,
        learning_rate_init: float = 0.1,
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
            y: one of two labels a row, of any kind.
            sample_weight: a weight ≥ 0 a row: 2 counts it twice, 0 leaves it out.

        Raises:
            ValueError, TypeError: options or data that cannot be learnt from; the message says
                which, and what to do.
            DivergenceError: steps of gradient descent left the finite numbers.

        Warns:
            ConvergenceWarning: it ended before the minimum, or there is none.
        """
        return self._fit(X, y, sample_weight)

    def _begin(self, rows: Rows, classes: Any) -> None:
        super()._begin(rows, classes)
        if len(self.targets_.classes) > 2:
            raise DataError(
                "Only binary classification is supported by LogisticNeuron: one neuron tells two "
                "classes",
                received=f"{len(self.targets_.classes)} classes",
                remedy="use LinearClassifier, which has a neuron for each",
            )

    def _single(self) -> bool:
        return True

    def _loss(self) -> Loss:
        return losses.binary_cross_entropy_with_logits

    def _rule(self) -> Rule:
        options = self.get_params(deep=False)
        return rule_named(options["solver"], options["learning_rate_init"])

    def __sklearn_tags__(self) -> Tags:
        """What the estimator takes."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags
