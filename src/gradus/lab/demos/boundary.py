"""Toy classification in the plane: the boundary of a network while it is trained."""

from __future__ import annotations

import numpy as np

from gradus import optim
from gradus.lab.demos.demo import Control, Demo, Recording
from gradus.lab.demos.frames import BATCH, CLEAR, EDGE, FIGURES, SETS, packed, points, watch
from gradus.lab.demos.packing import floats
from gradus.lab.experiment import Setting
from gradus.lab.networks import mlp

SIDE = 41
RATE = 0.02


def epochs(setting: Setting) -> list[int]:
    """When to look: often at first, where the most happens."""
    last, frames = setting.pick((100, 13), (600, 46))
    return np.unique(np.rint(last * np.linspace(0, 1, frames) ** 2).astype(int)).tolist()


def _record(setting: Setting) -> Recording:
    hidden = setting.pick((3, 20), (1, 3, 6, 20))
    looks = epochs(setting)
    given = {name: points(name, setting.seed) for name in SETS}
    found = [
        [
            watch(
                mlp(2, h, 1, seed=setting.seed), p, optim.Adam(RATE), looks,
                side=SIDE, seed=setting.seed,
            )
            for h in hidden
        ]
        for p in given.values()
    ]  # fmt: skip
    return Recording(
        controls=[
            Control("data", "points", list(SETS)),
            Control("hidden", "hidden units", hidden, len(hidden) - 1),
            Control("epoch", "epoch", looks, kind="time"),
        ],
        data={
            "edge": EDGE, "clear": CLEAR,
            "points": [floats(p.X) for p in given.values()],
            "classes": [p.y.tolist() for p in given.values()],
            **packed(found, "scores", "losses", "accuracies", "ended"),
        },
        made="gradus trained a network of each size (2 inputs, hidden units with tanh, 1 score) "
        f"on 200 points of each kind, in batches of {BATCH}, with Adam at a rate of {RATE:g}, and "
        f"looked {len(looks)} times at the score on a grid of {SIDE} × {SIDE} places. 400 further "
        "points of the same kind, not shown, measure what was learnt and not just remembered. "
        "Scores are kept as one byte a place; the boundary is drawn between the places where "
        "they change their sign.",
    )  # fmt: skip


BOUNDARY = Demo(
    "boundary",
    "The boundary between two classes, as it is learnt",
    "002",
    "toy classification in two dimensions, and the effect of a hidden layer’s size",
    "Press play: the boundary begins as some line and bends itself around the points, epoch by "
    "epoch. Then change the number of hidden units. One unit can only draw a line; three could "
    "close a ring, and do not always find how; twenty get almost everything right. Where they "
    "bend around single points, that helps with the points shown (solid curves) and not with new "
    "ones (dashed).",
    FIGURES,
    _record,
    scripts=("training", "boundary"),
)
