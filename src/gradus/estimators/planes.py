"""What the classifiers of one linear layer share: scores of encoded rows, and coefficients."""

from __future__ import annotations

import sys
import warnings
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_y, check_is_fitted

from gradus import nn
from gradus.checks import choice, flag
from gradus.data import SparseEncoder, TableEncoder
from gradus.data.config import entry
from gradus.data.features import DateFeature, NumericFeature
from gradus.data.scaling import Scale
from gradus.estimators.classes import LabelsMixin
from gradus.estimators.estimator import TableEstimator
from gradus.estimators.inputs import Encoder
from gradus.estimators.plain import Build, check_fits, from_plain, to_plain
from gradus.estimators.recipe import check_same
from gradus.estimators.rows import Rows
from gradus.estimators.targets import Classes, check_labelled, plain_labels
from gradus.modes import no_grad
from gradus.tensor import tensor
from gradus.train.threads import numpy_limit
from gradus.types import Array

_LAYERS = {TableEncoder: nn.Linear, SparseEncoder: nn.SparseInput}  # of what an encoder gives


class PlaneClassifier(LabelsMixin, TableEstimator):
    """Base of the classifiers s = W z + b of encoded rows z; the largest score wins.

    Two classes may share one score, which is above 0 for the second.

    Attributes:
        coef_: (1, features) of two classes, else (classes, features): how the scores change with
            each feature of ``encoder_.feature_names``, numbers and days in the units of X.
        intercept_: (1,) or (classes,): the scores where all those are 0.
        network_: W and b as a module; it takes what ``encoder_`` gives.
        encoder_: from the columns of X to the numbers of the network.
        schema_: what each column was found to be.
        classes_: the labels, sorted.
        n_features_in_, feature_names_in_: as in scikit-learn.
    """

    _noted: ClassVar[Mapping[str, type]]  # what a fit says of itself, and of which kind it is
    targets_: Classes
    network_: nn.Sequential
    encoder_: Encoder

    @property
    def coef_(self) -> Array:
        """Change of the scores with each feature, in the units of X."""
        check_is_fitted(self, "network_")
        weight, _, factor, _ = self._plane()
        return weight * factor

    @property
    def intercept_(self) -> Array:
        """Scores where every feature is 0, in the units of X."""
        check_is_fitted(self, "network_")
        weight, bias, factor, centre = self._plane()
        return bias - weight @ (factor * centre)

    def _plane(self) -> tuple[Array, Array, Array, Array]:
        """Weights and biases of what is reported, and factor and centre of each feature's scale."""
        layer: Any = self.network_[0]
        weight = layer.weight.numpy()
        weight = weight.T if isinstance(layer, nn.SparseInput) else weight
        bias = np.zeros(len(weight)) if layer.bias is None else layer.bias.numpy()
        if len(weight) == 2:  # the difference is what decides
            weight, bias = np.diff(weight, axis=0), np.diff(bias)
        return weight, bias, *_scales(self.encoder_)

    # For fitting ---------------------------------------------------------------------------------

    def _check_y(self, y: Any) -> Any:
        check_labelled(y)
        y = plain_labels(np.asarray(_check_y(y, multi_output=False, estimator=self)))
        check_classification_targets(y)
        return y

    def _goes_on(self) -> bool:
        """Whether ``fit`` begins with the weights of the last."""
        return flag("warm_start", self.get_params()["warm_start"]) and hasattr(self, "network_")

    @abstractmethod
    def _single(self) -> bool:
        """Whether two classes share a score."""

    def _ready(self, rows: Rows, classes: Any, again: bool) -> None:
        """Make a layer for the rows, or go on with the one there is."""
        if not again:
            self._begin(rows, classes)
            return
        options = self.get_params(deep=False)
        layer: Any = self.network_[0]
        check_same("fit_intercept", layer.bias is not None, options["fit_intercept"])
        check_same("scaling", _scaling(self.encoder_, options["scaling"]), options["scaling"])
        self._check_class_weight()

    def _begin(self, rows: Rows, classes: Any) -> None:
        """Read what the rows say on labels and encoding, and make a layer of zeros for them."""
        options = self.get_params(deep=False)
        scaling = choice("scaling", options["scaling"], "standard", "none")
        labels = rows.y if classes is None else np.asarray(classes)
        self.targets_ = Classes.fit(labels, self._single())
        self._check_class_weight()
        self.schema_ = rows.X.schema(options["kinds"], codes=False)
        self.encoder_ = rows.X.encoder(self.schema_, scaling, None, rows.weight)
        bias = flag("fit_intercept", options["fit_intercept"])
        self.network_ = nn.Sequential(_layer(self.encoder_, self.targets_.outputs, bias))
        for name in self._noted:  # of another layer, should this fit be broken off
            self.__dict__.pop(name, None)

    def _warn(self, what: str, remedy: str) -> None:
        """Say that the fit did not come to its end, in the caller's line."""
        frame, level = sys._getframe(), 1
        while frame.f_back and frame.f_globals["__name__"].startswith("gradus."):
            frame, level = frame.f_back, level + 1
        text = f"{type(self).__name__} did not converge: {what}. What to do: {remedy}"
        warnings.warn(text, ConvergenceWarning, stacklevel=level)

    # Predicting and saving -----------------------------------------------------------------------

    def _outputs(self, x: Array) -> Array:
        with no_grad(), numpy_limit(self._threads()):
            return np.asarray(self.network_(tensor(x)).numpy())

    def _to_config(self) -> dict[str, Any]:
        noted = {name: vars(self)[name] for name in self._noted if name in vars(self)}
        return {
            **super()._to_config(),
            "noted": {name: to_plain(name, value) for name, value in noted.items()},
        }

    def _take_config(self, config: Mapping[str, Any], build: Build) -> None:
        super()._take_config(config, build)
        layers = self.network_.layers if isinstance(self.network_, nn.Sequential) else ()
        kinds = [type(layer) for layer in layers]
        check_fits(kinds == [_LAYERS.get(type(self.encoder_))], "network", self.network_)
        noted = entry(config, "noted", dict)
        for name in self._noted.keys() & noted.keys():
            value = from_plain(noted[name], build)
            check_fits(type(value) is self._noted[name], name, value)
            setattr(self, name, value)


def _layer(encoder: Encoder, outputs: int, bias: bool) -> Any:
    """A linear layer of zeros for what the encoder gives."""
    if isinstance(encoder, SparseEncoder):
        sparse: Any = nn.SparseInput(len(encoder.scale), outputs, bias, dtype="float64")
        sparse.weight = np.zeros((len(encoder.scale), outputs))
        if bias:
            sparse.bias = np.zeros(outputs)
        return sparse
    features = len(encoder.feature_names)
    return nn.Linear(features, outputs, bias, init=nn.Zeros(), dtype="float64")


def _scaling(encoder: Encoder, now: str) -> str:
    """How an encoder scales numbers; where it has none, or it cannot be seen, as it is said now."""
    if isinstance(encoder, SparseEncoder):
        return now if set(encoder.scale) <= {0.0, 1.0} else "standard"
    found = [f.scale for f in encoder.features if isinstance(f, NumericFeature | DateFeature)]
    return found[0].kind if found else now


def _scales(encoder: Encoder) -> tuple[Array, Array]:
    """Factor f and centre c of each feature z = f (x − c); 1 and 0 of those as they are."""
    if isinstance(encoder, SparseEncoder):
        scale = np.array(encoder.scale)
        return np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0), np.zeros(
            len(scale)
        )
    features = len(encoder.feature_names)
    factor, centre = np.ones(features), np.zeros(features)
    for feature, place in zip(encoder.features, encoder.places.values(), strict=True):
        if isinstance(feature, NumericFeature | DateFeature) and isinstance(feature.scale, Scale):
            # The number or the days stand first.
            factor[place.start], centre[place.start] = 1.0 / feature.scale.std, feature.scale.mean
    return factor, centre
