"""The perceptron: units with a sign, and the rule that fixes one mistake at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from gradus.checks import flag, whole_number
from gradus.compiler import executor_named
from gradus.estimators.planes import PlaneClassifier
from gradus.estimators.rows import Rows, seeded
from gradus.estimators.store import store
from gradus.estimators.targets import IN_FIT, IN_PARTIAL_FIT, unknown_labels
from gradus.train.perceptron import Perceptron as Learnt
from gradus.train.perceptron import corrected
from gradus.train.threads import numpy_limit
from gradus.types import Array


class Perceptron(PlaneClassifier):
    """A unit that fires where w·z + b > 0, taught by its mistakes; one against the rest for more.

        w ← w + t z,  b ← b + t      where t (w·z + b) ≤ 0, with t = 1 or −1

    for one encoded row z after another. Where a plane divides the classes, the rule ends with no
    mistake after finitely many corrections. Elsewhere it never ends by itself: ``fit`` then keeps
    the best weights that it met at the end of a pass, and warns. ``LogisticNeuron`` is the same
    unit with a sigmoid, which settles on classes that overlap too.

    There are no weights of rows or classes. A row that comes twice is looked at twice, and may be
    right the second time, so that no size of its correction is the same; and where a plane divides
    the classes, every row has its way.

    Args:
        fit_intercept: whether a unit has a b; without it its plane goes through the encoded 0.
        scaling: ``"none"``: numbers as they are; or ``"standard"``: mean 0 and deviation 1, which
            shortens the way where columns differ in size.
        kinds: kinds of columns that are not to be inferred: ``{"zip": "categorical"}``.
        max_iter: the most passes over the rows.
        shuffle: whether each pass has an order of its own.
        keep_best: whether to keep the best weights of all passes instead of the last.
        random_state: of the orders.
        warm_start: whether a further ``fit`` begins with the weights of the last, instead of 0.
        n_threads: the most threads to use; None: as ``gradus doctor`` says.
        executor: ``"auto"``, ``"native"`` or ``"reference"``.

    Attributes:
        converged_: whether every row of training is on its side, for every unit.
        n_iter_: passes, of the unit that took most.
        mistakes_: corrections in each pass, of all units together, (n_iter_,).
        coef_, intercept_, network_, encoder_, schema_, classes_: see ``PlaneClassifier``.

    Source: Rosenblatt (1958); the bound on corrections: Novikoff (1962); keeping the best: Gallant
    (1990); lecture 004.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = Perceptron(shuffle=False).fit(X[:100], y[:100])  # setosa and versicolor
    >>> model.converged_, model.mistakes_.tolist(), model.score(X[:100], y[:100])
    (True, [2, 2, 1, 0], 1.0)
    """

    _noted = {"converged_": bool, "n_iter_": int, "mistakes_": np.ndarray}
    converged_: bool
    n_iter_: int
    mistakes_: Array

    def __init__(
        self,
        *,
        fit_intercept: bool = True,
        scaling: str = "none",
        kinds: Any = None,
        max_iter: int = 100,
        shuffle: bool = True,
        keep_best: bool = True,
        random_state: Any = None,
        warm_start: bool = False,
        n_threads: int | None = None,
        executor: Any = "auto",
    ) -> None:
        store(locals())

    def fit(self, X: Any, y: Any) -> Self:
        """Pass over the rows until none is wrong.

        Args:
            X: a data frame (pandas, Polars, Arrow), an array or a sparse matrix, (rows, columns).
            y: a label a row, of any kind.

        Raises:
            ValueError, TypeError: options or data that cannot be learnt from; the message says
                which, and what to do.

        Warns:
            ConvergenceWarning: some row is still wrong after all passes.
        """
        options = self.get_params(deep=False)
        passes = whole_number("max_iter", options["max_iter"], least=1)
        again = self._goes_on()
        with self._or_as_before(), unknown_labels(IN_FIT):
            rows = self._rows(X, y, None, reset=not again)
            self._ready(rows, None, again)
            found = self._corrected(rows, passes, options["keep_best"])
        self._note(found)
        if not self.converged_:
            wrong = sum(unit.errors for unit in found)
            self._warn(
                f"{wrong} rows are on the wrong side after {passes} passes, which does not prove "
                "that no plane divides the classes",
                "raise max_iter, or use LogisticNeuron or LinearClassifier, which do not need one",
            )
        return self

    def partial_fit(self, X: Any, y: Any, classes: npt.ArrayLike | None = None) -> Self:
        """One pass over further rows, from the weights as they are.

        What encodes the columns is learnt from the rows of the first call.

        Args:
            X: as in ``fit``.
            y: as in ``fit``.
            classes: all classes that may come; needed in the first call unless y has them all.

        Raises:
            ValueError, TypeError: as ``fit``.
        """
        self._check_further(classes)
        again = hasattr(self, "network_")
        with self._or_as_before(), unknown_labels(IN_PARTIAL_FIT):
            rows = self._rows(X, y, None, reset=not again)
            self._ready(rows, classes, again)
            self._note(self._corrected(rows, 1, keep_best=False))
        return self

    def _corrected(self, rows: Rows, passes: int, keep_best: bool) -> list[Learnt]:
        """Teach each unit, and put its weights into the network."""
        options = self.get_params(deep=False)
        layer: Any = self.network_[0]
        bias = flag("fit_intercept", options["fit_intercept"])
        weights = layer.weight.numpy()
        biases = layer.bias.numpy() if bias else np.zeros(len(weights))
        x = rows.X.encoded(self.encoder_, np.float64)
        labels = self.targets_.labels(rows.y)
        fires = [1] if self.targets_.single else range(len(self.targets_.classes))
        seed, threads = seeded(options["random_state"]), self._threads()
        with numpy_limit(threads):
            found = [
                corrected(
                    x,
                    np.where(labels == k, 1.0, -1.0),
                    np.array([-1, 1]),
                    start=(weight, offset),
                    max_passes=passes,
                    bias=bias,
                    shuffle=options["shuffle"],
                    keep_best=keep_best,
                    seed=seed,
                    executor=executor_named(options["executor"], threads),
                )
                for k, weight, offset in zip(fires, weights, biases, strict=True)
            ]
        layer.weight = np.stack([unit.weight for unit in found])
        if bias:
            layer.bias = np.array([unit.bias for unit in found])
        return found

    def _single(self) -> bool:
        return True

    def _note(self, found: list[Learnt]) -> None:
        self.converged_ = all(unit.converged for unit in found)
        self.n_iter_ = max(unit.passes for unit in found)
        self.mistakes_ = np.zeros(self.n_iter_, np.int64)
        for unit in found:
            self.mistakes_[: unit.passes] += unit.mistakes

    def _rows(self, X: Any, y: Any, weight: Any, *, reset: bool) -> Rows:
        rows = super()._rows(X, y, weight, reset=reset)
        if not hasattr(rows.X.rows, "toarray"):
            return rows
        return replace(rows, X=replace(rows.X, rows=rows.X.rows.toarray()))  # the rule takes it all
