"""What estimators of classes share: labels of any kind, probabilities, weights of classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_y

from gradus import nn
from gradus.checks import require
from gradus.data.target import Task
from gradus.errors import ArgumentError, DataError
from gradus.estimators.base import NetworkEstimator
from gradus.estimators.class_weights import check_classes_known, class_weighted
from gradus.estimators.recipe import Recipe
from gradus.estimators.rows import Rows
from gradus.estimators.targets import (
    Classes,
    SeveralClasses,
    Targets,
    YesNo,
    check_labelled,
    one_axis,
    plain_labels,
)
from gradus.estimators.temperature import Question, temperature
from gradus.train.metrics import average
from gradus.types import Array


class LabelsMixin(ClassifierMixin):
    """What all estimators of classes share, whatever they learn by: labels, their weights, scores.

    Attributes:
        classes_: the labels, sorted; of several questions a list of them.
        temperature_: where it is calibrated, what all scores are divided by.
    """

    targets_: Classes | YesNo | SeveralClasses
    _raw: Callable[[Any], Array]
    get_params: Callable[..., dict[str, Any]]

    def predict(self, X: Any) -> Array:
        """The most probable class of each row, (rows,), or the answers, (rows, answers)."""
        raw = self._raw(X)
        return self.targets_.predicted(raw)

    def decision_function(self, X: Any) -> Array | list[Array]:
        """Scores before they become probabilities; of two classes that of the second."""
        raw = self._raw(X)
        return self.targets_.scores(raw)

    @property
    def classes_(self) -> Any:
        """The labels, sorted."""
        return self.targets_.classes

    def _check_y(self, y: Any) -> Any:
        check_labelled(y)
        y = plain_labels(one_axis(_check_y(y, multi_output=True, estimator=self)))
        several = y.dtype.kind == "O" and y.ndim == 2  # questions of different kinds
        for column in [np.array(c.tolist()) for c in y.T] if several else [y]:
            check_classification_targets(column)
        return y

    def _weighted(self, y: Any, weight: Array | None) -> Array | None:
        given = self.get_params(deep=False).get("class_weight")
        return weight if given is None else class_weighted(given, y, weight)

    def _check_class_weight(self) -> None:
        """Refuse weights of classes that there are not."""
        targets, given = self.targets_, self.get_params(deep=False).get("class_weight")
        if isinstance(targets, Classes):
            check_classes_known(given, [targets.classes])
        elif isinstance(targets, SeveralClasses):
            check_classes_known(given, targets.classes)
        else:
            check_classes_known(given, [np.arange(2)] * targets.outputs)

    def _check_further(self, classes: Any) -> None:
        """Refuse what one call of ``partial_fit`` cannot know, and other classes than before."""
        given = self.get_params(deep=False).get("class_weight")
        require(
            not isinstance(given, str) or given != "balanced",
            "partial_fit sees some of the rows, and cannot tell how many each class has",
            'class_weight="balanced"',
            'write the weights down, as class_weight={"yes": 2, "no": 1}',
        )
        if classes is None or not hasattr(self, "targets_"):
            return
        several = isinstance(self.classes_, list)
        known, said = (self.classes_, classes) if several else ([self.classes_], [classes])
        said = said if np.iterable(said) else [said]
        found = [np.asarray(of_one).ravel().tolist() for of_one in said]
        labels = [of_one.tolist() for of_one in known]
        require(
            [*map(set, found)] == [*map(set, labels)],
            f"the classes are those of the first call, {labels if several else labels[0]!r:.100}",
            f"classes={classes!r:.100}",
            "leave classes out, or begin with a new estimator",
        )


class ProbabilitiesMixin(LabelsMixin):
    """And those whose scores are logits."""

    def predict_proba(self, X: Any) -> Array | list[Array]:
        """Probabilities: (rows, classes); of yes, (rows, answers); of several questions a list."""
        found = self.predict_log_proba(X)
        return [np.exp(p) for p in found] if isinstance(found, list) else np.exp(found)

    def predict_log_proba(self, X: Any) -> Array | list[Array]:
        """Logarithms of the probabilities, in the same shape."""
        raw = self._raw(X)
        return self.targets_.log_probabilities(raw)


def _probable(estimator: Any) -> bool:
    """Whether scores are, or after ``fit`` may be, logits, or a temperature makes them so."""
    if hasattr(estimator, "recipe_"):
        loss, calibrated = estimator.recipe_.loss, estimator._calibrated
    else:
        try:
            recipe = estimator._recipe()
        except ArgumentError:  # ``fit`` will say it
            return True
        loss, calibrated = recipe.loss, recipe.calibrate is not False
    if calibrated or loss != "max_margin":
        return True
    raise AttributeError(
        "the scores of loss='max_margin' say which class, and no probabilities; calibrate=True "
        "finds some"
    )


class NetworkClassifierBase(ProbabilitiesMixin, NetworkEstimator):
    """Base of the estimators that train a network to tell classes."""

    _task: Task = "classification"

    @available_if(_probable)
    def predict_proba(self, X: Any) -> Array | list[Array]:
        """Probabilities: (rows, classes); of yes, (rows, answers); of several questions a list.

        There are none of ``loss="max_margin"`` unless the network is calibrated.
        """
        return super().predict_proba(X)

    @available_if(_probable)
    def predict_log_proba(self, X: Any) -> Array | list[Array]:
        """Logarithms of the probabilities, in the same shape."""
        return super().predict_log_proba(X)

    def partial_fit(
        self,
        X: Any,
        y: Any,
        classes: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: npt.ArrayLike | None = None,
    ) -> Self:
        """One pass over further rows, at a constant rate.

        What encodes the columns is learnt from the rows of the first call.

        Args:
            X: as in ``fit``.
            y: as in ``fit``.
            classes: all classes that may come, of several questions a list of them; needed in the
                first call unless y has them all.
            sample_weight: as in ``fit``.
            X_val: rows to validate on; with ``early_stopping=True`` the weights that were best on
                them are kept.
            y_val: their targets.
            sample_weight_val: their weights.

        Raises:
            ValueError, TypeError: as ``fit``.
        """
        self._check_further(classes)
        validation = X_val, y_val, sample_weight_val
        return self._fit_further(X, y, sample_weight, classes, validation)

    def score(self, X: Any, y: Any, sample_weight: npt.ArrayLike | None = None) -> float:
        """Share of the rows whose class, or all of whose answers, are predicted."""
        if not isinstance(getattr(self, "targets_", None), SeveralClasses):
            return float(super().score(X, y, sample_weight))
        found, y = self.predict(X), self._check_y(y)  # scikit-learn scores one question alone
        if found.shape != y.shape:
            raise DataError(f"there are answers {found.shape}", received=f"y of shape {y.shape}")
        weight = None if sample_weight is None else np.asarray(sample_weight, np.float64)
        return average(np.all(found == y, axis=1), weight)

    @property
    def temperature_(self) -> float:
        """T of a network that is calibrated; several questions or answers have the same."""
        return self._temperatures[0].temperature.item()

    @property
    def _temperatures(self) -> list[nn.Temperature]:
        """The last module of a network, or of each copy, that is or will be calibrated."""
        for networks in ((self.network_,), self._copies):
            last = [one[-1] for one in networks if isinstance(one, nn.Sequential) and len(one)]
            found = [module for module in last if isinstance(module, nn.Temperature)]
            if found:
                return found
        raise AttributeError(f"this {type(self).__name__} was not calibrated: see calibrate")

    def _mean(self) -> nn.MemberMean:
        targets = self.targets_
        if isinstance(targets, SeveralClasses):
            return nn.MemberMean("classes", [part.outputs for part in targets.parts])
        yes_no = isinstance(targets, YesNo) or (isinstance(targets, Classes) and targets.single)
        return nn.MemberMean("labels" if yes_no else "classes")

    @property
    def _calibrated(self) -> bool:
        return hasattr(self, "_temperatures")

    def _begin_calibration(self, wanted: bool) -> None:
        if self._calibrated:
            self._set_temperature(1.0)
        elif wanted:
            # A class of the user's own may do more than its layers in turn.
            network: Any = self.network_
            layers = network if type(network) is nn.Sequential else [network]
            self.network_ = nn.Sequential(*layers, nn.Temperature())
            self._forget_working()

    def _calibrate(self, trained: Sequence[tuple[Self, Rows]]) -> None:
        # Each copy has held out rows of its own: all of them ask for the one temperature.
        asked = zip(*(one._questions(held) for one, held in trained), strict=True)
        questions = [
            (np.concatenate([scores for scores, _ in each]), np.concatenate([k for _, k in each]))
            for each in asked
        ]
        weights = [held.weight for _, held in trained if held.weight is not None]
        found = temperature(questions, np.concatenate(weights) if weights else None)
        for one, _ in trained:
            one._set_temperature(found)

    def _questions(self, held: Rows) -> Sequence[Question]:
        """What the network, before it is calibrated, answers on rows held out, and what is so."""
        dtype = self.network_.parameters()[0].dtype
        return self.targets_.questions(self._predicted(held.X), self.targets_.encode(held.y, dtype))

    def _set_temperature(self, value: float) -> None:
        for module in self._temperatures:
            module.temperature.assign(value)

    def _begin(self, recipe: Recipe, rows: Rows, classes: Any) -> None:
        super()._begin(recipe, rows, classes)
        self._check_class_weight()

    def _go_on(self, recipe: Recipe) -> None:
        super()._go_on(recipe)
        require(
            recipe.calibrate is not True or not self._joined or self._calibrated,
            "several copies are calibrated by the fit that trains them, or not at all",
            "calibrate=True for copies that are not",
            "fit anew with warm_start=False, or set calibrate=False",
        )
        self._check_class_weight()

    def _read_targets(self, rows: Rows, classes: Any) -> Targets:
        if rows.y.ndim == 2:
            if classes is not None and all(np.ndim(of_one) == 1 for of_one in classes):
                return SeveralClasses.of(classes, rows.y.shape[1])
            labels = rows.y.dtype.kind != "O" and type_of_target(rows.y)
            if labels == "multilabel-indicator":
                return YesNo(rows.y.shape[1])
            return SeveralClasses.fit(rows.y)
        labels = rows.y if classes is None else np.asarray(classes)
        return Classes.fit(labels, single=self.recipe_.loss in ("auto", "cross_entropy"))

    def __sklearn_tags__(self) -> Tags:
        """What the estimator takes."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags
