"""A sigmoid unit and logistic regression."""

from __future__ import annotations

import numpy as np

from gradus import losses, nn, optim
from gradus.data import load
from gradus.lab.experiment import Finding, Picture, Setting, experiment, verdict
from gradus.lab.networks import column, mlp
from gradus.lab.pictures import panels
from gradus.tensor import Tensor
from gradus.train import minimise
from gradus.types import float64

_COLUMNS = 10  # the means; with all 30 the classes are separable and there is no finite optimum


@experiment(
    "Is a sigmoid unit the same as logistic regression?",
    lecture="001, 002",
    claim="It is: where its loss is lowest, a sigmoid unit has the coefficients of unpenalised "
    "logistic regression.",
)
def sigmoid_neuron(setting: Setting) -> Finding:
    """The breast cancer table, by scikit-learn's solver and by gradients."""
    from sklearn.linear_model import LogisticRegression

    table, target = load("breast_cancer")
    names = [name for name in table.names if name != target][:_COLUMNS]
    X = np.stack([table.column(name) for name in names], axis=1).astype(float64)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y = (table.column(target) == "benign").astype(np.int64)
    reference = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10).fit(X, y)
    theirs = np.append(reference.coef_[0], reference.intercept_)

    unit = mlp(_COLUMNS, 1, seed=setting.seed, dtype=float64)
    aim = column(y).astype(float64)

    def loss(network: nn.Module) -> Tensor:
        return losses.mean(losses.binary_cross_entropy_with_logits(network(X), aim))

    walk = minimise(loss, unit, optim.LBFGS(), steps=10_000, gradient_norm=1e-9)
    ours = np.concatenate([p.numpy().ravel() for p in unit.parameters()])
    gap = float(np.abs(ours - theirs).max())

    plain = mlp(_COLUMNS, 1, seed=setting.seed, dtype=float64)
    steps = setting.pick(3000, 100_000)
    descent = minimise(loss, plain, optim.SGD(1.0), steps=steps, gradient_norm=1e-9)
    slow = float(
        np.abs(np.concatenate([p.numpy().ravel() for p in plain.parameters()]) - theirs).max()
    )

    figure, (left, right) = panels(2)
    low, high = float(theirs.min()) - 1, float(theirs.max()) + 1
    left.plot([low, high], [low, high], color="0.6", linewidth=1)
    left.plot(theirs, ours, "o")
    left.set(xlabel="logistic regression", ylabel="sigmoid unit", title="coefficients")
    floor = min(walk.values.min(), descent.values.min())
    for name, path in {"L-BFGS": walk, "gradient descent": descent}.items():
        right.loglog(
            np.arange(1, len(path.values) + 1), np.maximum(path.values - floor, 1e-16), label=name
        )
    right.set(xlabel="step", ylabel="loss above the lowest")
    right.legend()
    return Finding(
        verdict(gap < 1e-4),
        f"The {_COLUMNS} weights and the bias differ by at most {gap:.0e}; the largest is "
        f"{np.abs(theirs).max():.1f}. L-BFGS took {walk.steps:,} steps to get there; plain "
        f"gradient descent is still {slow:.2g} away after {descent.steps:,}.",
        f"Standardised {_COLUMNS} columns of the breast cancer table ({len(X)} rows). Minimised "
        "the binary cross-entropy of one sigmoid unit in float64 by L-BFGS and by gradient "
        "descent, and compared with scikit-learn's logistic regression without a penalty.",
        {"theirs": theirs.tolist(), "ours": ours.tolist(), "largest_gap": gap,
         "gap_of_gradient_descent": slow, "steps": {"L-BFGS": walk.steps, "SGD": descent.steps}},
        [
            Picture(
                figure,
                "Left: each coefficient from both. Right: how far the loss is above the lowest "
                "found, by steps; both axes logarithmic.",
            )
        ],
        remark="With all 30 columns the classes can be separated, and then no finite weights are "
        "best: the loss falls for ever as they grow.",
    )  # fmt: skip
