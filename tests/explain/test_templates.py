"""Templates: what a linear classifier has learnt, as one image a class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import gradus as gd
from gradus import losses, nn, optim
from gradus.errors import ArgumentError, ShapeError


def test_each_class_is_shown_by_its_own_weights_on_one_scale() -> None:
    layer: Any = nn.Linear(6, 7, dtype="float64")
    figure = gd.explain.templates(layer, (2, 3), list("abcdefg"))
    images = [axes.images[0] for axes in figure.axes[:7]]
    weight = layer.weight.numpy()
    for k, image in enumerate(images):
        assert np.array_equal(image.get_array(), weight[k].reshape(2, 3))
        assert image.get_clim() == (-np.abs(weight).max(), np.abs(weight).max())
    assert [axes.get_title() for axes in figure.axes[:7]] == list("abcdefg")
    assert figure.axes[7].get_ylabel() == "weight", "a scale beside them"


def test_above_zero_is_red_and_below_is_blue() -> None:
    layer: Any = nn.Linear(3, 1)
    layer.weight = [[-1.0, 0.0, 1.0]]
    image = gd.explain.templates(layer, (1, 3)).axes[0].images[0]
    below, zero, above = image.to_rgba(image.get_array())[0, :, :3]
    assert below[2] > below[0]
    assert above[0] > above[2]
    assert zero == pytest.approx(np.ones(3), abs=0.04)


@pytest.mark.parametrize("shape", [(64, 1), (1, 64), (4, 16)])
@pytest.mark.parametrize("outputs", [1, 5, 26])
def test_it_can_be_drawn_whatever_the_number_of_classes(
    shape: tuple[int, int], outputs: int
) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, outputs, init=nn.Zeros()), nn.Softmax())
    figure = gd.explain.templates(net, shape)
    figure.canvas.draw()
    assert len(figure.axes) == outputs + 1
    assert figure.axes[-2].get_title() == str(outputs - 1)


@pytest.mark.parametrize(("loss", "rate"), [(losses.cross_entropy, 1.0), (losses.max_margin, 0.05)])
def test_both_losses_learn_templates_that_recognise_digits(
    loss: Callable[..., Any], rate: float
) -> None:
    digits = load_digits()
    X, X_held, y, y_held = train_test_split(
        digits.data / 16.0, digits.target, test_size=0.25, random_state=0, stratify=digits.target
    )
    net = nn.Linear(64, 10, init=nn.Zeros())
    # The decay is the penalty of scikit-learn's C = 1.
    rule = optim.SGD(rate, weight_decay=1 / len(X), schedule=optim.Cosine())
    trainer = gd.Trainer(net, loss, rule, metrics=["accuracy"])
    trainer.fit(X, y, epochs=60, progress=False)
    accuracy = trainer.evaluate(X_held, y_held)["accuracy"]
    oracle = LogisticRegression(max_iter=1000).fit(X, y).score(X_held, y_held)
    assert accuracy > max(0.93, oracle - 0.01)
    # A template looks like its class: of all ten means, that of its own digit excites it most.
    means = np.stack([X[y == k].mean(axis=0) for k in range(10)])
    assert trainer.predict(means).argmax(axis=1).tolist() == list(range(10))
    figure = gd.explain.templates(net, digits.images.shape[1:], digits.target_names)
    assert [axes.get_title() for axes in figure.axes[:10]] == list("0123456789")


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: gd.explain.templates(nn.Tanh(), (8, 8)), ArgumentError, "weights of a Linear"),
        (lambda: gd.explain.templates(nn.Sequential(), (8, 8)), ArgumentError, r"net\[0\]"),
        (
            lambda: gd.explain.templates(nn.Sequential(nn.Tanh(), nn.Linear(64, 2)), (8, 8)),
            ArgumentError,
            "sees the pixels",
        ),
        (lambda: gd.explain.templates(nn.Linear(64, 2), (8, 9)), ShapeError, "64 inputs; .*8, 9"),
        (lambda: gd.explain.templates(nn.Linear(64, 2), (64,)), ShapeError, "height, width"),
        (lambda: gd.explain.templates(nn.Linear(64, 2), (-8, -8)), ArgumentError, "shape must be"),
        (
            lambda: gd.explain.templates(nn.Linear(64, 2), (8, 8), ["a"]),
            ArgumentError,
            "each of the 2 outputs; received 1",
        ),
    ],
)
def test_what_has_no_templates_is_refused(
    call: Callable[[], Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        call()
