"""Attributions: closed forms, the axioms of Shapley values, and their definition itself."""

from __future__ import annotations

from itertools import permutations
from math import factorial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradus as gd
from gradus import nn, ops
from gradus.errors import ArgumentError, DtypeError, GradientError, ShapeError
from gradus.explain import attribution, gradient_times_input, shapley
from gradus.random import Stream, normal, use_stream
from gradus.tensor import Tensor
from gradus.types import Array

# Scores of float64 networks are numbers of about 1, of up to 2⁵ products and sums of a rounding of
# 1e-16 each; weighted sums of them stay far below this.
CLOSE: Any = {"rtol": 1e-11, "atol": 1e-12}


def numbers(seed: int, site: int, *shape: int) -> Array:
    return normal(seed, 0, site, shape).astype(np.float64)


def network(seed: int, inputs: int, outputs: int = 1) -> nn.Sequential:
    """A small network that bends: no attribution of it is a matter of course."""
    with use_stream(Stream(seed)):
        return nn.Sequential(
            nn.Linear(inputs, 6, dtype="float64"), nn.Tanh(),
            nn.Linear(6, 5, dtype="float64"), nn.ReLU(), nn.Linear(5, outputs, dtype="float64"),
        )  # fmt: skip


def scores(net: nn.Module, rows: Any) -> Array:
    with gd.no_grad():
        return net(np.array(rows)).numpy()[:, 0]


seeds = st.integers(0, 2**32)
sizes = st.integers(1, 5)
EXAMPLES = settings(max_examples=40, deadline=None, derandomize=True)


@EXAMPLES
@given(seeds, sizes)
def test_a_linear_score_gives_each_input_its_weight_times_its_way(seed: int, d: int) -> None:
    w, x, b = (numbers(seed, k, d) for k in range(3))
    weight = gd.tensor(w)
    for found in (
        shapley(lambda rows: rows @ weight + 3.0, x, baseline=b),
        gradient_times_input(lambda rows: rows @ weight + 3.0, x, baseline=b),
    ):
        np.testing.assert_allclose(found.values, w * (x - b), **CLOSE)
        np.testing.assert_allclose(found.score, w @ x + 3, **CLOSE)
        np.testing.assert_allclose(found.reference, w @ b + 3, **CLOSE)
        assert abs(found.remainder) < 1e-12


def product(rows: Tensor) -> Tensor:
    return rows[:, 0] * rows[:, 1]


def test_a_product_is_shared_in_halves_by_shapley_and_counted_twice_by_the_gradient() -> None:
    x, b = np.array([3.0, 5.0]), np.array([1.0, 2.0])
    found = shapley(product, x, baseline=b)
    # φ₁ = (x₁ − b₁)(x₂ + b₂)/2, the mean of the gain before and after x₂ is turned.
    np.testing.assert_allclose(found.values, [2 * 7 / 2, 3 * 4 / 2], rtol=1e-15)
    assert found.remainder == 0
    steep = gradient_times_input(product, x)
    assert steep.values.tolist() == [15.0, 15.0]
    assert (steep.score, steep.reference, steep.remainder) == (15.0, 0.0, -15.0)


@EXAMPLES
@given(seeds, sizes)
def test_shapley_values_are_the_mean_gain_over_all_orders(seed: int, d: int) -> None:
    net, x, b = network(seed, d), numbers(seed, 1, d), numbers(seed, 2, d)
    gains = np.zeros(d)
    for order in permutations(range(d)):
        rows = [b]
        for j in order:
            rows.append(np.where(np.arange(d) == j, x, rows[-1]))
        gains[list(order)] += np.diff(scores(net, rows))
    found = shapley(net, x, baseline=b)
    np.testing.assert_allclose(found.values, gains / factorial(d), **CLOSE)


@EXAMPLES
@given(seeds, st.integers(1, 9))
def test_shapley_values_add_up_to_the_difference(seed: int, d: int) -> None:
    net, x, b = network(seed, d), numbers(seed, 1, d), numbers(seed, 2, d)
    found = shapley(net, x, baseline=b)
    ends = scores(net, [x, b])
    np.testing.assert_allclose([found.score, found.reference], ends, **CLOSE)
    np.testing.assert_allclose(found.values.sum(), ends[0] - ends[1], **CLOSE)
    assert abs(found.remainder) < 1e-12


@EXAMPLES
@given(seeds, st.integers(2, 5))
def test_an_input_that_nothing_reads_or_that_stands_at_the_baseline_gets_nothing(
    seed: int, d: int
) -> None:
    net, x, b = network(seed, d), numbers(seed, 1, d), numbers(seed, 2, d)
    net[0].weight = np.where(np.arange(d) == 0, 0.0, net[0].weight.numpy())
    x[1] = b[1]
    for found in (shapley(net, x, baseline=b), gradient_times_input(net, x, baseline=b)):
        np.testing.assert_allclose(found.values[:2], 0, atol=1e-14)


@EXAMPLES
@given(seeds, st.integers(2, 5))
def test_inputs_that_do_the_same_get_the_same(seed: int, d: int) -> None:
    net, x, b = network(seed, d), numbers(seed, 1, d), numbers(seed, 2, d)
    weight = net[0].weight.numpy().copy()
    weight[:, 1], x[1], b[1] = weight[:, 0], x[0], b[0]
    net[0].weight = weight
    for found in (shapley(net, x, baseline=b), gradient_times_input(net, x, baseline=b)):
        np.testing.assert_allclose(found.values[0], found.values[1], **CLOSE)


@EXAMPLES
@given(seeds, sizes)
def test_the_values_of_a_sum_of_scores_are_the_sums_of_their_values(seed: int, d: int) -> None:
    f, g = network(seed, d), network(seed + 1, d)
    x, b = numbers(seed, 1, d), numbers(seed, 2, d)
    whole, *parts = (
        shapley(h, x, baseline=b).values for h in (lambda rows: 2.0 * f(rows) + g(rows), f, g)
    )
    np.testing.assert_allclose(whole, 2 * parts[0] + parts[1], **CLOSE)


@EXAMPLES
@given(seeds, st.integers(2, 5), st.integers(1, 4))
def test_values_against_several_baselines_are_the_mean_of_those_against_each(
    seed: int, d: int, rows: int
) -> None:
    net, x, many = network(seed, d), numbers(seed, 1, d), numbers(seed, 2, rows, d)
    found = shapley(net, x, baseline=many)
    each = [shapley(net, x, baseline=b) for b in many]
    np.testing.assert_allclose(found.values, np.mean([e.values for e in each], axis=0), **CLOSE)
    np.testing.assert_allclose(found.reference, np.mean([e.reference for e in each]), **CLOSE)


@EXAMPLES
@given(seeds)
def test_a_group_is_turned_as_one_input(seed: int) -> None:
    net, x, b = network(seed, 6), numbers(seed, 1, 6), numbers(seed, 2, 6)
    groups = [[4, 1], range(2, 4), [0, 5]]
    member = np.array([2, 0, 1, 1, 0, 2])

    def of_groups(on: Tensor) -> Tensor:
        """The same score as a function of which groups are there."""
        return net(np.where(on.numpy()[:, member] == 1, x, b))

    found = shapley(net, x, baseline=b, groups=groups)
    np.testing.assert_allclose(
        found.values, shapley(of_groups, np.ones(3), baseline=0.0).values, **CLOSE
    )
    one = shapley(net, x, baseline=b, groups=[range(6)])
    np.testing.assert_allclose(one.values, [found.score - found.reference], **CLOSE)
    alone = shapley(net, x, baseline=b, groups=[[j] for j in range(6)])
    assert alone.values.tolist() == shapley(net, x, baseline=b).values.tolist()


def test_values_have_the_shape_of_the_example() -> None:
    net = nn.Sequential(nn.Flatten(), network(0, 6))
    x = numbers(0, 1, 2, 3)
    flat = shapley(net[1], x.reshape(-1), baseline=0)
    found = shapley(net, x, baseline=0)
    assert found.values.tolist() == flat.values.reshape(2, 3).tolist()
    many = shapley(net, x, baseline=numbers(0, 2, 4, 2, 3), groups=[[0, 1, 2], [3, 4, 5]])
    assert many.values.shape == (2,)
    assert gradient_times_input(net, x).values.shape == (2, 3)


def test_the_chosen_output_is_explained() -> None:
    net, x = network(3, 4, outputs=3), numbers(3, 1, 4)
    for k in range(3):
        for method in (shapley, gradient_times_input):
            found = method(net, x, baseline=0, output=k)
            alone = method(lambda rows, k=k: net(rows)[:, k], x, baseline=0)
            np.testing.assert_allclose(found.values, alone.values, **CLOSE)


def test_the_remainder_of_the_gradient_is_what_the_bend_hides() -> None:
    def bent(rows: Tensor) -> Tensor:
        return ops.relu(rows[:, 0])

    found = gradient_times_input(bent, [2.0], baseline=-3.0)
    assert found.values.tolist() == [5.0]
    assert (found.score, found.reference, found.remainder) == (2.0, 0.0, -3.0)
    assert shapley(bent, [2.0], baseline=-3.0).values.tolist() == [2.0]


def test_coalitions_come_in_batches_and_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = network(5, 6), numbers(5, 1, 6)
    whole = shapley(net, x, baseline=0)
    seen = []

    def watched(rows: Tensor) -> Tensor:
        seen.append(len(rows))
        return net(rows)

    monkeypatch.setattr(attribution, "_ROWS", 10)
    np.testing.assert_allclose(shapley(watched, x, baseline=0).values, whole.values, **CLOSE)
    assert seen == [10] * 6 + [4]


def test_a_module_is_evaluated_and_comes_back_in_its_own_mode() -> None:
    with use_stream(Stream(0)):
        net = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm(8), nn.Dropout(0.5), nn.Linear(8, 1))
    x = [1.0, -2.0, 0.5]
    before = {n: t.numpy().copy() for n, t in net.named_buffers().items()}
    net[1].eval()
    for method in (shapley, gradient_times_input):
        found = method(net, x, baseline=0).values
        assert [m.training for _, m in net.named_modules()] == [True, True, False, True, True]
        assert (
            found.tolist()
            == method(lambda rows: evaluated(net, rows), x, baseline=0).values.tolist()
        )
    assert all((before[n] == t.numpy()).all() for n, t in net.named_buffers().items())


def evaluated(net: nn.Module, rows: Tensor) -> Tensor:
    modes = [m.training for _, m in net.named_modules()]
    try:
        return net.eval()(rows)
    finally:
        for (_, module), mode in zip(net.named_modules(), modes, strict=True):
            module.training = mode


def test_a_score_that_does_not_read_the_inputs_gives_them_nothing() -> None:
    w = gd.tensor(2.0, requires_grad=True)

    def constant(rows: Tensor) -> Tensor:
        return w * gd.ones((len(rows),))

    for method in (shapley, gradient_times_input):
        found = method(constant, [1.0, 2.0], baseline=0)
        assert found.values.tolist() == [0.0, 0.0]
        assert (found.score, found.reference) == (2.0, 2.0)


def test_sixteen_inputs_are_few_enough_and_seventeen_are_refused_before_any_score() -> None:
    w = np.arange(16.0)
    found = shapley(lambda rows: rows @ gd.tensor(w), np.ones(16), baseline=0.0)
    np.testing.assert_allclose(found.values, w, **CLOSE)

    def never(rows: Tensor) -> Tensor:
        raise AssertionError("computed")

    with pytest.raises(ArgumentError, match=r"up to 16 inputs.*received 17.*gradient_times_input"):
        shapley(never, np.ones(17), baseline=0)


THREE = np.ones(3)


@pytest.mark.parametrize(
    ("error", "words", "options"),
    [
        (ShapeError, r"rows of examples; received \(2,\)", {"baseline": [0.0, 1.0]}),
        (ShapeError, r"rows of examples; received \(0, 3\)", {"baseline": np.zeros((0, 3))}),
        (DtypeError, "made of numbers", {"baseline": "mean"}),
        (ArgumentError, "up to|each is in one group", {"groups": [[0, 1]]}),
        (ArgumentError, "each is in one group", {"groups": [[0, 1], [1, 2]]}),
        (ArgumentError, "each is in one group", {"groups": [[0, 1], [2, 3]]}),
        (ArgumentError, "whole number", {"groups": [[0, 1], [2.5]]}),
        (ArgumentError, "one score is explained at a time; received 2 scores", {"output": None}),
        (ArgumentError, "scores are 0 to 1; received output=2", {"output": 2}),
        (ArgumentError, "output must be at least 0", {"output": -1}),
    ],
)
def test_what_does_not_fit_is_refused_by_shapley(
    error: type[Exception], words: str, options: dict[str, Any]
) -> None:
    with pytest.raises(error, match=words):
        shapley(network(0, 3, outputs=2), THREE, **{"baseline": 0, "output": 0, **options})


@pytest.mark.parametrize(
    ("error", "words", "function", "x"),
    [
        (DtypeError, "made of floats", product, [1, 2]),
        (DtypeError, "made of floats", product, np.zeros((0,))),
        (ShapeError, r"for 1 rows; received \(\)", lambda rows: rows.sum(), THREE),
        (ShapeError, "received ndarray", lambda rows: rows.numpy(), THREE),
        (ArgumentError, "only finite scores", lambda rows: ops.log(rows[:, 0] - 1.0), THREE),
        (GradientError, "sign has no derivative", lambda rows: ops.sign(rows)[:, 0], THREE),
    ],
)
def test_what_does_not_fit_is_refused_by_the_gradient(
    error: type[Exception], words: str, function: Any, x: Any
) -> None:
    with np.errstate(divide="ignore"), pytest.raises(error, match=words):
        gradient_times_input(function, x)


def test_the_gradient_takes_one_baseline_and_a_finite_slope() -> None:
    with pytest.raises(ShapeError, match="one baseline; received 2 rows"):
        gradient_times_input(product, [1.0, 2.0], baseline=np.zeros((2, 2)))
    with np.errstate(divide="ignore"), pytest.raises(ArgumentError, match="only finite slopes"):
        gradient_times_input(lambda rows: ops.sqrt(rows)[:, 0], [0.0])
