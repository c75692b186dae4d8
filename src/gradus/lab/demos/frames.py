"""A training of a network in the plane, looked at in some of its epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gradus import data, losses, nn, optim
from gradus.errors import DivergenceError
from gradus.lab.demos.demo import Figure
from gradus.lab.demos.packing import floats, pictures
from gradus.lab.networks import column
from gradus.modes import no_grad
from gradus.tensor import Tensor, tensor
from gradus.train import Callback, Trainer
from gradus.types import Array

BATCH = 20
EDGE = 1.2  # pictures reach from −EDGE to EDGE, and so do the points
CLEAR = 8.0  # beyond, a score says no more to the eye: σ(8) = 0.9997
SETS: dict[str, dict[str, float]] = {
    "moons": {"noise": 0.15}, "circles": {"noise": 0.12}, "xor": {"noise": 0.05},
    "spirals": {"noise": 0.03},
}  # fmt: skip
# Middle and size of those that would not fit into the pictures.
_PLACE = {"moons": ((0.5, 0.25), 0.6), "circles": ((0, 0), 0.8)}

# What pages of such trainings show of one.
FIGURES = [
    Figure(
        "plane",
        "The points and what the network says: blue ground for circles, orange for squares, "
        "full colour where it is sure. On the line it is undecided.",
        tall=True,
    ),
    Figure(
        "losses",
        "The loss (binary cross-entropy) by epoch: solid on the points shown, dashed on new ones.",
    ),
    Figure("accuracies", "Share of points on the right side of the boundary, likewise."),
]


class Points(NamedTuple):
    """Points to train on, and points of the same kind that training does not see."""

    X: Array
    y: Array
    X_new: Array
    y_new: Array


class Frames(NamedTuple):
    """What was seen, frame by frame.

    Attributes:
        scores: z over the plane, limited to ±``CLEAR``, (frames, side, side).
        units: output of every hidden unit over the plane, (frames, units, side, side).
        weights: of each unit of the last hidden layer in the score, (frames, units).
        losses: on the points trained on and on new ones, (frames, 2).
        accuracies: likewise, as shares.
        ended: the last epoch where training diverged, and later frames repeat the last; or None.
    """

    scores: Array
    units: Array
    weights: Array
    losses: Array
    accuracies: Array
    ended: int | None


def points(name: str, seed: int, count: int = 200) -> Points:
    """One of ``SETS``, moved and shrunk into the pictures where it would not fit."""
    make = getattr(data, name)
    X, y = make(count, seed=2 * seed, **SETS[name])
    X_new, y_new = make(2 * count, seed=2 * seed + 1, **SETS[name])
    middle, size = _PLACE.get(name, ((0, 0), 1))
    X, X_new = ((part - np.asarray(middle, part.dtype)) * size for part in (X, X_new))
    return Points(X, y, X_new, y_new)


def grid(side: int) -> Array:
    """Places in the plane, (side², 2), row by row upwards."""
    line = np.linspace(-EDGE, EDGE, side, dtype=np.float32)
    return np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)


def watch(
    network: nn.Sequential,
    given: Points,
    rule: optim.Optimizer,
    epochs: Sequence[int],
    *,
    side: int,
    unit_side: int = 2,
    seed: int = 0,
) -> Frames:
    """Train, and look before the first epoch and after some.

    Args:
        network: linear layers with activations between them, one score out.
        given: the points.
        rule: of the steps, each on ``BATCH`` points.
        epochs: when to look, from 0 upwards.
        side: places along a side of the scores' pictures.
        unit_side: places along a side of the units' pictures.
        seed: of the order of examples.
    """
    look = _Look(network, given, set(epochs), side, unit_side)
    trainer = Trainer(network, losses.binary_cross_entropy_with_logits, rule, seed=seed)
    ended = None
    try:
        trainer.fit(
            given.X, column(given.y), epochs=epochs[-1], batch_size=BATCH,
            callbacks=[look], progress=False,
        )  # fmt: skip
    except DivergenceError:
        ended = len(trainer.history)
        look.seen += look.seen[-1:] * (len(epochs) - len(look.seen))
    scores, units, weights, loss, share = (np.stack(part) for part in zip(*look.seen, strict=True))
    return Frames(scores, units, weights, loss, share, ended)


def layers(network: nn.Sequential, X: Array) -> list[Array]:
    """What each hidden layer gives for these rows, and at last the scores.

    The network stays in the mode it is in, for it is being trained; none of its layers asks.
    """
    found = []
    with no_grad():
        x: Tensor = tensor(X)
        for layer in network:
            x = layer(x)
            if not isinstance(layer, nn.Linear):
                found.append(x.numpy())
    return [*found, x.numpy()]


def packed(found: Sequence[Any], *names: str) -> dict[str, Any]:
    """Parts of nested lists of frames, for a page; the axes of the nesting come first."""

    def part(where: Any, name: str) -> Any:
        if isinstance(where, Frames):
            return getattr(where, name)
        return [part(inner, name) for inner in where]

    kept = {name: part(found, name) for name in names}
    for name, values in kept.items():
        if name in ("scores", "units"):
            kept[name] = pictures(np.asarray(values))
        elif name != "ended":
            kept[name] = floats(values)
    return kept


class _Look(Callback):
    """Looks at a network while it is trained."""

    def __init__(
        self, network: nn.Sequential, given: Points, epochs: set[int], side: int, unit_side: int
    ) -> None:
        self.network, self.given, self.epochs = network, given, epochs
        self.side, self.unit_side = side, unit_side
        self.plane, self.small = grid(side), grid(unit_side)
        self.seen: list[tuple[Array, ...]] = []

    def on_fit_begin(self, trainer: Trainer, epochs: int, steps_per_epoch: int) -> None:
        """See the network as it was made."""
        self.look()

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        """See it after this epoch."""
        if row["epoch"] in self.epochs:
            self.look()

    def look(self) -> None:
        """Keep a frame."""
        X, y, X_new, y_new = self.given
        scores = layers(self.network, self.plane)[-1].clip(-CLEAR, CLEAR)
        hidden = layers(self.network, self.small)[:-1]
        units = np.concatenate([h.T for h in hidden]) if hidden else np.empty((0, len(self.small)))
        output: Any = self.network[-1]
        measured = [_measure(self.network, *part) for part in ((X, y), (X_new, y_new))]
        self.seen.append(
            (
                scores.reshape(self.side, self.side),
                units.reshape(-1, self.unit_side, self.unit_side),
                output.weight.numpy()[0] if hidden else np.empty(0),
                *np.transpose(measured),
            )
        )


def _measure(network: nn.Sequential, X: Array, y: Array) -> tuple[float, float]:
    """Loss and accuracy."""
    z = layers(network, X)[-1]
    with no_grad():
        each = losses.binary_cross_entropy_with_logits(tensor(z), tensor(column(y)))
    return losses.mean(each).item(), float(((z[:, 0] > 0) == y).mean())
