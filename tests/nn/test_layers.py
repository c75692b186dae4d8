"""Layers: what each computes, and what it says to wrong input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import nn, random
from gradus.errors import ArgumentError, DtypeError, ShapeError
from gradus.modes import tracing
from gradus.ops.primitive import Draw
from gradus.tensor import Tensor
from gradus.types import TensorType


@pytest.fixture(autouse=True)
def fresh_seed() -> Iterator[None]:
    with random.use_stream(random.Stream(0)):
        yield


# ── Linear, Maxout, Flatten ─────────────────────────────────────────────────────────────────────


def test_linear_is_a_weighted_sum_of_rows() -> None:
    layer = nn.Linear(3, 1)
    layer.weight, layer.bias = [[2.0, 3.0, -1.0]], [0.5]
    assert layer([0.9, 0.2, 0.3]).tolist() == pytest.approx([2.6])  # lecture 001's neuron


@pytest.mark.parametrize("shape", [(2, 5), (5,), (), (2, 4, 3), (0, 5)])
def test_a_wrong_number_of_columns_names_the_layer_and_both_numbers(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError) as caught:
        nn.Linear(4, 3)(np.zeros(shape))
    assert "Linear(4 → 3) takes rows of 4 features" in str(caught.value)
    assert str(shape) in str(caught.value)
    assert "out_features of the layer before" in str(caught.value)


def test_maxout_is_the_largest_of_its_pieces() -> None:
    layer = nn.Maxout(2, 3, pieces=4, dtype="float64")
    x = Draw()(5, 2)
    pieces = [
        x @ layer.affine.weight.numpy()[k::4].T + layer.affine.bias.numpy()[k::4] for k in range(4)
    ]
    np.testing.assert_allclose(layer(x).numpy(), np.max(pieces, axis=0), rtol=1e-12)


def test_flatten_keeps_examples_apart_even_when_there_are_none() -> None:
    assert nn.Flatten()(gd.zeros((0, 8, 8))).shape == (0, 64)
    assert nn.Flatten(0)(gd.zeros((2, 3))).shape == (6,)
    assert nn.Flatten(-2)(gd.zeros((2, 3, 4))).shape == (2, 12)
    with pytest.raises(ShapeError, match="axis"):
        nn.Flatten()(gd.zeros((3,)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: nn.Linear(0, 1), "in_features must be at least 1; received 0"),
        (lambda: nn.Linear(2.0, 1), "in_features"),
        (lambda: nn.Linear(True, 1), "in_features"),
        (lambda: nn.Linear(1, 1, bias="no"), "bias must be True or False"),
        (lambda: nn.Maxout(2, 2, pieces=0), "pieces"),
        (lambda: nn.Flatten("1"), "start_dim must be a whole number"),
        (lambda: nn.Embedding(3, -1), "embedding_dim"),
        (lambda: nn.LayerNorm(()), "one axis or more"),
        (
            lambda: nn.LayerNorm((2, 0)),
            "whole numbers of at least 1",
        ),
        (lambda: nn.LayerNorm(2, eps=-1.0), "eps"),
        (lambda: nn.BatchNorm(2, momentum=1.5), r"momentum must be a finite number in \[0, 1\]"),
    ],
)
def test_wrong_settings_are_refused(wrong: object, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        wrong()  # type: ignore[operator]


@pytest.mark.parametrize("dtype", ["int64", "float16", None, 3])
def test_parameters_are_float32_or_float64(dtype: object) -> None:
    with pytest.raises(DtypeError):
        nn.Linear(2, 1, dtype=dtype)  # type: ignore[arg-type]


def test_sizes_may_be_numpy_integers() -> None:
    assert type(nn.Linear(np.int64(2), 1).in_features) is int


# ── Dropout ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9])
def test_dropout_drops_the_share_p_and_keeps_the_mean(p: float) -> None:
    n = 40_000
    y = nn.Dropout(p)(np.ones(n)).numpy()
    # Five standard errors of a share of n draws.
    assert abs((y == 0).mean() - p) <= 5 * np.sqrt(p * (1 - p) / n)
    assert np.allclose(y[y != 0], 1 / (1 - p))


def test_dropout_draws_anew_each_time_and_the_same_for_the_same_address() -> None:
    drop, x = nn.Dropout(0.5), np.ones((8, 8))
    with random.use_stream(random.Stream(1, step=4)):
        first, second = drop(x).numpy(), drop(x).numpy()
    with random.use_stream(random.Stream(1, step=4)):
        again = drop(x).numpy()
    with random.use_stream(random.Stream(1, step=5)):
        later = drop(x).numpy()
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, later)


def test_dropout_keeps_where_the_bits_reach_the_share() -> None:
    bits = random.bits(9, 2, 0, (1000,))
    with random.use_stream(random.Stream(9, step=2)):
        kept = nn.Dropout(0.3)(np.ones(1000)).numpy() != 0
    assert np.array_equal(kept, bits / 2**32 >= 0.3)


def test_the_gradient_of_dropout_is_its_mask() -> None:
    x = gd.tensor(np.full(100, 3.0), requires_grad=True)
    y = nn.Dropout(0.5)(x)
    assert np.array_equal(gd.grad(y.sum(), x).numpy(), y.numpy() / 3)


def test_dropout_is_the_identity_when_training_is_over() -> None:
    x = gd.tensor([1.0, 2.0])
    before = random.current_stream().site
    assert nn.Dropout(0.9).eval()(x) is x
    assert random.current_stream().site == before


@pytest.mark.parametrize("factor", [0.0, 0.25, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("run", [lambda f: f, gd.compile], ids=["eager", "compiled"])
def test_scheduled_dropout_is_dropout_of_the_share_p_times_its_factor(
    factor: float, run: Callable[[Any], Any]
) -> None:
    drop, x = nn.Dropout(0.75, scheduled=True), gd.tensor(np.ones(20_000))
    drop.factor = factor

    def drawn(x: gd.Tensor, factor: gd.Tensor, layer: nn.Dropout = drop) -> gd.Tensor:
        bound = {"factor": factor} if layer.scheduled else {}
        with layer.bind(bound), random.use_stream(random.Stream(gd.tensor(5), gd.tensor(2))):
            return layer(x)

    found = run(drawn)(x, drop.factor).numpy()
    share = min(0.75 * factor, 1.0 - 2.0**-24)
    assert np.array_equal(found != 0, random.bits(5, 2, 0, (20_000,)) >= share * 2**32)
    # 1 / (1 − p) is rounded to float32.
    np.testing.assert_allclose(found[found != 0], 1.0 / (1.0 - share), rtol=1e-6)


def test_dropout_of_nothing_draws_nothing() -> None:
    x = gd.tensor([1.0, 2.0])
    with random.use_stream(random.Stream(0)) as stream:
        assert nn.Dropout(0.0)(x) is x
        assert stream.site == 0


def test_dropping_almost_everything_still_works() -> None:
    assert np.isfinite(nn.Dropout(1 - 2**-53)(np.ones(10)).numpy()).all()


@pytest.mark.parametrize("p", [1.0, 1, -0.1, float("nan"), "0.5", None, True])
def test_a_share_outside_0_to_1_is_refused(p: object) -> None:
    with pytest.raises(ArgumentError, match=r"p must be a finite number in \[0, 1\)"):
        nn.Dropout(p)  # type: ignore[arg-type]


# ── Normalisation ───────────────────────────────────────────────────────────────────────────────


def test_layer_norm_gives_each_example_mean_0_and_variance_1() -> None:
    y = nn.LayerNorm(50, eps=0.0, dtype="float64")(Draw()(6, 50) * 9 + 4).numpy()
    np.testing.assert_allclose(y.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=1), 1, rtol=1e-12)


def test_a_constant_example_is_normalised_to_0_with_a_finite_gradient() -> None:
    x = gd.tensor(np.full((2, 3), 7.0), requires_grad=True)
    y = nn.LayerNorm(3)(x)
    assert not y.numpy().any()
    assert np.isfinite(gd.grad((y * y).sum() + y.sum(), x).numpy()).all()


def test_batch_norm_tracks_the_mean_and_the_unbiased_variance() -> None:
    norm, x = nn.BatchNorm(3, momentum=0.25, dtype="float64"), Draw()(7, 3)
    norm(x)
    np.testing.assert_allclose(norm.running_mean.numpy(), 0.25 * x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(
        norm.running_var.numpy(), 0.75 + 0.25 * x.var(axis=0, ddof=1), rtol=1e-12
    )
    before = norm.running_mean.tolist()
    norm.eval()(x)
    assert norm.running_mean.tolist() == before


def test_batch_norm_without_tracking_uses_the_batch_always() -> None:
    norm, x = nn.BatchNorm(3, track_running_stats=False), Draw()(7, 3)
    assert norm(x).tolist() == norm.eval()(x).tolist()
    assert norm.named_buffers() == {}


def test_no_gradient_flows_through_the_running_statistics() -> None:
    norm = nn.BatchNorm(2)
    x = gd.tensor(Draw()(4, 2), requires_grad=True)
    y = norm(x)
    assert not norm.running_mean.requires_grad
    assert norm.running_mean.record is None
    norm(x)  # the statistics move on, and the first output can still be differentiated
    assert gd.grad(y.sum(), x).shape == (4, 2)


def test_running_statistics_of_a_traced_step_are_symbolic_and_of_the_buffers_dtype() -> None:
    norm = nn.BatchNorm(2)
    with tracing() as trace:
        x = Tensor(None, TensorType((4, 2), np.dtype("float64")), trace=trace, requires_grad=True)
        with norm.bind(norm.named_buffers()):
            norm(x)
            new = norm.named_buffers()
    assert all(t.is_symbolic and t.dtype == np.float32 for t in new.values())
    assert not any(t.requires_grad for t in new.values())


@pytest.mark.parametrize("track", [True, False])
def test_a_batch_of_one_is_refused_in_training(track: bool) -> None:
    norm = nn.BatchNorm(2, track_running_stats=track)
    with pytest.raises(ShapeError, match=r"two examples or more.*\(1, 2\).*larger batch"):
        norm(np.zeros((1, 2)))
    if track:
        assert norm.eval()(np.zeros((1, 2))).shape == (1, 2)


@pytest.mark.parametrize("shape", [(4, 3), (4,), (4, 3, 2)])
def test_normalisation_names_the_shape_it_takes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"BatchNorm\(num_features=2\) takes inputs of"):
        nn.BatchNorm(2)(np.zeros(shape))
    with pytest.raises(ShapeError, match=r"LayerNorm\(.*\) takes inputs that end in \(9,\)"):
        nn.LayerNorm(9)(np.zeros(shape))


# ── Embedding ───────────────────────────────────────────────────────────────────────────────────


def test_an_embedding_equals_a_linear_layer_on_one_hot_rows() -> None:
    layer = nn.Embedding(5, 3)
    indices = np.array([4, 0, 4])
    assert np.array_equal(layer(indices), np.eye(5, dtype="float32")[indices] @ layer.weight)
    dw = gd.grad(layer(indices).sum(), layer.weight).numpy()
    assert dw[:, 0].tolist() == [1.0, 0.0, 0.0, 0.0, 2.0]


@pytest.mark.parametrize("index", [-1, 5])
def test_an_index_outside_the_embedding_is_refused(index: int) -> None:
    with pytest.raises(ArgumentError, match=rf"lie between 0 and 4; received {min(index, 0)}"):
        nn.Embedding(5, 3)([0, index] if index < 0 else [index, 0])


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize(("index", "low"), [(-1, 0), (-6, 0), (5, -5)])
def test_a_compiled_embedding_names_the_index_that_it_was_given(
    index: int, low: int, dtype: str
) -> None:
    compiled = gd.compile(nn.Embedding(5, 3))
    with pytest.raises(ArgumentError, match=rf"\[{low}, 5\); received {index}\..*count from 0"):
        compiled(gd.tensor([0, index], dtype))


def test_indices_that_are_no_integers_are_refused() -> None:
    with pytest.raises(DtypeError, match="integers"):
        nn.Embedding(5, 3)([1.0])
