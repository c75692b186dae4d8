"""Convolution and pooling: equal to plain loops, and what they say to wrong input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from tests.windows import Case, convolutions, each, pools

import gradus as gd
from gradus import losses, nn, ops, optim, random
from gradus.compiler import executor_named, trace
from gradus.compiler.native import available
from gradus.compiler.rowwise import row_by_row
from gradus.errors import ArgumentError, ShapeError
from gradus.ops.primitive import Draw
from gradus.types import TensorType, float32

native = pytest.mark.skipif(not available(), reason="built without the native executor")


def draw(*shape: int) -> np.ndarray:
    return Draw()(*shape).astype(np.float32)


# ── The same as plain loops ─────────────────────────────────────────────────────────────────────


def every_window(
    x: np.ndarray, widths: list[tuple[int, int]], fill: float, kernel: Any, stride: Any, apart: Any
) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Place of each window, and its numbers (n, channels, *kernel)."""
    padded = np.pad(x, [(0, 0), (0, 0), *widths], constant_values=fill)
    axes = x.ndim - 2
    kernel, stride, apart = (each(v, axes) for v in (kernel, stride, apart))
    counts = [
        (m - d * (k - 1) - 1) // s + 1
        for m, k, s, d in zip(padded.shape[2:], kernel, stride, apart, strict=True)
    ]
    for place in np.ndindex(*counts):
        taken = [
            slice(i * s, i * s + d * (k - 1) + 1, d)
            for i, k, s, d in zip(place, kernel, stride, apart, strict=True)
        ]
        yield place, padded[(slice(None), slice(None), *taken)]


def gathered(found: dict[tuple[int, ...], np.ndarray]) -> np.ndarray:
    """Numbers (n, channels) of each place as (n, channels, *places)."""
    shape = tuple(np.max(list(found), axis=0) + 1)
    first = next(iter(found.values()))
    y = np.empty((*first.shape, *shape))
    for place, numbers in found.items():
        y[(slice(None), slice(None), *place)] = numbers
    return y


def widths_of(case: Case) -> list[tuple[int, int]]:
    padding = case.arguments["padding"]
    if padding == "valid":
        return [(0, 0)] * case.axes
    if padding == "same":
        kernel, apart = (each(case.arguments[n], case.axes) for n in ("kernel_size", "dilation"))
        total = [d * (k - 1) for k, d in zip(kernel, apart, strict=True)]
        return [(t // 2, t - t // 2) for t in total]
    return [(p, p) for p in each(padding, case.axes)]


@settings(max_examples=150, deadline=None)
@given(convolutions())
def test_a_convolution_is_a_loop_over_windows(case: Case) -> None:
    a = case.arguments
    layer = getattr(nn, case.name)(**a, dtype="float64")
    weight, groups = layer.weight.numpy(), a["groups"]
    found = {}
    for place, window in every_window(
        case.x, widths_of(case), 0.0, a["kernel_size"], a["stride"], a["dilation"]
    ):
        parts = zip(np.split(window, groups, axis=1), np.split(weight, groups), strict=True)
        axes = tuple(range(1, window.ndim))
        found[place] = np.concatenate([np.tensordot(x, w, (axes, axes)) for x, w in parts], axis=1)
    expected = gathered(found)
    if a["bias"]:
        expected += layer.bias.numpy().reshape(-1, *[1] * case.axes)
    # Sums of at most 32 products of size 1, in another order.
    np.testing.assert_allclose(layer(case.x).numpy(), expected, rtol=1e-12, atol=1e-13)


@settings(max_examples=150, deadline=None)
@given(pools())
def test_a_pool_is_a_loop_over_windows(case: Case) -> None:
    a, axes = case.arguments, tuple(range(2, case.x.ndim))
    found = {}
    if case.name.startswith("Adaptive"):
        m = each(a["output_size"], case.axes)
        for place in np.ndindex(*m):
            taken = [
                slice(int(np.floor(i * n / k)), int(np.ceil((i + 1) * n / k)))
                for i, n, k in zip(place, case.x.shape[2:], m, strict=True)
            ]
            found[place] = case.x[(slice(None), slice(None), *taken)].mean(axis=axes)
    else:
        stride = a["kernel_size"] if a["stride"] is None else a["stride"]
        where = (a["kernel_size"], stride, a.get("dilation", 1))
        fill = -np.inf if case.name.startswith("Max") else np.nan
        for place, window in every_window(case.x, widths_of(case), fill, *where):
            if case.name.startswith("Max"):
                found[place] = window.max(axis=axes)
            elif a["count_include_pad"]:
                found[place] = np.nan_to_num(window).mean(axis=axes)
            else:
                found[place] = np.nanmean(window, axis=axes)
    y = getattr(nn, case.name)(**a)(case.x).numpy()
    np.testing.assert_allclose(y, gathered(found), rtol=1e-12, atol=1e-13)


def test_the_gradient_of_a_maximum_goes_to_the_first_of_equals() -> None:
    x = gd.tensor(np.full((1, 1, 2, 4), 3.0), requires_grad=True)
    dx = gd.grad(nn.MaxPool2d(2)(x).sum(), x)
    assert dx.tolist() == [[[[1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]]]


@pytest.mark.parametrize("place", range(4))
def test_a_maximum_over_something_that_is_no_number_is_none(place: int) -> None:
    x = np.arange(4.0)
    x[place] = np.nan
    assert np.isnan(nn.MaxPool2d(2)(x.reshape(1, 1, 2, 2)).numpy()).all()


@pytest.mark.parametrize("dtype", ["int64", "bool"])
def test_pools_of_what_is_no_float_are_floats(dtype: str) -> None:
    x = np.ones((1, 1, 4), dtype)
    for pool in (nn.MaxPool1d(2), nn.AvgPool1d(2), nn.AdaptiveAvgPool1d(2)):
        assert pool(x).dtype == np.float32
        assert pool(x).tolist() == [[[1.0, 1.0]]]
    assert nn.AvgPool1d(2, padding=1, count_include_pad=False)(x).tolist() == [[[1.0] * 3]]


def test_a_maximum_of_integers_is_a_float_with_and_without_padding() -> None:
    x = np.arange(4).reshape(1, 1, 4)
    assert nn.MaxPool1d(2)(x).tolist() == [[[1.0, 3.0]]]
    assert nn.MaxPool1d(2, padding=1)(x).tolist() == [[[0.0, 2.0, 3.0]]]


def test_a_kernel_of_one_place_is_a_linear_layer_at_each() -> None:
    conv, x = nn.Conv2d(3, 5, 1, dtype="float64"), Draw()(2, 3, 4, 4)
    linear = nn.Linear(3, 5, dtype="float64")
    linear.weight, linear.bias = conv.weight.numpy().reshape(5, 3), conv.bias.numpy()
    expected = np.moveaxis(linear(np.moveaxis(x, 1, -1)).numpy(), -1, 1)
    np.testing.assert_allclose(conv(x).numpy(), expected, rtol=1e-12)


def test_a_shifted_image_gives_a_shifted_answer() -> None:
    conv = nn.Conv2d(1, 4, 3, dtype="float64")
    x = Draw()(1, 1, 9, 9)
    np.testing.assert_array_equal(
        conv(np.roll(x, 1, axis=-1)).numpy()[..., 1:], conv(x).numpy()[..., :-1]
    )


def test_no_examples_give_no_results() -> None:
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, groups=2), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1)
    )
    assert net(gd.zeros((0, 2, 12, 12))).shape == (0, 4, 1, 1)


def test_images_are_normalised_as_rows_of_channels_are() -> None:
    x = Draw()(3, 2, 4, 5)
    images, rows = nn.BatchNorm(2, dtype="float64"), nn.BatchNorm(2, dtype="float64")
    expected = np.moveaxis(
        rows(np.moveaxis(x, 1, -1).reshape(-1, 2)).numpy().reshape(3, 4, 5, 2), -1, 1
    )
    np.testing.assert_array_equal(images(x).numpy(), expected)
    for name, t in images.named_buffers().items():
        assert t.tolist() == rows.named_buffers()[name].tolist()
    assert images(x[:1]).shape == (1, 2, 4, 5), "one image has many places"
    with pytest.raises(ShapeError, match="two examples or more, or two places of one"):
        images(x[:1, :, :1, :1])


def test_unflatten_is_the_way_back_from_flatten() -> None:
    x = gd.tensor(draw(3, 2, 4, 5))
    rows = nn.Flatten()(x)
    for size in ((2, 4, 5), (-1, 4, 5), (2, -1, 5)):
        assert nn.Unflatten(1, size)(rows).tolist() == x.tolist()
    assert nn.Unflatten(-1, (2, 20))(gd.zeros((0, 40))).shape == (0, 2, 20)
    assert nn.Unflatten(0, (3, 1))(rows).shape == (3, 1, 40)


# ── Misuse ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("make", "rule", "received"),
    [
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "groups divides in_channels and out", "2 groups, 3"),
        (lambda: nn.Conv1d(4, 3, 3, groups=2), "groups divides in_channels and out", "4 → 3"),
        (lambda: nn.Conv2d(1, 1, 3, 2, "same"), '"same" takes stride 1', "stride=2"),
        (lambda: nn.Conv2d(1, 1, 3, padding="full"), "padding must be 'valid' or 'same'", "full"),
        (lambda: nn.Conv2d(1, 1, (3, 3, 3)), "kernel_size is a whole number for all", "(3, 3, 3)"),
        (lambda: nn.Conv1d(1, 1, (3, 3)), "kernel_size is a whole number for all", "(3, 3)"),
        (lambda: nn.Conv2d(1, 1, 0), "kernel_size must be at least 1", "0"),
        (lambda: nn.Conv2d(1, 1, 3, stride=(1, 0)), "stride must be one or more whole", "(1, 0)"),
        (lambda: nn.Conv2d(1, 1, 3, padding=-1), "padding must be at least 0", "-1"),
        (lambda: nn.Conv2d(1, 1, 2.5), "kernel_size must be a whole number", "2.5"),
        (lambda: nn.Conv2d(1, 1, 3, bias=1), "bias must be True or False", "1"),
        (lambda: nn.MaxPool2d(2, padding=2), "padding is at most half", "padding=2"),
        (lambda: nn.AvgPool2d((3, 1), padding=1), "padding is at most half", "[3, 1]"),
        (lambda: nn.AvgPool1d(2, count_include_pad=0), "count_include_pad must be", "0"),
        (lambda: nn.AdaptiveAvgPool2d(0), "output_size must be at least 1", "0"),
        (lambda: nn.Unflatten(1, ()), "one length or more", "()"),
        (lambda: nn.Unflatten(1, (-1, -1)), "of which one may be -1", "(-1, -1)"),
        (lambda: nn.Unflatten(1, (2, -3)), "at least -1", "(2, -3)"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    make: Callable[[], Any], rule: str, received: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        make()
    before, _, after = str(caught.value).partition("received")
    assert rule in before
    assert received in after


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (nn.Conv2d(3, 4, 3), (2, 1, 8, 8), r"Conv2d\(3 → 4.*\(n, 3, height, width\).*nn.Unflatten"),
        (nn.Conv2d(1, 4, 3), (2, 64), r"\(n, 1, height, width\).*\(2, 64\).*nn.Unflatten"),
        (nn.Conv2d(1, 4, 3), (1, 8, 8), r"\(n, 1, height, width\).*\(1, 8, 8\)"),
        (nn.Conv1d(2, 4, 3), (5, 3, 9), r"\(n, 2, length\).*\(5, 3, 9\).*layer before"),
        (nn.Conv2d(1, 4, 5), (2, 1, 4, 8), r"fits into the padded.*\(4, 8\).*\(5, 5\).*pad more"),
        (nn.Conv1d(1, 4, 3, dilation=4), (2, 1, 8), r"\(8,\), and a window that takes \(9,\)"),
        (nn.Conv2d(1, 4, 3, padding=2), (2, 1, 0, 8), r"received an input of shape \(2, 1, 0, 8\)"),
        (nn.MaxPool2d(2), (2, 3, 1, 4), r"MaxPool2d\(kernel_size=2\) fits into the padded"),
        (nn.MaxPool2d(2), (2, 3, 4), r"\(n, channels, height, width\).*\(2, 3, 4\)"),
        (nn.AvgPool1d(3), (2, 3, 2), r"AvgPool1d\(kernel_size=3\) fits.*\(2,\)"),
        (nn.AdaptiveAvgPool1d(1), (2, 3, 0), r"\(n, channels, length\).*\(2, 3, 0\)"),
        (nn.Unflatten(1, (1, 8, 8)), (2, 63), r"axis 1 whose length.*\(2, 63\).*count the columns"),
        (nn.Unflatten(1, (-1, 8)), (2, 63), r"axis 1 whose length.*\(2, 63\)"),
        (nn.Unflatten(2, (8, 8)), (2, 64), "axis"),
    ],
)
def test_inputs_that_do_not_fit_are_named(
    layer: nn.Module, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ShapeError, match=message):
        layer(np.zeros(shape))


# ── On every executor ───────────────────────────────────────────────────────────────────────────


def network() -> nn.Sequential:
    gd.manual_seed(0)
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 6, 3, padding="same"), nn.BatchNorm(6), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 2, dilation=2, groups=2), nn.ReLU(), nn.Dropout(0.1),
        nn.AvgPool2d(2, stride=1, padding=1, count_include_pad=False),
        nn.Conv2d(8, 4, (3, 2), stride=(2, 1), padding=1), nn.Tanh(),
        nn.AdaptiveAvgPool2d((2, 1)), nn.Flatten(), nn.Unflatten(1, (4, 2)),
        nn.Conv1d(4, 6, 2, padding="same"), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(6, 5),
    )  # fmt: skip


X, LABELS = draw(70, 64), np.arange(70) % 5


def trained(executor: str) -> tuple[nn.Module, gd.Trainer]:
    net = network()
    trainer = gd.Trainer(net, losses.cross_entropy, optim.SGD(0.05), executor=executor, threads=2)
    trainer.fit(X, LABELS, epochs=3, batch_size=16, progress=False)
    return net, trainer


@native
def test_a_native_run_learns_what_the_reference_learns() -> None:
    (net, native), (other, reference) = trained("native"), trained("reference")
    # Sums in another order through 15 steps; the numbers are of size 1.
    for name, t in net.named_parameters().items():
        np.testing.assert_allclose(
            t.numpy(), other.named_parameters()[name].numpy(), rtol=1e-3, atol=1e-4
        )
    np.testing.assert_allclose(native.history["loss"], reference.history["loss"], rtol=1e-4)
    np.testing.assert_allclose(native.predict(X), reference.predict(X), rtol=1e-2, atol=1e-3)


@native
def test_a_row_has_the_same_bits_alone_and_among_others() -> None:
    _, trainer = trained("native")
    together = trainer.predict(X)
    for rows in (slice(0, 1), slice(3, 10), slice(69, 70)):
        np.testing.assert_array_equal(trainer.predict(X[rows]), together[rows])


def test_a_convolutional_network_is_proven_to_treat_its_rows_one_by_one() -> None:
    net = network().eval()
    one, other = (trace(net, TensorType((n, 64), float32)).graph for n in (2, 4))
    assert row_by_row(one, other, list(one.inputs)[:1])


def test_a_convolutional_network_comes_back_from_its_file(tmp_path: Path) -> None:
    net = network()
    with random.use_stream(random.Stream(1)):
        net(X)  # moves the running statistics
    net.save(tmp_path / "net.safetensors")
    again = gd.load(tmp_path / "net.safetensors")
    assert repr(again) == repr(net)
    np.testing.assert_array_equal(again.eval()(X).numpy(), net.eval()(X).numpy())


@native
@settings(max_examples=25, deadline=None)
@given(case=convolutions())
def test_random_convolutions_have_the_same_gradients_natively(case: Case) -> None:
    layer = getattr(nn, case.name)(**case.arguments, dtype="float64")

    def function(x: gd.Tensor, weight: gd.Tensor) -> tuple[gd.Tensor, ...]:
        with layer.bind({"weight": weight}):
            y = ops.tanh(layer(x))
        return y, *gd.grad((y * y).sum(), [x, weight])

    inputs = (gd.tensor(case.x).requires_grad_(), layer.weight.detach().requires_grad_())
    pairs = zip(
        gd.compile(function, executor=executor_named("native"))(*inputs),
        gd.compile(function, executor=executor_named("reference"))(*inputs),
        strict=True,
    )
    for found, expected in pairs:
        # Sums of a few dozen numbers of size 1 in another order.
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-11, atol=1e-12)
