"""One unit draws only lines."""

from __future__ import annotations

import numpy as np

from gradus import data, losses, nn, optim
from gradus.lab.experiment import Finding, Picture, Setting, experiment, verdict
from gradus.lab.networks import accuracy, column, fit, mlp, outputs, put
from gradus.lab.pictures import panels, plane
from gradus.types import Array, float64

_CORNERS = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]], "float32")
_EXCLUSIVE_OR = np.array([0, 1, 1, 0])


def _crookedness(score: nn.Module) -> float:
    """Largest distance of the places where a score is 0 from the straight line through them."""
    at = np.linspace(-1, 1, 41)
    low, high = np.full(41, -50.0), np.full(41, 50.0)

    def sides(x2: Array) -> Array:
        return outputs(score, np.stack([at, x2], axis=1))[:, 0] > 0

    below = sides(low)
    for _ in range(60):  # halving 100 so often ends at rounding
        middle = (low + high) / 2
        same = sides(middle) == below
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    crossing = (low + high) / 2
    line = np.polyval(np.polyfit(at, crossing, 1), at)
    return float(np.abs(crossing - line).max())


def _best_of_lines(seed: int, count: int) -> int:
    """Most of the four corners of exclusive or that any of so many random lines gets right."""
    w = np.random.default_rng(seed).standard_normal((count, 3))
    told: Array = w[:, :2] @ _CORNERS.T + w[:, 2:] > 0
    return int((told == _EXCLUSIVE_OR).sum(axis=1).max())


@experiment(
    "Why is one unit not enough?",
    lecture="001, 002, 003",
    claim="One unit with an increasing activation divides the plane by a straight line, so it "
    "cannot learn exclusive or; three units in two layers can.",
)
def one_line(setting: Setting) -> Finding:
    """The boundary of single units, and the four points that no line divides."""
    kinds = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "leaky ReLU": nn.LeakyReLU, "ELU": nn.ELU}
    X, y = data.blobs(200, noise=0.8, seed=setting.seed)
    crooked = {}
    for name, kind in kinds.items():
        unit = nn.Sequential(*mlp(2, 1, seed=setting.seed, dtype=float64), kind())
        target = column(y) if name == "sigmoid" else 2 * column(y) - 1
        fit(
            unit, X.astype(float64), target.astype(float64), loss=losses.squared_error,
            rule=optim.Adam(0.05), epochs=300,
        )  # fmt: skip
        middle = nn.Linear(1, 1, dtype=float64)  # moves the value between the classes to 0
        put(middle, [[1.0]], [-0.5 if name == "sigmoid" else 0.0])
        crooked[name] = _crookedness(nn.Sequential(*unit, middle))

    lines = _best_of_lines(setting.seed, 100_000)
    one = mlp(2, 1, seed=setting.seed)
    two = mlp(2, 2, 1, seed=setting.seed)
    starts, solved = 10, 0
    right = 0.0
    for start in range(starts):
        for hidden in (0, 2):
            network = mlp(*((2, 2, 1) if hidden else (2, 1)), seed=setting.seed * starts + start)
            fit(
                network, _CORNERS, column(_EXCLUSIVE_OR),
                loss=losses.binary_cross_entropy_with_logits, rule=optim.Adam(0.05), epochs=500,
            )  # fmt: skip
            found = accuracy(network, _CORNERS, _EXCLUSIVE_OR)
            if hidden:
                solved += found == 1
                two = network if found == 1 else two
            else:
                right, one = max((right, one), (found, network), key=lambda pair: pair[0])
    figure, (left, centre, last) = panels(3, 3.9, 3.9)
    unit = mlp(2, 1, seed=setting.seed)
    fit(unit, X, column(y), loss=losses.binary_cross_entropy_with_logits, rule=optim.Adam(0.05),
        epochs=300)  # fmt: skip
    plane(left, unit, X, y)
    left.set_title("one unit, two clouds")
    plane(centre, one, _CORNERS, _EXCLUSIVE_OR, 0.7)
    centre.set_title("one unit, exclusive or")
    plane(last, two, _CORNERS, _EXCLUSIVE_OR, 0.7)
    last.set_title("two hidden units and one")
    worst = max(crooked.values())
    return Finding(
        verdict(worst < 1e-6 and lines == 3 and right <= 0.75 and solved > 0),
        f"The places where a trained unit is undecided lie within {worst:.0e} of a straight line, "
        f"for {', '.join(kinds)}. Of 100,000 random lines the best gets {lines} of the 4 points of "
        f"exclusive or right, the trained unit {right:.0%}; with two hidden units {solved} of "
        f"{starts} starts get all four.",
        "Trained single units with four increasing activations on two clouds in float64, searched "
        "where each changes sides, and fitted a line through those places. Then tried exclusive or "
        "with random lines, with one unit, and with two hidden units and one.",
        {"distance_from_a_line": crooked, "corners_right_by_lines": lines,
         "unit_accuracy": right, "starts_solved": solved, "starts": starts},
        [
            Picture(
                figure,
                "Where one unit divides two clouds, what it makes of exclusive or, and how two "
                "hidden units solve it.",
            )
        ],
        remark="An activation that rises and falls, such as a sine or a bump, would draw more than "
        "one line.",
    )  # fmt: skip
