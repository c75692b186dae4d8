"""Classes as targets: one a row, yes and no, or several; and how outputs are read as classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from gradus import losses, ops
from gradus.data import TargetEncoder
from gradus.data.config import entry
from gradus.errors import DataError
from gradus.estimators.plain import array_from_plain, array_to_plain, check_fits
from gradus.estimators.recipe import Recipe
from gradus.estimators.targets.base import Loss, Metric, Targets, check_loss, in_columns, own
from gradus.estimators.targets.labels import numbered
from gradus.estimators.temperature import Question
from gradus.tensor import Tensor, tensor
from gradus.train import metrics
from gradus.types import Array


@dataclass(frozen=True, eq=False)
class Classes(Targets):
    """One of K classes a row.

    Two classes have one output, the score of the second, or two; more have one each.

    Attributes:
        classes: the labels, sorted.
        single: whether two classes share an output.
    """

    classes: Array
    single: bool

    @property
    def outputs(self) -> int:
        """Numbers that the network gives a row."""
        return 1 if self.single else len(self.classes)

    @classmethod
    def fit(cls, labels: Array, single: bool) -> Classes:
        """Learn the classes."""
        classes = np.unique(labels)
        if len(classes) < 2:
            raise DataError(
                "a classifier needs at least two classes",
                received=f"one class, {classes.tolist()[0]!r}, in all rows that count",
                remedy="check that the right column is the target, or add rows of another class",
            )
        return cls(classes, single and len(classes) == 2)

    def encode(self, y: Array, dtype: npt.DTypeLike) -> Array:
        """Class numbers; or 0 and 1, (rows, 1)."""
        numbers = numbered(in_columns(y, 1)[:, 0], self.classes)
        return numbers[:, None].astype(dtype) if self.single else numbers

    def loss(self, recipe: Recipe) -> Loss:
        """Cross-entropy, the hinge loss, or the user's own."""
        if callable(recipe.loss):
            return own(recipe.loss)
        if recipe.loss == "max_margin":
            return losses.max_margin
        check_loss(recipe.loss, "auto", "cross_entropy", "max_margin")
        if self.single:
            return _smoothed_yes_no(recipe.label_smoothing)
        return _smoothed(recipe.label_smoothing)

    def labels(self, y: Array) -> Array:
        """The class numbers."""
        return numbered(in_columns(y, 1)[:, 0], self.classes)

    @property
    def score(self) -> Metric:
        """Share of the rows whose class is predicted."""

        def accuracy(prediction: Array, target: Array, weight: Array | None) -> float:
            return metrics.accuracy(prediction, target, weight)

        return accuracy

    def log_probabilities(self, raw: Array) -> Array:
        """(rows, K), float64: finite, however sure the network is."""
        if self.single:
            return _log_sigmoid(np.column_stack([-raw, raw]))
        return np.asarray(ops.log_softmax(tensor(raw, "float64")).numpy())

    def scores(self, raw: Array) -> Array:
        """(rows,) for two classes, above 0 for the second; else (rows, K)."""
        raw = raw.astype(np.float64)
        if self.single:
            return raw.reshape(-1)
        return raw[:, 1] - raw[:, 0] if raw.shape[1] == 2 else raw

    def questions(self, raw: Array, target: Array) -> list[Question]:
        """The one question."""
        if self.single:
            return [_yes_no(raw[:, 0], target[:, 0])]
        return [(raw.astype(np.float64), target)]

    def predicted(self, raw: Array) -> Array:
        """Labels."""
        best = raw.reshape(-1) > 0 if self.single else raw.argmax(axis=1)
        return self.classes[np.asarray(best, np.int64)]

    def of_table(self) -> TargetEncoder:
        """The classes, as Python's own texts and numbers."""
        return TargetEncoder("classification", classes=tuple(self.classes.tolist()))

    def to_config(self) -> dict[str, Any]:
        """The labels with their dtype."""
        return {"classes": array_to_plain(self.classes), "single": self.single}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """From plain data; `FileError` where it is damaged."""
        classes, single = (
            array_from_plain(entry(config, "classes", dict)),
            entry(config, "single", bool),
        )
        in_order = classes.ndim == 1 and np.array_equal(np.unique(classes), classes)
        check_fits(in_order and len(classes) > 1, "classes", classes)
        check_fits(not single or len(classes) == 2, "single", single)
        return cls(classes, single)


@dataclass(frozen=True, eq=False)
class YesNo(Targets):
    """Several independent yes-or-no answers a row (multilabel), (rows, L) of 0 and 1.

    Attributes:
        answers: how many.
    """

    answers: int

    @property
    def outputs(self) -> int:
        """One an answer."""
        return self.answers

    @property
    def classes(self) -> Array:
        """Numbers of the labels, as scikit-learn's binarizer has them."""
        return np.arange(self.answers)

    def encode(self, y: Array, dtype: npt.DTypeLike) -> Array:
        """0 and 1 in the network's dtype."""
        return np.ascontiguousarray(in_columns(y, self.answers), dtype)

    def loss(self, recipe: Recipe) -> Loss:
        """Binary cross-entropy, summed over the answers."""
        if callable(recipe.loss):
            return own(recipe.loss)
        check_loss(recipe.loss, "auto", "cross_entropy")
        return _smoothed_yes_no(recipe.label_smoothing)

    def log_probabilities(self, raw: Array) -> Array:
        """Of yes, (rows, L)."""
        return _log_sigmoid(raw)

    def scores(self, raw: Array) -> Array:
        """(rows, L), above 0 for yes."""
        return raw.astype(np.float64)

    def questions(self, raw: Array, target: Array) -> list[Question]:
        """Each answer."""
        return [_yes_no(r, t) for r, t in zip(raw.T, target.T, strict=True)]

    def predicted(self, raw: Array) -> Array:
        """0 and 1."""
        return np.asarray(raw > 0, np.int64)

    @property
    def score(self) -> Metric:
        """Share of the answers that are right."""

        def accuracy(prediction: Array, target: Array, weight: Array | None) -> float:
            return metrics.average((prediction > 0) == (target > 0.5), weight)

        return accuracy

    def to_config(self) -> dict[str, Any]:
        """Their number."""
        return {"outputs": self.answers}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """From plain data; `FileError` where it is damaged."""
        return cls(entry(config, "outputs", int))


@dataclass(frozen=True, eq=False)
class SeveralClasses(Targets):
    """Several questions a row, each with classes of its own: (rows, questions)."""

    parts: tuple[Classes, ...]

    @property
    def outputs(self) -> int:
        """Numbers that the network gives a row."""
        return sum(part.outputs for part in self.parts)

    @property
    def classes(self) -> list[Array]:
        """The classes of each question."""
        return [part.classes for part in self.parts]

    @classmethod
    def fit(cls, y: Array) -> SeveralClasses:
        """Learn the classes of each column."""
        return cls.of(list(y.T), y.shape[1])

    @classmethod
    def of(cls, classes: Sequence[Any], questions: int) -> SeveralClasses:
        """The questions whose labels these are."""
        if len(classes) != questions:
            raise DataError(
                f"each of the {questions} questions has classes of its own",
                received=f"classes of {len(classes)}",
            )
        return cls(tuple(Classes.fit(np.asarray(c), single=False) for c in classes))

    def encode(self, y: Array, dtype: npt.DTypeLike) -> Array:
        """Class numbers, (rows, questions)."""
        columns = zip(self.parts, in_columns(y, len(self.parts)).T, strict=True)
        return np.stack([numbered(column, part.classes) for part, column in columns], axis=1)

    def loss(self, recipe: Recipe) -> Loss:
        """The sum of the questions' losses."""
        if callable(recipe.loss):
            return own(recipe.loss)
        each = [part.loss(recipe) for part in self.parts]
        return partial(_sum_of, each, self._bounds())

    def log_probabilities(self, raw: Array) -> list[Array]:
        """Of each question's classes."""
        return [part.log_probabilities(r) for part, r in self._split(raw)]

    def scores(self, raw: Array) -> list[Array]:
        """Of each question's classes."""
        return [part.scores(r) for part, r in self._split(raw)]

    def questions(self, raw: Array, target: Array) -> list[Question]:
        """Each question."""
        each = zip(self._split(raw), target.T, strict=True)
        return [question for (p, r), t in each for question in p.questions(r, t)]

    def predicted(self, raw: Array) -> Array:
        """Labels, (rows, questions)."""
        return np.stack([part.predicted(r) for part, r in self._split(raw)], axis=1)

    @property
    def score(self) -> Metric:
        """Share of the answers that are right."""

        def accuracy(prediction: Array, target: Array, weight: Array | None) -> float:
            best = [r.argmax(axis=1) for _, r in self._split(prediction)]
            return metrics.average(np.stack(best, axis=1) == target, weight)

        return accuracy

    def to_config(self) -> dict[str, Any]:
        """The classes of each question."""
        return {"parts": [part.to_config() for part in self.parts]}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """From plain data; `FileError` where it is damaged."""
        return cls(tuple(Classes.from_config(part) for part in entry(config, "parts", list)))

    def _bounds(self) -> list[tuple[int, int]]:
        ends = np.cumsum([part.outputs for part in self.parts]).tolist()
        return list(zip([0, *ends], ends, strict=False))

    def _split(self, raw: Array) -> list[tuple[Classes, Array]]:
        bounds = self._bounds()
        return [(p, raw[:, a:b]) for p, (a, b) in zip(self.parts, bounds, strict=True)]


def _log_sigmoid(scores: Array) -> Array:
    return np.asarray(ops.log_sigmoid(tensor(scores, "float64")).numpy())


def _yes_no(score: Array, target: Array) -> Question:
    """A question of two classes, of which the second has this score, and the first 0."""
    scores = np.stack([np.zeros(len(score)), score], axis=1)
    return scores, np.asarray(target > 0.5, np.int64)


# Not as functions inside functions: networks with equal losses are traced once.


def _smoothed(epsilon: float) -> Loss:
    if not epsilon:
        return losses.cross_entropy
    return partial(losses.cross_entropy, label_smoothing=epsilon)


def _smoothed_yes_no(epsilon: float) -> Loss:
    if not epsilon:
        return losses.binary_cross_entropy_with_logits
    return partial(_yes_no_loss, epsilon=epsilon)


def _yes_no_loss(prediction: Tensor, target: Tensor, *, epsilon: float) -> Tensor:
    smooth = (1.0 - epsilon) * target + 0.5 * epsilon
    return losses.binary_cross_entropy_with_logits(prediction, smooth)


def _sum_of(
    each: Sequence[Loss],
    bounds: Sequence[tuple[int, int]],
    prediction: Tensor,
    target: Tensor,
) -> Tensor:
    """Of the losses of several questions, each beside its own outputs."""
    total: Any = 0.0
    for k, (loss, (start, stop)) in enumerate(zip(each, bounds, strict=True)):
        total = total + loss(prediction[..., start:stop], target[..., k])
    return total
