"""What a diagnosis judges: the figures of a fit as plain data, which JSON can hold."""

from __future__ import annotations

import math
from dataclasses import dataclass

_NOTHING = 1e-3


@dataclass(frozen=True)
class Layer:
    """A layer with weights, as the sampled rows see it.

    Attributes:
        name: dotted, as in ``named_modules``.
        summary: its constructor call.
        signal: how strongly the loss of a row depends on the layer's output: the norm of the
            derivative with respect to it, its root mean square over the rows.
    """

    name: str
    summary: str
    signal: float


@dataclass(frozen=True)
class Units:
    """A hidden activation, as the sampled rows see it.

    Attributes:
        name: dotted name of the module it is computed in.
        function: ``"relu"``, ``"sigmoid"`` or ``"tanh"``.
        count: number of units.
        dead: how many of them are 0 on every row.
        saturated: how many are next to a bound of the function on most rows.
    """

    name: str
    function: str
    count: int
    dead: int
    saturated: int


@dataclass(frozen=True)
class Look:
    """The sampled rows seen with the weights of one moment, in training mode.

    Attributes:
        loss: mean over the rows.
        pull: how strongly the loss of a row depends on its prediction; as ``Layer.signal``.
        layers: those with weights, in the order of the call.
        units: hidden activations, likewise.
        answers: for classes, the share of the rows that each is the answer for.
    """

    loss: float
    pull: float
    layers: tuple[Layer, ...]
    units: tuple[Units, ...]
    answers: tuple[float, ...]


@dataclass(frozen=True)
class Seen:
    """What looking at the network and at a sample of the rows showed.

    Attributes:
        rows: number of rows in the sample.
        start: with the weights that the fit began with.
        end: with those it ended with.
        ahead: least mean loss of the sample with weights further along the straight way from the
            start through the end.
        further: how many times as far again that is.
        moved: how far the weights of each layer went, relative to their size to begin with.
        chance: mean loss of knowing nothing: all classes alike, or the mean of the targets.
        constant: mean loss of the best constant prediction.
        floor: least mean loss of any: above 0 where labels are smoothed.
        kind: what the targets are: ``"classes"``, ``"yes or no"`` or ``"numbers"``.
        shares: share of the rows in each class.
        scales: root mean square of each input of the first layer that mixes them.
    """

    rows: int
    start: Look
    end: Look
    ahead: float
    further: float
    moved: dict[str, float]
    chance: float
    constant: float
    floor: float
    kind: str
    shares: tuple[float, ...]
    scales: tuple[float, ...]


@dataclass(frozen=True)
class Evidence:
    """All that the rules are given.

    Attributes:
        first: number of the first epoch that is judged.
        loss: mean loss of the training rows, an epoch each.
        held: of held-out rows, or empty.
        accuracy: the last on held-out rows, else on the training rows, or None.
        rate: learning rate that the schedule begins with, or None.
        weight_decay: of the optimizer.
        restored: epoch whose weights early stopping kept, or None.
        failure: why training broke down, or empty.
        seen: what looking at network and rows showed, or None where that was not possible.
        fault: why not, or empty.
        features: names of the inputs, or empty.
        classes: names of the classes, or empty.
        beside: what the rows are called whose losses are ``held``.
    """

    first: int
    loss: tuple[float, ...]
    held: tuple[float, ...]
    accuracy: float | None
    rate: float | None
    weight_decay: float
    restored: int | None
    failure: str
    seen: Seen | None
    fault: str
    features: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    beside: str = "held-out rows"

    @property
    def size(self) -> float:
        """What a loss is compared with: that of the best constant prediction.

        Where that is practically nothing (all rows are of one class), it is what chance costs, and
        where nobody looked, the loss of the first epoch. It is infinite, so that no loss is large
        beside it, where losses may be negative or there are none.
        """
        if self.seen is None:
            sizes = self.loss[:1]
        elif self.seen.constant > _NOTHING * self.seen.chance:
            sizes = (self.seen.constant,)
        else:
            sizes = (self.seen.chance,)
        return next((size for size in sizes if size > 0), math.inf)

    @property
    def floor(self) -> float:
        """The least that a loss can be, as far as it is known."""
        return 0.0 if self.seen is None else self.seen.floor

    def level(self, share: float) -> float:
        """A loss that has so much left, as a share of the way from the floor to the size."""
        return self.floor + share * (self.size - self.floor)

    @property
    def began(self) -> float:
        """Loss to begin with."""
        return self.seen.start.loss if self.seen is not None else self.size
