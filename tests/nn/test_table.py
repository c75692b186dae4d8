"""The layers of a table's network: what they do beyond the contract."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import nn
from gradus.errors import ArgumentError, ShapeError
from gradus.nn.table import integers

Run = Callable[[Any], Callable[..., Any]]
every_executor = pytest.mark.parametrize(
    "run", [lambda f: f, gd.compile], ids=["eager", "compiled"]
)
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


def started(seed: int) -> tuple[nn.Sequential, np.ndarray]:
    gd.manual_seed(seed)
    d = "float64"
    net = nn.Sequential(
        nn.NTKLinear(4, 60, dtype=d), nn.SELU(), nn.Dropout(0.5),
        nn.Sequential(nn.NTKLinear(60, 50, dtype=d), nn.SELU()),
        nn.NTKLinear(50, 2, bias=False, dtype=d), nn.NTKLinear(2, 3, zero=True, dtype=d),
    )  # fmt: skip
    x = 7.0 + np.random.default_rng(1).normal(size=(400, 4)) * [1.0, 30.0, 0.1, 2.0]
    nn.start_from_data(net, x)
    return net.eval(), x


def test_layers_started_from_data_give_outputs_of_size_1_that_bend_among_the_rows() -> None:
    net, x = started(0)
    sizes = []
    for k, layer in ((1, net[0]), (3, net[3][0])):
        z = (net[: k - 1](x) if k > 1 else gd.tensor(x)) @ layer.weight.T
        z = z.numpy() / np.sqrt(layer.in_features)
        size = z.std(axis=0)
        sizes += size.tolist()
        bend = -layer.bias.numpy()
        assert ((z.min(axis=0) < bend) & (bend < z.max(axis=0))).all()
        # A mean of five rows with weights even over the simplex has variance Σ E[a²] = 1/3.
        from_the_mean = (bend - z.mean(axis=0)) / size
        assert from_the_mean.std() == pytest.approx(3**-0.5, abs=0.15)
        assert abs(from_the_mean.mean()) < 0.35
    sizes += net[:5](x).numpy().std(axis=0).tolist()
    # One of the columns is far larger than the others: some units hardly tell its rows apart, and
    # are not blown up by more than four times the average.
    assert max(sizes) <= 1.0 + 1e-10
    assert np.mean(np.isclose(sizes, 1.0, rtol=1e-10)) > 0.8
    assert min(sizes) < 0.9
    assert not net(x).numpy().any()


def test_a_start_from_data_follows_from_the_seed_and_keeps_the_mode() -> None:
    first, again, other = (started(seed)[0].named_parameters() for seed in (0, 0, 1))
    assert all(np.array_equal(t.numpy(), again[n].numpy()) for n, t in first.items())
    assert not np.array_equal(first["0.bias"].numpy(), other["0.bias"].numpy())
    layer = nn.NTKLinear(2, 3)
    before = [p.numpy() for p in layer.parameters()]
    nn.start_from_data(layer, np.ones((4, 2)))  # of no spread: the layer stays
    assert layer.training
    assert all(
        np.array_equal(p.numpy(), b) for p, b in zip(layer.parameters(), before, strict=True)
    )
    with pytest.raises(ShapeError, match="one row or more"):
        nn.start_from_data(layer, np.ones((0, 2)))


def test_a_start_from_a_row_of_weight_2_is_one_from_the_row_twice() -> None:
    x = np.random.default_rng(1).normal(size=(40, 4))
    weight = np.arange(40) % 3.0
    repeated = np.random.default_rng(2).permutation(np.repeat(x, weight.astype(int), axis=0))

    def start(*rows: np.ndarray) -> list[np.ndarray]:
        gd.manual_seed(0)
        layers = [nn.NTKLinear(4, 50, dtype="float64"), nn.NTKLinear(50, 5, dtype="float64")]
        network = nn.Sequential(layers[0], nn.SELU(), layers[1])
        nn.start_from_data(network, *rows)
        return [p.numpy() for p in network.parameters()]

    # Sums are taken in another order.
    for weighted, plain in zip(start(x, 5 * weight), start(repeated), strict=True):
        np.testing.assert_allclose(weighted, plain, rtol=1e-10, atol=1e-12)
    assert not np.allclose(start(x)[1], start(repeated)[1])
    layer = nn.NTKLinear(4, 3)
    with pytest.raises(ShapeError, match="one number a row"):
        nn.start_from_data(layer, x, weight[1:])
    for large, plain in zip(start(x, weight * 1e307), start(x, weight), strict=True):
        np.testing.assert_allclose(large, plain, rtol=1e-10, atol=1e-12)
    for wrong in (np.zeros(40), -weight, np.full(40, np.nan), np.full(40, np.inf)):
        with pytest.raises(ArgumentError, match="at least 0"):
            nn.start_from_data(layer, x, wrong)


def test_a_start_from_rows_that_are_alike_does_not_blow_up_their_rounding() -> None:
    gd.manual_seed(0)
    net = nn.Sequential(nn.NTKLinear(30, 40), nn.SELU(), nn.NTKLinear(40, 50), nn.SELU())
    rows = np.full((500, 30), 0.1, np.float32)
    rows[::2] += np.float32(1e-8)  # half a digit
    nn.start_from_data(net, rows)
    # Standard normal weights stay as they are: the largest of 2,000 is below 5.
    assert max(np.abs(net[k].weight.numpy()).max() for k in (0, 2)) < 5.0


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
    assert (front.out_features, front.groups) == (7, (1, 1, 1, 2, 2))
    embedded = nn.TableInput(4, [1, 3], [(0, 3)], 5, nn.PeriodicEmbedding(2, size=4))
    assert (embedded.out_features, embedded.groups) == (14, (4, 4, 1, 5))


STRANGE = [np.nan, np.inf, -np.inf, -1.0, -1e30, 3.0, 2.6, 1e9, 3e38, 0.4, -0.4]


@every_executor
def test_what_is_no_code_is_the_code_of_the_unknown(run: Run) -> None:
    front = nn.TableInput(2, codes=[(1, 3)], embedding_size=4)
    x = np.array([[0.5, value] for value in STRANGE], np.float32)
    found = run(front)(gd.tensor(x)).numpy()
    assert np.array_equal(found[:, 1:], np.repeat(front.weight.numpy()[:1], len(x), axis=0))
    near = run(front)(gd.tensor(np.array([[0.5, 2.0000002], [0.5, 1.9999999]], np.float32)))
    assert np.array_equal(near.numpy()[:, 1:], np.repeat(front.weight.numpy()[2:], 2, axis=0))


def embedding() -> nn.PiecewiseLinearEmbedding:
    layer = nn.PiecewiseLinearEmbedding(EDGES, size=3, dtype="float64")
    layer.weight = np.random.default_rng(1).normal(size=layer.weight.shape)
    return layer


EDGES = [[-1.0, 0.1, 1 / 3, 2.0], [0.0, 1.0], [-2.5, -1e-7, 4.0]]


def test_a_piecewise_linear_embedding_is_linear_between_its_edges_and_beyond() -> None:
    layer = embedding()
    for j, edges in enumerate(EDGES):
        inner = edges[1:-1]
        for a, b in zip([-9.0, *inner], [*inner, 9.0], strict=True):
            x = np.zeros((3, 3))
            x[:, j] = [a, (a + b) / 2, b]
            low, middle, high = layer(x).numpy()
            np.testing.assert_allclose(middle, (low + high) / 2, rtol=1e-12, atol=1e-12)
            assert np.abs(high - low).max() > 0.1, "it is not constant either"


def test_a_piecewise_linear_embedding_starts_linear() -> None:
    layer = nn.PiecewiseLinearEmbedding(EDGES, size=2, dtype="float64")
    x = np.random.default_rng(2).normal(size=(5, 3))
    y = x[:, :, None] * layer.linear.numpy() + layer.bias.numpy()
    np.testing.assert_allclose(layer(x).numpy(), y.reshape(5, 6), rtol=1e-15)


def test_edges_come_out_of_a_file_as_they_went_in(tmp_path: Path) -> None:
    layer = embedding()
    nn.TableInput(4, [0, 1, 3], numeric_embedding=layer).save(tmp_path / "front.safetensors")
    again = gd.load(tmp_path / "front.safetensors").numeric_embedding
    assert again.edges == EDGES
    x = np.random.default_rng(2).normal(size=(5, 3))
    assert np.array_equal(again(x).numpy(), layer(x).numpy())


def test_layers_with_long_arguments_show_how_many_there_are() -> None:
    assert embedding().summary() == "PiecewiseLinearEmbedding(3 → 9, bins: 1 to 3)"
    front = nn.TableInput(400, range(300), [(399, 5)])
    assert front.summary() == "TableInput(400 → 407, 300 numeric, 1 codes)"
    members = nn.MemberInput(2, 400, groups=[2] * 200)
    assert members.summary() == "MemberInput(2 × 400, start='signs')"


@pytest.mark.parametrize("x", [1e4, -1e4, 3e7])
def test_embeddings_of_far_numbers_are_finite(x: float) -> None:
    row = np.full((1, 3), x, np.float32)
    assert np.isfinite(nn.PiecewiseLinearEmbedding(EDGES)(row).numpy()).all()
    assert np.isfinite(nn.PeriodicEmbedding(3)(row).numpy()).all()


def test_a_periodic_embedding_gives_each_feature_and_its_waves() -> None:
    layer = nn.PeriodicEmbedding(2, frequencies=5, size=3, sigma=2.0, dtype="float64")
    w, b, v, c = (t.numpy() for t in layer.parameters())
    x = np.array([[0.3, -1.7]])
    for j in range(2):
        waves = np.cos(2 * np.pi * w[j] * x[0, j] + b[j])
        expected = [x[0, j], *(waves @ v[j] + c[j])]
        np.testing.assert_allclose(layer(x).numpy()[0, 3 * j : 3 * j + 3], expected, rtol=1e-12)
    assert np.abs(nn.PeriodicEmbedding(40).phase.numpy()).max() == pytest.approx(np.pi, rel=0.02)
    assert nn.PeriodicEmbedding(400, sigma=0.1).frequency.numpy().std() == pytest.approx(0.1, 0.1)


def packed(dense: np.ndarray, places: int) -> np.ndarray:
    found = np.zeros((len(dense), 2, places), dense.dtype)
    for i, row in enumerate(dense):
        (columns,) = np.nonzero(row)
        found[i, :, : len(columns)] = columns, row[columns]
    return found


@pytest.mark.parametrize("ntk", [False, True])
@every_executor
def test_packed_rows_give_what_full_rows_give_with_gradients(ntk: bool, run: Run) -> None:
    rng = np.random.default_rng(4)
    dense = np.where(rng.random((6, 50)) < 0.1, rng.normal(size=(6, 50)), 0.0)
    dense[2] = 0.0
    sparse = nn.SparseInput(50, 3, ntk=ntk, dtype="float64")
    full = (nn.NTKLinear if ntk else nn.Linear)(50, 3, dtype="float64")
    full.weight, full.bias = sparse.weight.T, sparse.bias
    x = packed(dense, 12)

    def both(layer: nn.Module) -> Callable[..., object]:
        def function(x: gd.Tensor, weight: gd.Tensor, bias: gd.Tensor) -> object:
            with layer.bind({"weight": weight, "bias": bias}):
                y = layer(x)
            return y, *gd.grad((y * y).sum(), [weight, bias])

        return run(function)

    y, dw, db = both(sparse)(gd.tensor(x), sparse.weight, sparse.bias)
    expected, dw2, db2 = both(full)(gd.tensor(dense), full.weight, full.bias)
    np.testing.assert_allclose(y.numpy(), expected.numpy(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(dw.numpy().T, dw2.numpy(), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(db.numpy(), db2.numpy(), rtol=1e-12)


def test_float32_writes_every_column_number_that_a_layer_may_have() -> None:
    columns = np.concatenate([k + np.arange(-3, 3) for k in (3, 2**22, 2**23, 2**24 - 3)])
    found = integers(gd.tensor(columns, "float32"))
    assert np.array_equal(found.numpy(), columns)
    assert integers(gd.tensor([1.9999999, 2.0000002, -1.0, -2.0])).tolist() == [2, 2, -1, -2]


@pytest.mark.parametrize("column", [-1.0, 3.0, 1e9])
@every_executor
def test_a_column_that_is_none_is_refused(column: float, run: Run) -> None:
    x = gd.tensor(np.array([[[column], [1.0]]], np.float32))
    with pytest.raises(ArgumentError, match="length 3"):
        run(nn.SparseInput(3, 1))(x)


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
        (lambda: nn.SparseInput(2**24 + 1, 1), "at most 16777216"),
        (lambda: nn.PeriodicEmbedding(1, size=1), "size must be at least 2"),
        (lambda: nn.PeriodicEmbedding(1, sigma=-1.0), "sigma must be a finite number"),
        (lambda: nn.PiecewiseLinearEmbedding([]), "a list for each feature"),
        (lambda: nn.PiecewiseLinearEmbedding([[1.0]]), r"edges\[0\] is a list of two numbers"),
        (lambda: nn.PiecewiseLinearEmbedding([0.0, 1.0]), r"edges\[0\] is a list of two numbers"),
        (lambda: nn.PiecewiseLinearEmbedding([[0, 1], [1, 1]]), r"edges\[1\] rises"),
        (lambda: nn.PiecewiseLinearEmbedding([[1.0, 1.0 + 1e-9]]), "rises .* as float32"),
        (lambda: nn.PiecewiseLinearEmbedding([[0.0, 1e-40]]), "rises .* as float32"),
        (lambda: nn.PiecewiseLinearEmbedding([[0.0, np.nan]]), r"each number of edges\[0\]"),
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
        nn.PeriodicEmbedding(3),
        nn.PiecewiseLinearEmbedding([[0.0, 1.0]] * 3),
        nn.MemberInput(2, 3),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_rows_of_another_length_are_refused(layer: nn.Module) -> None:
    with pytest.raises(ShapeError, match=r"takes rows of 3 features; received .*\(6, 4\)"):
        layer(X)


def test_a_category_that_is_not_known_starts_as_nothing() -> None:
    front = nn.TableInput(3, codes=[(0, 5), (2, 3)], embedding_size=4)
    assert front.weight is not None
    rows = front.weight.numpy()
    zero = ~rows.any(axis=1)
    assert np.flatnonzero(zero).tolist() == [0, 5]
    assert 0.5 < rows[~zero].std() < 1.5
    assert not front([[9.0, 1.0, 0.0]]).numpy()[0, 1:].any()
