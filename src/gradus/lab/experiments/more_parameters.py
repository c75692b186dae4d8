"""More parameters than points."""

from __future__ import annotations

import numpy as np

from gradus import nn, optim
from gradus.lab.experiment import Finding, Picture, Setting, experiment, verdict
from gradus.lab.networks import accuracy, digits, fit, mlp
from gradus.lab.pictures import panels

_ROWS = 200


@experiment(
    "What happens with more parameters than points?",
    lecture="004",
    claim="With more parameters than points, training finds weights that fit every point, whatever "
    "the labels; and such networks still do well on new points.",
)
def more_parameters(setting: Setting) -> Finding:
    """Networks of seven sizes on 200 digits, with their own labels and shuffled."""
    X, y, X_new, y_new = digits(setting.seed)
    X, y = X[:_ROWS], y[:_ROWS]
    shuffled = np.random.default_rng(setting.seed).permutation(y)
    widths = (1, 2, 4, 8, 16, 64, 256)
    starts = setting.pick(1, 5)
    counts = [mlp(64, w, 10).parameter_count for w in widths]
    found: dict[str, list[float]] = {"own labels": [], "shuffled labels": [], "new digits": []}
    for width in widths:
        results = []
        for start in range(starts):
            row = []
            for labels in (y, shuffled):
                network = mlp(64, width, 10, activation=nn.ReLU, seed=setting.seed * starts + start)
                fit(
                    network, X, labels, rule=optim.Adam(0.01, schedule=optim.Cosine()),
                    epochs=setting.pick(400, 2000),
                )  # fmt: skip
                row.append(accuracy(network, X, labels))
                if labels is y:
                    new = accuracy(network, X_new, y_new)
            results.append([*row, new])
        for name, value in zip(found, np.mean(results, axis=0), strict=True):
            found[name].append(float(value))

    figure, (axes,) = panels(1, 6.4, 3.8)
    for name, values in found.items():
        axes.semilogx(counts, values, "o-", label=name)
    axes.axvline(_ROWS, color="0.3", linewidth=1, linestyle=":", label="as many as points")
    axes.set(xlabel="parameters", ylabel="accuracy", ylim=(0, 1.03))
    axes.legend(loc="lower right")
    surplus = [k for k, count in enumerate(counts) if count > _ROWS]
    fits = [k for k, v in enumerate(found["shuffled labels"]) if v > 0.999]
    first = counts[fits[0]] if fits else None
    told = found["new digits"]
    fine = told[-1] >= max(told) - 0.02
    return Finding(
        verdict(set(surplus) <= set(fits) and fine, in_part=bool(fits) and fine),
        f"Every one of {_ROWS} shuffled labels is fitted from "
        + ("no size on" if first is None else f"{first:,} parameters on")
        + f"; {counts[surplus[0]]:,} fit {found['shuffled labels'][surplus[0]]:.0%} of them. With "
        f"their own labels, {counts[-1]:,} parameters tell {told[-1]:.1%} of new digits, the best "
        f"of all sizes {max(told):.1%}.",
        f"Trained networks 64-h-10 with h from 1 to 256 on {_ROWS} digits, once with their own "
        f"labels and once with the labels shuffled, {starts} start{'s' * (starts > 1)} each, on "
        "all rows at once with Adam; and asked those with the right labels about "
        f"{len(y_new)} new digits.",
        {"parameters": counts, "points": _ROWS, "accuracy": found},
        [
            Picture(
                figure,
                "Accuracy against the number of parameters: on the training points with their own "
                "and with shuffled labels, and on new digits.",
            )
        ],
        remark="As many parameters as points are not enough to fit any labels: the count that "
        "suffices is several times larger. That nothing is lost on new digits is a finding about "
        "these data and this way of training, no theorem.",
    )  # fmt: skip
