"""The layers of a table's network: what they do beyond the contract."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import gradus as gd
from gradus import nn
from gradus.errors import ArgumentError, ShapeError

X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)


def test_an_ntk_layer_is_a_linear_layer_with_weights_divided_by_the_root_of_its_inputs() -> None:
    layer, linear = nn.NTKLinear(4, 3), nn.Linear(4, 3)
    linear.weight, linear.bias = layer.weight / 2.0, layer.bias
    assert np.array_equal(layer(X).numpy(), linear(X).numpy())


def test_an_ntk_layer_starts_standard_normal_or_at_0() -> None:
    layer = nn.NTKLinear(300, 400)
    # Of 120,000 numbers the mean is known to 0.003 and the deviation to 0.002; of 400 to 0.05.
    assert np.abs(layer.weight.numpy().mean()) < 0.015
    assert layer.weight.numpy().std() == pytest.approx(1.0, abs=0.01)
    assert layer.bias.numpy().std() == pytest.approx(1.0, abs=0.2)
    assert not any(t.numpy().any() for t in nn.NTKLinear(3, 2, zero=True).parameters())


def test_a_clamp_holds_each_output_in_its_own_bounds_in_evaluation_alone() -> None:
    clamp = nn.Clamp([-1.0, 0.0], [1.0, 0.5])
    x = np.array([[3.0, 3.0], [-3.0, -3.0], [0.25, 0.25]])
    assert np.array_equal(clamp(x).numpy(), x)
    assert clamp.eval()(x).tolist() == [[1.0, 0.5], [-1.0, 0.0], [0.25, 0.25]]


def test_a_temperature_is_no_parameter_and_is_kept_with_the_model(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Linear(4, 3), nn.Temperature())
    network[1].temperature = 2.5
    network.save(tmp_path / "model.safetensors")
    again = gd.load(tmp_path / "model.safetensors")
    assert "1.temperature" not in network.named_parameters()
    assert again[1].temperature.item() == 2.5
    assert np.array_equal(again(X).numpy(), network(X).numpy())


def test_a_table_comes_out_as_numbers_then_others_then_codes() -> None:
    front = nn.TableInput(5, numeric=[3, 0], codes=[(4, 3), (1, 2)], embedding_size=2)
    front.weight = np.arange(10.0).reshape(5, 2)
    x = [[10.0, 1.0, 20.0, 30.0, 2.0]]
    #                           places 3, 0    2     code 2 of three, then code 1 of two
    assert front(x).tolist() == [[30.0, 10.0, 20.0, 4.0, 5.0, 8.0, 9.0]]
    assert front.out_features == 7


STRANGE = [np.nan, np.inf, -np.inf, -1.0, -1e30, 3.0, 2.6, 1e9, 3e38, 0.4, -0.4]


@pytest.mark.parametrize("run", [lambda f: f, gd.compile], ids=["eager", "compiled"])
def test_what_is_no_code_is_the_code_of_the_unknown(run: Callable) -> None:  # type: ignore[type-arg]
    front = nn.TableInput(2, codes=[(1, 3)], embedding_size=4)
    x = np.array([[0.5, value] for value in STRANGE], np.float32)
    found = run(front)(gd.tensor(x)).numpy()
    assert np.array_equal(found[:, 1:], np.repeat(front.weight.numpy()[:1], len(x), axis=0))
    near = run(front)(gd.tensor(np.array([[0.5, 2.0000002], [0.5, 1.9999999]], np.float32)))
    assert np.array_equal(near.numpy()[:, 1:], np.repeat(front.weight.numpy()[2:], 2, axis=0))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: nn.NTKLinear(0, 1), "in_features must be at least 1"),
        (lambda: nn.NTKLinear(1, 1, zero=1), "zero must be True or False"),
        (lambda: nn.ScalingLayer(0), "features must be at least 1"),
        (lambda: nn.ParametricActivation(nn.SELU, 3), "activation is a module"),
        (lambda: nn.Clamp([0.0], [1.0, 2.0]), "a pair for each output"),
        (lambda: nn.Clamp([2.0], [1.0]), "low ≤ high"),
        (lambda: nn.Clamp([], []), "low is a list of one number or more"),
        (lambda: nn.Clamp(0.0, 1.0), "low is a list of one number or more"),
        (lambda: nn.Clamp([np.nan], [1.0]), "each number of low must be a finite number"),
        (lambda: nn.Temperature(0.0), "temperature must be a finite number"),
        (lambda: nn.TableInput(2, numeric=[2]), "name columns 0 to 1, each at most once"),
        (lambda: nn.TableInput(2, numeric=[0], codes=[(0, 3)]), "each at most once"),
        (lambda: nn.TableInput(2, codes=[(0, 0)]), "a count from 1"),
        (lambda: nn.TableInput(2, codes=[0]), r"a pair \(place, count\)"),
        (lambda: nn.TableInput(2, codes=[(0, 1.5)]), "whole numbers"),
        (
            lambda: nn.TableInput(3, [0], numeric_embedding=nn.ScalingLayer(1)),
            "numeric_embedding is a module for as many features",
        ),
    ],
)
def test_arguments_without_meaning_are_refused(make: Callable[[], object], says: str) -> None:
    with pytest.raises(ArgumentError, match=says):
        make()


@pytest.mark.parametrize(
    "layer",
    [
        nn.NTKLinear(3, 2),
        nn.ScalingLayer(3),
        nn.ParametricActivation(nn.SELU(), 3),
        nn.Clamp([0.0] * 3, [1.0] * 3),
        nn.TableInput(3),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_rows_of_another_length_are_refused(layer: nn.Module) -> None:
    with pytest.raises(ShapeError, match=r"takes rows of 3 features; received .*\(6, 4\)"):
        layer(X)
