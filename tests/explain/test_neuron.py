"""One neuron, written out."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from gradus import explain, nn
from gradus.errors import ArgumentError, ShapeError
from gradus.random import normal


def lecture(*activations: nn.Module) -> nn.Sequential:
    net = nn.Sequential(nn.Linear(3, 1, dtype="float64"), *activations)
    net[0].weight, net[0].bias = [[2.0, 3.0, -1.0]], [0.5]
    return net


def test_the_neuron_of_lecture_001_is_written_as_there() -> None:
    found = explain.neuron(lecture(nn.Sigmoid()), [0.9, 0.2, 0.3])
    assert str(found).split("\n") == [
        "z = x₁·w₁ + x₂·w₂ + x₃·w₃ + b",
        "  = 0.9·2 + 0.2·3 + 0.3·(−1) + 0.5",
        "  = 2.6",
        "a = σ(z) = σ(2.6) = 0.930862",
    ]


def test_without_an_activation_there_is_z_alone() -> None:
    assert str(explain.neuron(lecture()[0], [[0.9, 0.2, 0.3]])).endswith("= 2.6")


def test_of_many_inputs_the_largest_products_are_written_and_the_others_summed() -> None:
    layer = nn.Linear(64, 10, dtype="float64")
    x = normal(1, 0, 0, (64,))
    found = explain.neuron(layer, x, output=3)
    first = str(found).split("\n")[0]
    assert first.count("·") == 8
    assert "(56 smaller products) + b" in first
    digits = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
    shown = {int(k) for k in re.findall(r"x(\d+)·w", first.translate(digits))}
    products = np.abs(x * layer.weight.numpy()[3])
    assert {k - 1 for k in shown} == set(np.argsort(-products)[:8])
    assert found.z == pytest.approx(float(x @ layer.weight.numpy()[3] + layer.bias.numpy()[3]))


def test_an_activation_with_a_number_of_its_own_is_written_with_it() -> None:
    text = str(explain.neuron(lecture(nn.LeakyReLU(0.3)), [0.9, 0.2, 0.3]))
    assert "a = LeakyReLU(negative_slope=0.3)(z)" in text


def test_a_softmax_looks_at_all_neurons() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.Softmax())
    assert "a = softmax(all z) = 0." in str(explain.neuron(net, [1.0, 2.0], 1))


@pytest.mark.parametrize(
    ("module", "x", "output", "error", "rule"),
    [
        (nn.ReLU(), [1.0], 0, ArgumentError, "a neuron is a Linear layer"),
        (nn.Sequential(), [1.0], 0, ArgumentError, "a neuron is a Linear layer"),
        (nn.Sequential(nn.Linear(1, 2), nn.Linear(2, 1)), [1.0], 0, ArgumentError, "net\\[2:4\\]"),
        (nn.Linear(2, 3), [1.0, 2.0], 3, ArgumentError, "neurons are 0 to 2; received 3"),
        (nn.Linear(2, 3), [1.0, 2.0], True, ArgumentError, "output must be a whole number"),
        (nn.Sequential(nn.Linear(2, 3), nn.Dropout()), [1.0, 2.0], 0, ArgumentError, "activations"),
        (nn.Linear(2, 3), [1.0], 0, ShapeError, "one example has 2 inputs"),
        (nn.Linear(2, 3), [[1.0, 2.0], [3.0, 4.0]], 0, ShapeError, "one example has 2 inputs"),
    ],
)
def test_what_is_no_neuron_is_refused(
    module: nn.Module, x: Any, output: int, error: type[Exception], rule: str
) -> None:
    with pytest.raises(error, match=rule):
        explain.neuron(module, x, output)
