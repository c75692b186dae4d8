"""Initialisers: the distribution they promise, drawn from the current stream."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from gradus import nn, random
from gradus.errors import ArgumentError, ShapeError, TraceError
from gradus.modes import tracing
from gradus.nn.init import fans
from gradus.tensor import Tensor
from gradus.types import TensorType

SHAPE = (300, 200)  # fan_in 200, fan_out 300
# The standard deviation each promises.
TABLE = {
    nn.Normal(0.3): 0.3,
    nn.Uniform(0.3): 0.3 / math.sqrt(3),
    nn.Xavier(): math.sqrt(2 / 500),
    nn.Xavier("normal", gain=3.0): 3 * math.sqrt(2 / 500),
    nn.He(): math.sqrt(2 / 200),
    nn.He("normal"): math.sqrt(2 / 200),
    nn.LeCun(): math.sqrt(1 / 200),
    nn.LeCun("normal", gain=0.5): 0.5 * math.sqrt(1 / 200),
}


@pytest.mark.parametrize(("init", "scale"), TABLE.items(), ids=str)
def test_random_values_have_mean_0_and_the_promised_spread(
    init: nn.Initialiser, scale: float
) -> None:
    with random.use_stream(random.Stream(5)):
        w = init(SHAPE, "float64")
    # 60,000 draws: five standard errors of the mean, and 2 % (about six) of the spread.
    assert abs(w.mean()) < 5 * scale / math.sqrt(w.size)
    assert w.std() == pytest.approx(scale, rel=0.02)
    normal = isinstance(init, nn.Normal) or getattr(init, "distribution", "") == "normal"
    assert (np.abs(w).max() > math.sqrt(3) * scale) == normal, "uniform numbers have a bound"


@pytest.mark.parametrize("init", [*TABLE, nn.Zeros(), nn.Constant(2.0)], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_seed_draws_the_same_values_in_the_dtype_asked_for(
    init: nn.Initialiser, dtype: str
) -> None:
    with random.use_stream(random.Stream(5)):
        first = init((3, 4), dtype)
    with random.use_stream(random.Stream(5)):
        second = init((3, 4), dtype)
    assert first.dtype == dtype
    assert first.shape == (3, 4)
    assert np.array_equal(first, second)


def test_two_layers_draw_different_values() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    assert not np.array_equal(net[0].weight, net[1].weight)


def test_zeros_and_constants_are_what_they_say() -> None:
    assert nn.Zeros()((2,)).tolist() == [0.0, 0.0]
    assert nn.Constant(-1.5)((2,)).tolist() == [-1.5, -1.5]


def test_the_kernel_of_a_convolution_counts_its_places() -> None:
    assert fans((16, 3, 5, 5)) == (75, 400)
    assert fans((10, 20)) == (20, 10)


def test_linear_starts_within_one_over_the_root_of_its_inputs() -> None:
    layer = nn.Linear(400, 100)
    for values in (layer.weight.numpy(), layer.bias.numpy()):
        assert 0.9 / 20 < np.abs(values).max() <= 1 / 20


def test_linear_with_an_initialiser_starts_with_a_bias_of_0() -> None:
    layer = nn.Linear(3, 2, init=nn.Constant(0.5))
    assert layer.weight.tolist() == [[0.5] * 3] * 2
    assert layer.bias.tolist() == [0.0, 0.0]


def test_initialisers_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        nn.Normal(0.1).scale = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: nn.Normal(-1.0), r"scale must be a finite number in \[0, inf\)"),
        (lambda: nn.Uniform(float("nan")), "bound"),
        (lambda: nn.Constant("1"), "value must be a finite number; received '1'"),
        (lambda: nn.Xavier("gaussian"), "distribution must be 'uniform' or 'normal'.*gaussian"),
        (lambda: nn.He(gain=0.0), "gain"),
        (lambda: nn.Linear(2, 2, init=np.zeros), "init is an initialiser or None.*nn.Xavier"),
    ],
)
def test_wrong_settings_are_refused(wrong: object, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        wrong()  # type: ignore[operator]


@pytest.mark.parametrize("shape", [(3,), (), (0, 3)])
def test_a_shape_without_fans_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"\(out, in, …\)"):
        nn.Xavier()(shape)


def test_initial_values_are_not_drawn_inside_a_traced_function() -> None:
    with tracing() as trace:
        step = Tensor(None, TensorType((), np.dtype("int64")), trace=trace)
        with (
            random.use_stream(random.Stream(0, step)),
            pytest.raises(TraceError, match="build the module before"),
        ):
            nn.Linear(2, 2)
