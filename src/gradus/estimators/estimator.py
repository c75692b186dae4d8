"""What all estimators are: rows in, one network between, predictions out, and one file for it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, check_consistent_length
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from gradus import nn
from gradus.checks import require, whole_number
from gradus.data import TableEncoder
from gradus.data.config import entry, texts
from gradus.data.schema import KINDS, Column
from gradus.errors import DataError, FileError
from gradus.estimators.arrays import ArrayEncoder
from gradus.estimators.inputs import Encoder, Inputs, check_collected, received
from gradus.estimators.plain import Build, check_fits
from gradus.estimators.rows import Rows
from gradus.types import Array


@cache
def _options(kind: type[BaseEstimator]) -> tuple[str, ...]:
    """Names of the options; to read them off the signature takes a tenth of a millisecond."""
    return tuple(kind._get_param_names())


class TableEstimator(BaseEstimator):
    """Base of all estimators: what they take and how it is checked, predicting, and saving.

    Attributes:
        network_: the trained network; it takes what ``encoder_`` gives.
        encoder_: from the columns of X to the numbers of the network.
        schema_: what each column was found to be.
        targets_: from y to the targets of the loss, and back.
        n_features_in_, feature_names_in_: as in scikit-learn.
    """

    # ``file.py`` knows every estimator, so it stands above this file and installs these.
    saver: ClassVar[Callable[[TableEstimator, str | Path], None] | None] = None
    loader: ClassVar[Callable[[str | Path, Iterable[type[nn.Module]]], Any] | None] = None

    _takes_arrays = False  # whether X may have more axes than two
    _working: ClassVar[tuple[str, ...]] = ()  # what only training needs, and can be made again
    _columns: tuple[str, ...]
    _target_name: str
    network_: nn.Module
    encoder_: Encoder | ArrayEncoder
    schema_: tuple[Column, ...]
    targets_: Any

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The options by name, as scikit-learn gives them."""
        if deep:
            return dict(super().get_params(deep=True))
        kind: Any = type(self)
        return {name: getattr(self, name) for name in _options(kind)}

    # For fitting ---------------------------------------------------------------------------------

    @abstractmethod
    def _check_y(self, y: Any) -> Any:
        """Targets as an array, checked."""

    def _threads(self) -> int | None:
        """The most threads to use."""
        given = self.get_params(deep=False)["n_threads"]
        if given is None:
            return None
        require(
            given != -1,
            "n_threads is the most threads to use, at least 1; None takes a thread a core",
            "-1",
            "write n_threads=None",
        )
        return whole_number("n_threads", given, least=1)

    def _follow_options(self) -> None:
        """Compute as the options say now, which may not be what they said when training began."""
        kept: Any = self
        trainer = kept._trainer
        if (trainer.executor, trainer.threads) != (kept.executor, kept.n_threads):
            trainer.run_on(kept.executor, threads=self._threads())

    @contextmanager
    def _or_as_before(self) -> Iterator[None]:
        """An error leaves the estimator as it was."""
        fields: dict[str, Any] = self.__dict__
        before = dict(fields)
        try:
            yield
        except BaseException:  # Ctrl-C, too: it is raised again
            fields.clear()
            fields.update(before)
            raise

    def _forget_working(self) -> None:
        """Train from here on as a network that has not been trained."""
        for name in self._working:
            self.__dict__.pop(name, None)

    def __getstate__(self) -> dict[str, Any]:
        """Everything but compiled programs."""
        state = dict(super().__getstate__())
        for name in self._working:
            state.pop(name, None)
        return state

    def _weighted(self, y: Any, weight: Array | None) -> Array | None:
        """Weights of rows, after those of their classes."""
        return weight

    def _rows(self, X: Any, y: Any, weight: Any, *, reset: bool) -> Rows:
        """Rows, checked; those of weight 0 are left out."""
        inputs = received(self, X, reset=reset)
        check_collected(y, "y")
        if y is None:
            raise DataError(
                f"{type(self).__name__} requires y to be passed, but the target y is None"
            )
        if reset:
            self._target_name = str(getattr(y, "name", None) or "target")
        y = self._check_y(y)
        check_consistent_length(np.empty((len(inputs), 0)), y)
        if weight is not None:
            weight = _check_sample_weight(weight, y, dtype=np.float64, ensure_non_negative=True)
        rows = Rows(inputs, y, weight).counting()
        return Rows(rows.X, rows.y, self._weighted(rows.y, rows.weight)).counting()

    # Predicting ----------------------------------------------------------------------------------

    @abstractmethod
    def _outputs(self, x: Array) -> Array:
        """What the network gives encoded rows, (rows, outputs)."""

    def _raw(self, X: Any) -> Array:
        """The same of rows as they come."""
        check_is_fitted(self, "network_")
        return self._predicted(received(self, X, reset=False))

    def _predicted(self, inputs: Inputs) -> Array:
        """The same of rows that were checked."""
        dtype = self.network_.parameters()[0].dtype
        return self._outputs(inputs.encoded(self.encoder_, dtype))

    # Saving --------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write the fitted estimator to one model file, without pickle; ``load`` reads it.

        Raises:
            ArgumentError: an option that is no plain data, such as a function.
            FileError: the folder cannot be written.
        """
        assert TableEstimator.saver is not None, "import gradus.estimators before saving"
        TableEstimator.saver(self, path)

    @classmethod
    def load(cls, path: str | Path, modules: Iterable[type[nn.Module]] = ()) -> Self:
        """Read an estimator of this class from a file that ``save`` wrote.

        Args:
            path: the file.
            modules: the caller's own Module classes that may occur in it.

        Raises:
            FileError: no such file, one that is damaged, or an estimator of another class.
        """
        assert TableEstimator.loader is not None, "import gradus.estimators before loading"
        found = TableEstimator.loader(path, modules)
        if not isinstance(found, cls):
            raise FileError(
                f"{cls.__name__}.load reads a {cls.__name__}",
                received=f"{path}, a {type(found).__name__}",
                remedy="use gradus.estimators.load",
            )
        return found

    def _to_config(self) -> dict[str, Any]:
        """What was learnt beside network, encoder and targets, as plain data."""
        names = getattr(self, "feature_names_in_", None)
        return {
            "schema": [asdict(column) for column in self.schema_],
            "columns": list(self._columns),
            "feature_names_in": None if names is None else names.tolist(),
            "n_features_in": self.n_features_in_,
            "target_name": self._target_name,
        }

    def _take_config(self, config: Mapping[str, Any], build: Build) -> None:
        """Learn that from plain data; options, network, encoder and targets are there already.

        Args:
            config: what ``_to_config`` gave, through a file: not to be trusted.
            build: what makes a module of its config.

        Raises:
            Exception: of any common kind, where it is damaged; ``file.load`` says so.
        """
        columns, count = texts(config, "columns"), entry(config, "n_features_in", int)
        read = self.encoder_.columns if isinstance(self.encoder_, TableEncoder) else columns
        check_fits(count == len(columns) and set(read) <= set(columns), "columns", columns)
        self.schema_ = tuple(_column(part) for part in entry(config, "schema", list))
        self.n_features_in_ = count
        self._columns = columns
        self._target_name = entry(config, "target_name", str)
        if config["feature_names_in"] is not None:
            names = texts(config, "feature_names_in")
            check_fits(len(names) == count, "feature_names_in", names)
            self.feature_names_in_ = np.array(names, dtype=object)

    def __sklearn_tags__(self) -> Tags:
        """What the estimator takes."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


def _column(config: Any) -> Column:
    column = Column(
        entry(config, "name", str),
        entry(config, "kind", str),
        entry(config, "missing_count", int),
        entry(config, "distinct", int),
        entry(config, "note", str),
    )
    check_fits(column.kind in KINDS, "kind of a column", column.kind)
    return column
