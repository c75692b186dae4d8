"""Modules against PyTorch: same weights, same forwards, gradients and second derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import nn, random
from gradus.ops.primitive import Draw
from gradus.tensor import Tensor

torch = pytest.importorskip("torch")
table = pytest.importorskip("tests.oracle.table_twins")
prune = pytest.importorskip("torch.nn.utils.prune")
pytestmark = [
    pytest.mark.oracle,
    # PyTorch's word on what that costs it.
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel"),
]

X = Draw()(6, 4)
IMAGES = Draw()(2, 3, 4)
PICTURES = Draw()(3, 4, 6, 5)
SIGNALS = Draw()(3, 4, 9)
INDICES = np.array([[0, 2], [2, 6]])
# Columns of a table: numbers, and codes of categories at the places 1 and 4.
COLUMNS = Draw()(4, 5)
COLUMNS[:, [1, 4]] = [[3, 0], [0, 2], [1, 1], [3, 2]]
PACKED = np.stack([np.array([[1.0, 6.0, 0.0], [2.0, 2.0, 5.0]]), Draw()(2, 3)], axis=1)
EDGES = [[-0.5, 0.1, 0.4], [-0.9, 0.9], [0.05, 0.2], [-1.5, -1.0, 0.05, 1.5]]
LOW, HIGH = [-0.1, 0.1, -1.0, 0.2], [0.3, 0.5, 1.0, 0.3]

Pair = tuple[Callable[[str], nn.Module], Callable[[Any], Any], np.ndarray]

# gradus's module given the dtype's name, PyTorch's given its dtype, input.
TABLE: dict[str, Pair] = {
    "Linear": (
        lambda d: nn.Linear(4, 3, dtype=d), lambda d: torch.nn.Linear(4, 3, dtype=d), X,
    ),
    "Linear-no-bias": (
        lambda d: nn.Linear(4, 3, bias=False, dtype=d),
        lambda d: torch.nn.Linear(4, 3, bias=False, dtype=d), IMAGES,
    ),
    "Flatten": (lambda d: nn.Flatten(), lambda d: torch.nn.Flatten(), IMAGES),
    "Flatten-0": (lambda d: nn.Flatten(0), lambda d: torch.nn.Flatten(0), IMAGES),
    "Unflatten": (lambda d: nn.Unflatten(1, (2, 2)), lambda d: torch.nn.Unflatten(1, (2, 2)), X),
    "Identity": (lambda d: nn.Identity(), lambda d: torch.nn.Identity(), X),
    "LayerNorm": (
        lambda d: nn.LayerNorm(4, dtype=d), lambda d: torch.nn.LayerNorm(4, dtype=d), X,
    ),
    "LayerNorm-two-axes": (
        lambda d: nn.LayerNorm((3, 4), eps=1e-2, dtype=d),
        lambda d: torch.nn.LayerNorm((3, 4), eps=1e-2, dtype=d), IMAGES,
    ),
    "LayerNorm-plain": (
        lambda d: nn.LayerNorm(4, elementwise_affine=False),
        lambda d: torch.nn.LayerNorm(4, elementwise_affine=False), X,
    ),
    "BatchNorm": (
        lambda d: nn.BatchNorm(4, dtype=d), lambda d: torch.nn.BatchNorm1d(4, dtype=d), X,
    ),
    "BatchNorm-momentum": (
        lambda d: nn.BatchNorm(4, eps=1e-2, momentum=0.7, affine=False, dtype=d),
        lambda d: torch.nn.BatchNorm1d(4, eps=1e-2, momentum=0.7, affine=False, dtype=d), X,
    ),
    "BatchNorm-untracked": (
        lambda d: nn.BatchNorm(4, track_running_stats=False, dtype=d),
        lambda d: torch.nn.BatchNorm1d(4, track_running_stats=False, dtype=d), X,
    ),
    "BatchNorm-signals": (
        lambda d: nn.BatchNorm(4, momentum=0.3, dtype=d),
        lambda d: torch.nn.BatchNorm1d(4, momentum=0.3, dtype=d), SIGNALS,
    ),
    "BatchNorm-images": (
        lambda d: nn.BatchNorm(4, dtype=d), lambda d: torch.nn.BatchNorm2d(4, dtype=d), PICTURES,
    ),
    "Embedding": (
        lambda d: nn.Embedding(7, 3, dtype=d), lambda d: torch.nn.Embedding(7, 3, dtype=d), INDICES,
    ),
    "Sequential": (
        lambda d: nn.Sequential(
            nn.Linear(4, 6, dtype=d), nn.Tanh(), nn.BatchNorm(6, dtype=d), nn.Linear(6, 2, dtype=d)
        ),
        lambda d: torch.nn.Sequential(
            torch.nn.Linear(4, 6, dtype=d), torch.nn.Tanh(),
            torch.nn.BatchNorm1d(6, dtype=d), torch.nn.Linear(6, 2, dtype=d),
        ),
        X,
    ),
    "NTKLinear": (
        lambda d: nn.NTKLinear(4, 3, dtype=d), lambda d: table.NTKLinear(4, 3, d), IMAGES,
    ),
    "ScalingLayer": (
        lambda d: nn.ScalingLayer(4, dtype=d), lambda d: table.ScalingLayer(4, d), IMAGES,
    ),
    "ParametricActivation": (
        lambda d: nn.ParametricActivation(nn.Mish(), 4, dtype=d),
        lambda d: table.ParametricActivation(torch.nn.Mish(), 4, d), X,
    ),
    "Clamp": (lambda d: nn.Clamp(LOW, HIGH), lambda d: table.Clamp(LOW, HIGH), X),
    "Temperature": (lambda d: nn.Temperature(), lambda d: table.Temperature(), X),
    "PeriodicEmbedding": (
        lambda d: nn.PeriodicEmbedding(4, 5, 3, dtype=d),
        lambda d: table.PeriodicEmbedding(4, 5, 3, d), X,
    ),
    "PiecewiseLinearEmbedding": (
        lambda d: nn.PiecewiseLinearEmbedding(EDGES, size=3, dtype=d),
        lambda d: table.PiecewiseLinearEmbedding(EDGES, 3, d), X,
    ),
    "TableInput": (
        lambda d: nn.TableInput(5, [2, 0], [(1, 4), (4, 3)], 2, dtype=d),
        lambda d: table.TableInput(2, d), COLUMNS,
    ),
    "SparseInput": (
        lambda d: nn.SparseInput(7, 2, dtype=d),
        lambda d: table.SparseInput(7, 2, False, d), PACKED,
    ),
    "SparseInput-ntk": (
        lambda d: nn.SparseInput(7, 2, ntk=True, dtype=d),
        lambda d: table.SparseInput(7, 2, True, d), PACKED,
    ),
    "MemberInput": (
        lambda d: nn.MemberInput(3, 4, dtype=d), lambda d: table.MemberInput(3, 4, d), X,
    ),
    "MemberLinear": (
        lambda d: nn.MemberLinear(3, 4, 2, dtype=d),
        lambda d: table.MemberLinear(3, 4, 2, d), IMAGES,
    ),
    "Ensemble": (
        lambda d: nn.Ensemble(nn.Linear(4, 2, dtype=d), nn.Linear(4, 2, dtype=d)),
        lambda d: table.Ensemble(*(torch.nn.Linear(4, 2, dtype=d) for _ in range(2))), X,
    ),
    "MemberMean": (
        lambda d: nn.MemberMean("values"), lambda d: table.MemberMean("values"), IMAGES,
    ),
    "MemberMean-classes": (
        lambda d: nn.MemberMean("classes"), lambda d: table.MemberMean("classes"), IMAGES,
    ),
    "MemberMean-labels": (
        lambda d: nn.MemberMean("labels"), lambda d: table.MemberMean("labels"), IMAGES,
    ),
    "Sigmoid": (lambda d: nn.Sigmoid(), lambda d: torch.nn.Sigmoid(), X),
    "Tanh": (lambda d: nn.Tanh(), lambda d: torch.nn.Tanh(), X),
    "ReLU": (lambda d: nn.ReLU(), lambda d: torch.nn.ReLU(), X),
    "LeakyReLU": (lambda d: nn.LeakyReLU(), lambda d: torch.nn.LeakyReLU(), X),
    "LeakyReLU-0.3": (lambda d: nn.LeakyReLU(0.3), lambda d: torch.nn.LeakyReLU(0.3), X),
    "ELU": (lambda d: nn.ELU(), lambda d: torch.nn.ELU(), X),
    "ELU-2": (lambda d: nn.ELU(2.0), lambda d: torch.nn.ELU(2.0), X),
    "SELU": (lambda d: nn.SELU(), lambda d: torch.nn.SELU(), X),
    "GELU": (lambda d: nn.GELU(), lambda d: torch.nn.GELU(), X),
    "GELU-tanh": (lambda d: nn.GELU("tanh"), lambda d: torch.nn.GELU("tanh"), X),
    "SiLU": (lambda d: nn.SiLU(), lambda d: torch.nn.SiLU(), X),
    "Mish": (lambda d: nn.Mish(), lambda d: torch.nn.Mish(), X),
    "Softplus": (lambda d: nn.Softplus(), lambda d: torch.nn.Softplus(), X),
    "Softplus-3": (lambda d: nn.Softplus(3.0), lambda d: torch.nn.Softplus(3.0), X),
    "Softmax": (lambda d: nn.Softmax(), lambda d: torch.nn.Softmax(dim=-1), X),
    "Softmax-columns": (lambda d: nn.Softmax(dim=0), lambda d: torch.nn.Softmax(dim=0), X),
}  # fmt: skip

# Convolutions take four channels to six.
WINDOWED: dict[str, list[dict[str, Any]]] = {
    "Conv1d": [
        {"kernel_size": 3},
        {"kernel_size": 1, "stride": 2},
        {"kernel_size": 4, "padding": "same"},
        {"kernel_size": 2, "padding": "same", "dilation": 3, "bias": False},
        {"kernel_size": 3, "stride": 3, "padding": 2, "dilation": 2, "groups": 2},
    ],
    "Conv2d": [
        {"kernel_size": 3},
        {"kernel_size": (3, 1), "bias": False},
        {"kernel_size": 1},
        {"kernel_size": (6, 5)},
        {"kernel_size": 3, "padding": "same"},
        {"kernel_size": (2, 4), "padding": "same"},
        {"kernel_size": (4, 3), "padding": "same", "dilation": (1, 2)},
        {"kernel_size": 2, "padding": "valid", "dilation": (2, 3)},
        {"kernel_size": (3, 2), "stride": 2, "padding": (2, 1)},
        {"kernel_size": 3, "stride": (3, 2), "padding": 4, "groups": 2},
        {"kernel_size": 2, "stride": (1, 2), "dilation": 2, "groups": 2, "bias": False},
    ],
    "MaxPool1d": [{"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": 2}],
    "MaxPool2d": [
        {"kernel_size": 2},
        {"kernel_size": 3, "stride": 1, "padding": 1},
        {"kernel_size": (2, 3), "stride": (2, 1), "padding": (1, 0), "dilation": (3, 2)},
    ],
    "AvgPool1d": [{"kernel_size": 2}, {"kernel_size": 4, "stride": 3, "padding": 2}],
    "AvgPool2d": [
        {"kernel_size": 2},
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": (2, 4), "stride": (1, 3), "padding": (1, 2), "count_include_pad": False},
    ],
    "AdaptiveAvgPool1d": [{"output_size": 1}, {"output_size": 4}, {"output_size": 11}],
    "AdaptiveAvgPool2d": [{"output_size": 1}, {"output_size": (4, 3)}, {"output_size": (1, 7)}],
}


def windowed(library: Any, name: str, settings: dict[str, Any]) -> Callable[[Any], Any]:
    kind = getattr(library, name)
    if name.startswith("Conv"):
        return lambda d: kind(4, 6, **settings, dtype=d)
    return lambda d: kind(**settings)


TABLE |= {
    f"{name}-{' '.join(f'{k}={v}' for k, v in settings.items())}": (
        windowed(nn, name, settings),
        windowed(torch.nn, name, settings),
        SIGNALS if "1d" in name else PICTURES,
    )
    for name, rows in WINDOWED.items()
    for settings in rows
}

every_module = pytest.mark.parametrize("name", TABLE)
WITHOUT_A_TWIN = {  # below, in test_attention, or in tests/nn
    "Maxout", "Dropout", "Sign", "SparseLinear", "MultiheadAttention", "SinusoidalPositions",
    "LearnedPositions", "TransformerEncoderLayer", "TransformerDecoderLayer",
}  # fmt: skip
RECURRENT = {"RNN", "LSTM", "GRU", "EveryStep", "LastStep"}  # in test_recurrent


def twins(name: str, dtype: str) -> tuple[nn.Module, Any, np.ndarray]:
    """Both modules, with the same random weights and buffers, and the input."""
    ours, theirs, x = TABLE[name]
    module, twin = ours(dtype), theirs(getattr(torch, dtype))
    tensors = {**module.named_parameters(), **module.named_buffers()}
    state = {n: t for n, t in twin.state_dict().items() if "num_batches" not in n}
    assert {n: t.shape for n, t in tensors.items()} == {n: tuple(t.shape) for n, t in state.items()}
    draw = Draw()
    for field, t in tensors.items():
        t.assign(draw(*t.shape, low=0.3, high=1.7) * (-1 if field.endswith("bias") else 1))
        state[field].copy_(torch.tensor(np.array(t)))
    return module, twin, x if x.dtype.kind == "i" else x.astype(dtype)


def derivatives(module: nn.Module, x: np.ndarray) -> list[np.ndarray]:
    """Forward, gradients of a random projection, and gradients of a projection of these."""
    leaf = gd.tensor(x, requires_grad=x.dtype.kind == "f")
    leaves = [t for t in (leaf, *module.parameters()) if t.requires_grad]
    y = module(leaf)
    first = gd.grad((y * projection(y)).sum(), leaves, create_graph=True)
    total: Tensor = sum(((g * projection(g)).sum() for g in first), gd.zeros((), y.dtype))
    total = total + sum((0.0 * t.sum() for t in leaves), gd.zeros((), y.dtype))
    second = gd.grad(total, leaves)
    return [np.array(t) for t in (y, *first, *second)]


def twin_derivatives(twin: Any, x: np.ndarray) -> list[np.ndarray]:
    leaf = torch.tensor(x, requires_grad=x.dtype.kind == "f")
    leaves = [t for t in (leaf, *twin.parameters()) if t.requires_grad]
    y = twin(leaf)
    first = torch.autograd.grad((y * torch.tensor(projection(y))).sum(), leaves, create_graph=True)
    total = sum((g * torch.tensor(projection(g))).sum() for g in first)
    total = total + sum(0.0 * t.sum() for t in leaves)
    second = torch.autograd.grad(total, leaves)
    return [t.detach().numpy() for t in (y, *first, *second)]


def projection(t: Any) -> np.ndarray:
    """A fixed random direction of a tensor's shape and dtype."""
    dtype = "float64" if "64" in str(t.dtype) else "float32"
    return random.normal(7, 0, 0, tuple(t.shape)).astype(dtype)


def test_the_table_has_every_module_with_a_twin() -> None:
    public = {n for n in nn.__all__ if isinstance(getattr(nn, n), type)}
    modules = {n for n in public if issubclass(getattr(nn, n), nn.Module)} - {"Module"}
    assert modules - WITHOUT_A_TWIN - RECURRENT == {name.split("-")[0] for name in TABLE}


@every_module
@pytest.mark.parametrize("training", [True, False])
def test_float64_agrees_to_second_order(name: str, training: bool) -> None:
    module, twin, x = twins(name, "float64")
    ours = derivatives(module.train(training), x)
    theirs = twin_derivatives(twin.train(training), x)
    leaves = (len(ours) - 1) // 2
    tolerances = [1e-10] + [1e-8] * leaves + [1e-6] * leaves
    for a, b, rtol in zip(ours, theirs, tolerances, strict=True):
        # Elements that cancel to almost 0 are judged by the largest beside them.
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * (1e-6 + np.abs(b).max()))


@every_module
@pytest.mark.parametrize("training", [True, False])
def test_float32_agrees(name: str, training: bool) -> None:
    module, twin, x = twins(name, "float32")
    ours = derivatives(module.train(training), x)
    theirs = twin_derivatives(twin.train(training), x)
    for a, b in zip(ours[: len(ours) // 2 + 1], theirs, strict=False):
        assert a.dtype == b.dtype == np.float32
        # Sums of a few terms of mixed sign: relative to the largest element.
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * (1e-6 + np.abs(b).max()))


@pytest.mark.parametrize("name", [n for n in TABLE if n.startswith("BatchNorm")])
def test_running_statistics_agree_after_several_batches(name: str) -> None:
    module, twin, x = twins(name, "float64")
    for scale in (1.0, 3.0, -2.0):
        module(scale * x)
        twin(torch.tensor(scale * x))
    for field, t in module.named_buffers().items():
        np.testing.assert_allclose(t.numpy(), twin.state_dict()[field].numpy(), rtol=1e-12)


@pytest.mark.parametrize("name", [n for n in TABLE if n != "Embedding"])
def test_derivatives_at_exactly_0_are_pytorchs(name: str) -> None:
    module, twin, x = twins(name, "float64")
    zero = np.zeros_like(x)
    ours, theirs = derivatives(module.eval(), zero)[1], twin_derivatives(twin.eval(), zero)[1]
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


def test_maxout_is_pytorchs_linear_layer_and_maximum() -> None:
    module = nn.Maxout(4, 3, pieces=2, dtype="float64")
    weight, bias = (torch.tensor(np.array(t)) for t in module.parameters())
    affine = torch.nn.functional.linear(torch.tensor(X), weight, bias)
    expected = affine.reshape(6, 3, 2).amax(dim=-1).numpy()
    np.testing.assert_allclose(module(X).numpy(), expected, rtol=1e-10)


def test_a_sparse_layer_is_pytorchs_linear_layer_pruned_by_its_mask() -> None:
    module = nn.SparseLinear(4, 3, density=0.5, dtype="float64")
    twin = torch.nn.Linear(4, 3, dtype=torch.float64)
    with torch.no_grad():
        twin.weight.copy_(torch.tensor(module.weight.numpy()))
        twin.bias.copy_(torch.tensor(module.bias.numpy()))
    mask = torch.tensor(module.mask.numpy())
    prune.custom_from_mask(twin, "weight", mask)
    ours = (module(X) ** 2).sum()
    theirs = (twin(torch.tensor(X)) ** 2).sum()
    theirs.backward()
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-12)
    for found, expected in zip(
        gd.grad(ours, module.parameters()), (twin.weight_orig.grad, twin.bias.grad), strict=True
    ):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-10, atol=1e-14)


def test_linear_starts_in_pytorchs_range() -> None:
    torch.manual_seed(0)
    twin, ours = torch.nn.Linear(50, 400), nn.Linear(50, 400)
    assert_same_range(ours, twin)


@pytest.mark.parametrize("groups", [1, 5])
def test_convolutions_start_in_pytorchs_range(groups: int) -> None:
    torch.manual_seed(0)
    settings = {"kernel_size": (3, 2), "groups": groups}
    assert_same_range(nn.Conv2d(10, 400, **settings), torch.nn.Conv2d(10, 400, **settings))


def assert_same_range(ours: nn.Module, twin: Any) -> None:
    for a, b in ((ours.weight, twin.weight), (ours.bias, twin.bias)):
        largest, theirs = np.abs(a.numpy()).max(), b.abs().max().item()
        assert largest == pytest.approx(theirs, rel=0.02)
        assert a.numpy().std() == pytest.approx(b.std().item(), rel=0.1)
