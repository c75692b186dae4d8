"""Several networks of one recipe: trained one after another, and joined by what they predict."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

from gradus import nn
from gradus.estimators.hooks import ASKED
from gradus.estimators.recipe import Recipe
from gradus.estimators.rows import Rows
from gradus.estimators.training import Training
from gradus.optim import Optimizer
from gradus.random import SITE_COPIES, bits
from gradus.train import StopSignals


class Copies(Training):
    """What trains several networks, each by itself, and averages what they predict."""

    @property
    def _copies(self) -> tuple[Any, ...]:
        """The network, or the several whose predictions are averaged."""
        network: Any = self.network_
        first = network[0] if isinstance(network, nn.Sequential) and len(network) else None
        return tuple(first.networks) if isinstance(first, nn.Ensemble) else (network,)

    @property
    def _joined(self) -> bool:
        return self.recipe_.copies != 1 and len(self._copies) > 1

    def _mean(self) -> nn.MemberMean:
        """What averages the predictions of several networks."""
        return nn.MemberMean("values")

    def _train_copies(self, recipe: Recipe, rows: Rows, held: Rows | None, count: int) -> None:
        """Train the network, and others beside it until there are so many; then join them."""
        trained: list[tuple[Self, Rows | None]] = []
        passes, whole = recipe.passes_over(len(rows)), False
        try:
            with StopSignals() as signals:
                for k in range(count):
                    if k and (signals.received or ASKED in self.history_.stop_reason):
                        break
                    one = self._another(k, rows) if k else self
                    name = f"copy {k + 1}/{count}" if count > 1 else ""
                    asking = one._train(recipe, rows, held, passes, fresh=True, name=name)
                    if k and signals.received:  # one half trained would spoil the mean
                        stop, done = signals.received.name, len(trained)
                        reason = f"stopped by {stop} after {done} of {count} copies"
                        self.history_.stop_reason = reason
                    else:
                        trained.append((one, asking))
            whole = True
        finally:  # after an error, or Ctrl-C, the first copy is left, as calibrated as if alone
            self._calibrate_all(trained if whole else trained[:1])
        if len(trained) > 1:
            networks = [one.network_ for one, _ in trained]
            self.network_ = nn.Sequential(nn.Ensemble(*networks), self._mean())
            self._forget_working()
            self._trainer = self._new_trainer(recipe)

    def _calibrate_all(self, trained: Sequence[tuple[Self, Rows | None]]) -> None:
        """By the rows that the copies held out, of those that did for this."""
        if asked := [(one, rows) for one, rows in trained if rows is not None]:
            self._calibrate(asked)

    def _another(self, k: int, rows: Rows) -> Self:
        """The estimator with a new network of its own, the k-th, and a seed that makes it another.

        scikit-learn's callbacks follow the first one.
        """
        another = copy.copy(self)
        for name in [n for n in vars(another) if n.startswith("_") and "callback" in n]:
            delattr(another, name)
        [another._seed] = bits(self._seed, k, SITE_COPIES, (1,)).tolist()
        another._make(self.recipe_, rows)
        return another

    def _optimizer(self, recipe: Recipe) -> Optimizer:
        """The rule; patterns of names mean those of one network, and hold for all copies."""
        several = self._copies
        if several[0] is self.network_:
            return super()._optimizer(recipe)
        rule = recipe.optimizer(list(several[0].named_parameters()))
        places = [f"0.{k}." for k in range(len(several))]
        groups = {place + pattern: o for pattern, o in rule.groups.items() for place in places}
        return replace(rule, groups=groups)
