"""Estimators that are transformers too: the activations of a hidden layer as features."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from gradus import losses, nn
from gradus.errors import ArgumentError
from gradus.estimators.base import NetworkEstimator
from gradus.estimators.inputs import received
from gradus.train import Trainer
from gradus.types import Array


class HiddenLayerEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, NetworkEstimator):
    """Base of the estimators whose network is a sequence of layers that one can stop in."""

    network_: nn.Sequential

    @property
    @abstractmethod
    def _n_features_out(self) -> int:
        """Columns of ``transform``."""

    def transform(self, X: Any) -> Array:
        """Activations of the last hidden layer, (rows, units): what the network makes of the rows.

        Several networks (``copies``) have theirs side by side.

        Args:
            X: as in ``fit``.

        Raises:
            ValueError: rows that do not fit those of training, or a network without hidden layers.
        """
        check_is_fitted(self, "network_")
        if not self._n_features_out:
            raise ArgumentError(
                "transform gives the activations of the last hidden layer",
                received="a network without hidden layers",
                remedy="use decision_function or predict, or name hidden_layer_sizes",
            )
        inputs = received(self, X, reset=False)
        x = inputs.encoded(self.encoder_, self.network_.parameters()[0].dtype)
        parts = [copy[: self._hidden] for copy in self._copies]
        body = self._part(parts[0] if len(parts) == 1 else nn.Ensemble(*parts))
        return body.predict(x).reshape(len(x), -1)

    def _part(self, network: nn.Module) -> Trainer:
        """What predicts with a part of the network, by the same means as with all of it."""
        options = self.get_params(deep=False)
        return Trainer(
            network,
            losses.squared_error,
            threads=self._threads(),
            executor=options["executor"],
        )
