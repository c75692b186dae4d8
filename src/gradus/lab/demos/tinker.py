"""A network to tinker with: every combination of its settings, trained beforehand."""

from __future__ import annotations

from gradus import nn, optim
from gradus.lab.demos.demo import Control, Demo, Figure, Recording
from gradus.lab.demos.frames import BATCH, CLEAR, EDGE, FIGURES, SETS, Frames, packed, points, watch
from gradus.lab.demos.packing import floats
from gradus.lab.experiment import Setting
from gradus.lab.networks import mlp

SIDE, UNIT_SIDE = 23, 11  # what a page of three megabytes has room for
_ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "ReLU": nn.ReLU, "sigmoid": nn.Sigmoid}
_HIDDEN: dict[str, tuple[int, ...]] = {
    "none": (), "2": (2,), "4": (4,), "8": (8,), "8-8": (8, 8),
}  # fmt: skip


def _record(setting: Setting) -> Recording:
    sets = setting.pick(["circles", "spirals"], list(SETS))
    hidden = setting.pick(["none", "4", "8-8"], list(_HIDDEN))
    activations = setting.pick(["tanh", "ReLU"], list(_ACTIVATIONS))
    rates = setting.pick([0.1, 1.0], [0.01, 0.1, 1.0])
    looks = setting.pick([0, 3, 12, 40, 100], [0, 1, 3, 6, 12, 25, 50, 100, 180, 300])
    given = {name: points(name, setting.seed) for name in sets}

    def train(name: str, sizes: tuple[int, ...], activation: str, rate: float) -> Frames:
        network = mlp(2, *sizes, 1, activation=_ACTIVATIONS[activation], seed=setting.seed)
        return watch(
            network, given[name], optim.SGD(rate), looks,
            side=SIDE, unit_side=UNIT_SIDE, seed=setting.seed,
        )  # fmt: skip

    networks = []
    for sizes in (_HIDDEN[name] for name in hidden):
        # Where nothing is hidden, there is no activation to choose.
        choice = activations if sizes else activations[:1]
        found = [[[train(n, sizes, a, r) for r in rates] for a in choice] for n in sets]
        parts = [
            "scores",
            "losses",
            "accuracies",
            "ended",
            *(["units", "weights"] if sizes else []),
        ]
        networks.append({"layers": sizes, **packed(found, *parts)})
    count = len(sets) * len(rates) * sum(len(activations) if _HIDDEN[h] else 1 for h in hidden)
    return Recording(
        controls=[
            Control("data", "points", sets, sets.index("circles")),
            Control("hidden", "hidden units", hidden, hidden.index("4")),
            Control("activation", "activation", activations),
            Control("rate", "learning rate γ", rates, rates.index(1.0)),
            Control("epoch", "epoch", looks, kind="time"),
        ],
        data={
            "edge": EDGE, "clear": CLEAR,
            "points": [floats(p.X) for p in given.values()],
            "classes": [p.y.tolist() for p in given.values()],
            "networks": networks,
        },
        made=f"gradus trained all {count} combinations, each on 200 points in batches of {BATCH} "
        f"by plain stochastic gradient descent, and looked {len(looks)} times: at the score on "
        f"{SIDE} × {SIDE} places, at every hidden unit on {UNIT_SIDE} × {UNIT_SIDE}. 400 further "
        "points of the same kind, not shown, measure what was learnt and not just remembered. "
        "Pictures are kept as one byte a place.",
    )  # fmt: skip


TINKER = Demo(
    "tinker",
    "A network to tinker with",
    "002",
    "tinker with a network right here in the browser",
    "Choose points, hidden units, activation and learning rate, and play. Each small picture is "
    "what one hidden unit gives at every place of the plane; the boundary is made of their "
    "weighted sum. Without hidden units it is a line, whatever the rate. Find the fewest units "
    "that hold the circles apart, see whether tanh or ReLU copes with the spirals and at which "
    "rate, and how sigmoid fares with two layers.",
    [
        *FIGURES,
        Figure(
            "units",
            "Every hidden unit over the same plane: orange where its output is above 0, blue "
            "below, full colour at the largest of this training. Under each unit of the last "
            "hidden layer stands its weight in the score.",
            kind="gallery",
        ),
    ],
    _record,
    scripts=("training", "tinker"),
)
