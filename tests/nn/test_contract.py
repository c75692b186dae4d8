"""The contract table: every module, through the same statements."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import nn, ops, random
from gradus.errors import ArgumentError
from gradus.modes import tracing
from gradus.ops.primitive import Draw
from gradus.tensor import Tensor
from gradus.types import TensorType

X = Draw()(5, 4)
IMAGES = Draw()(2, 3, 4)
PICTURES = Draw()(2, 2, 4, 3)
SEQUENCES = Draw()(2, 3, 2)
INDICES = np.array([[0, 2], [2, 6]])
# Columns of a table: numbers, and codes of categories at the places 1 and 3.
COLUMNS = np.concatenate([Draw()(4, 4), np.array([[0.0], [2.0], [1.0], [2.0]])], axis=1)
COLUMNS[:, 1] = [3.0, 0.0, 1.0, 3.0]
EDGES = [[-0.5, 0.1, 0.4], [-0.9, 0.9], [0.0, 0.2], [-1.5, -1.0, 0.05, 1.5]]
PACKED = np.stack([np.array([[1.0, 6.0, 0.0], [2.0, 2.0, 5.0]]), Draw()(2, 3)], axis=1)
MEMORY = Draw()(2, 2, 4)  # what a decoder layer takes beside its input

ATTENTION = ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"]


def rest(norms: int) -> list[str]:
    """Parameters of a transformer layer behind its attentions."""
    parts = ["linear1", "linear2", *(f"norm{k + 1}" for k in range(norms))]
    return [f"{part}.{name}" for part in parts for name in ("weight", "bias")]


def recurrent(*places: str, bias: bool = True) -> list[str]:
    """Names of the parameters of a recurrent layer, for each of its layers and directions."""
    kinds = ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if bias else [])]
    return [f"{kind}_{place}" for place in places for kind in kinds]


# Constructor given the dtype, input, shape of the output, names of the parameters as in PyTorch.
TABLE: dict[str, tuple[Callable[[str], nn.Module], np.ndarray, tuple[int, ...], list[str]]] = {
    "Linear": (lambda d: nn.Linear(4, 3, dtype=d), X, (5, 3), ["weight", "bias"]),
    "Linear-no-bias": (lambda d: nn.Linear(4, 3, bias=False, dtype=d), X, (5, 3), ["weight"]),
    "Linear-three-axes": (
        lambda d: nn.Linear(4, 2, dtype=d), IMAGES, (2, 3, 2), ["weight", "bias"],
    ),
    "Linear-init": (
        lambda d: nn.Linear(4, 3, init=nn.He("normal", gain=1.5), dtype=d),
        X, (5, 3), ["weight", "bias"],
    ),
    "SparseLinear": (
        lambda d: nn.SparseLinear(4, 3, density=0.5, dtype=d), X, (5, 3), ["weight", "bias"],
    ),
    "NTKLinear": (lambda d: nn.NTKLinear(4, 3, dtype=d), X, (5, 3), ["weight", "bias"]),
    "NTKLinear-zero": (
        lambda d: nn.NTKLinear(4, 2, bias=False, zero=True, dtype=d), IMAGES, (2, 3, 2), ["weight"],
    ),
    "ScalingLayer": (lambda d: nn.ScalingLayer(4, dtype=d), X, (5, 4), ["scale"]),
    "ParametricActivation": (
        lambda d: nn.ParametricActivation(nn.SELU(), 4, dtype=d), X, (5, 4), ["mix"],
    ),
    "Clamp": (lambda d: nn.Clamp([-0.1, 0, -1, 0.25], [0.3, 0.5, 1, 0.25]), X, (5, 4), []),
    "Temperature": (lambda d: nn.Temperature(1.7), X, (5, 4), []),
    "TableInput": (
        lambda d: nn.TableInput(5, [2, 0], [(1, 4), (4, 3)], embedding_size=2, dtype=d),
        COLUMNS, (4, 7), ["weight"],
    ),
    "TableInput-embedded": (
        lambda d: nn.TableInput(
            5, [0, 2], [(1, 4)], 2, nn.PeriodicEmbedding(2, 2, 2, dtype=d), dtype=d
        ),
        COLUMNS, (4, 8),
        ["weight", *(f"numeric_embedding.{n}" for n in ("frequency", "phase", "weight", "bias"))],
    ),
    "PeriodicEmbedding": (
        lambda d: nn.PeriodicEmbedding(4, frequencies=3, size=3, sigma=1.0, dtype=d),
        X, (5, 12), ["frequency", "phase", "weight", "bias"],
    ),
    "PiecewiseLinearEmbedding": (
        lambda d: nn.PiecewiseLinearEmbedding(EDGES, size=2, dtype=d),
        X, (5, 8), ["linear", "bias", "weight"],
    ),
    "SparseInput": (
        lambda d: nn.SparseInput(7, 2, dtype=d), PACKED, (2, 2), ["weight", "bias"],
    ),
    "SparseInput-ntk": (
        lambda d: nn.SparseInput(7, 2, bias=False, ntk=True, dtype=d), PACKED, (2, 2), ["weight"],
    ),
    "MemberInput": (lambda d: nn.MemberInput(3, 4, dtype=d), X, (5, 3, 4), ["scale"]),
    "MemberInput-groups": (
        lambda d: nn.MemberInput(2, 4, d, start="normal", groups=[3, 1]), X, (5, 2, 4), ["scale"],
    ),
    "MemberLinear": (
        lambda d: nn.MemberLinear(3, 4, 2, dtype=d), IMAGES, (2, 3, 2), ["weight", "bias"],
    ),
    "MemberMean": (lambda d: nn.MemberMean("values"), IMAGES, (2, 3, 4), []),
    "Ensemble": (
        lambda d: nn.Ensemble(nn.Linear(4, 2, dtype=d), nn.Linear(4, 2, bias=False, dtype=d)),
        X, (5, 2, 2), ["0.weight", "0.bias", "1.weight"],
    ),
    "TableInput-others": (lambda d: nn.TableInput(4), X, (5, 4), []),
    "Maxout": (
        lambda d: nn.Maxout(4, 3, pieces=3, dtype=d), X, (5, 3), ["affine.weight", "affine.bias"],
    ),
    "Flatten": (lambda d: nn.Flatten(), IMAGES, (2, 12), []),
    "Unflatten": (lambda d: nn.Unflatten(-1, (2, -1)), X, (5, 2, 2), []),
    "Identity": (lambda d: nn.Identity(), X, (5, 4), []),
    "Dropout": (lambda d: nn.Dropout(0.3), X, (5, 4), []),
    "Dropout-scheduled": (lambda d: nn.Dropout(0.3, scheduled=True), X, (5, 4), []),
    "LayerNorm": (lambda d: nn.LayerNorm(4, dtype=d), X, (5, 4), ["weight", "bias"]),
    "LayerNorm-two-axes": (
        lambda d: nn.LayerNorm((3, 4), eps=1e-3, dtype=d), IMAGES, (2, 3, 4), ["weight", "bias"],
    ),
    "LayerNorm-plain": (lambda d: nn.LayerNorm(4, elementwise_affine=False), X, (5, 4), []),
    "BatchNorm": (lambda d: nn.BatchNorm(4, dtype=d), X, (5, 4), ["weight", "bias"]),
    "BatchNorm-plain": (
        lambda d: nn.BatchNorm(4, momentum=0.5, affine=False, dtype=d), X, (5, 4), [],
    ),
    "BatchNorm-untracked": (
        lambda d: nn.BatchNorm(4, track_running_stats=False, dtype=d),
        X, (5, 4), ["weight", "bias"],
    ),
    "BatchNorm-images": (
        lambda d: nn.BatchNorm(2, dtype=d), PICTURES, (2, 2, 4, 3), ["weight", "bias"],
    ),
    "Conv1d": (lambda d: nn.Conv1d(3, 2, 2, dtype=d), IMAGES, (2, 2, 3), ["weight", "bias"]),
    "Conv1d-same": (
        lambda d: nn.Conv1d(3, 2, 4, padding="same", bias=False, dtype=d),
        IMAGES, (2, 2, 4), ["weight"],
    ),
    "Conv2d": (lambda d: nn.Conv2d(2, 3, 2, dtype=d), PICTURES, (2, 3, 3, 2), ["weight", "bias"]),
    "Conv2d-set": (
        lambda d: nn.Conv2d(
            2, 4, (3, 2), stride=(1, 2), padding=(2, 1), dilation=2, groups=2, dtype=d
        ),
        PICTURES, (2, 4, 4, 2), ["weight", "bias"],
    ),
    "MaxPool1d": (lambda d: nn.MaxPool1d(2), IMAGES, (2, 3, 2), []),
    "MaxPool2d": (
        lambda d: nn.MaxPool2d((2, 3), stride=1, padding=(1, 0)), PICTURES, (2, 2, 5, 1), [],
    ),
    "AvgPool1d": (lambda d: nn.AvgPool1d(3, stride=1), IMAGES, (2, 3, 2), []),
    "AvgPool2d": (
        lambda d: nn.AvgPool2d(2, padding=1, count_include_pad=False), PICTURES, (2, 2, 3, 2), [],
    ),
    "AdaptiveAvgPool1d": (lambda d: nn.AdaptiveAvgPool1d(3), IMAGES, (2, 3, 3), []),
    "AdaptiveAvgPool2d": (lambda d: nn.AdaptiveAvgPool2d((3, 1)), PICTURES, (2, 2, 3, 1), []),
    "Embedding": (lambda d: nn.Embedding(7, 3, dtype=d), INDICES, (2, 2, 3), ["weight"]),
    # What recurrent layers give is joined to one row of numbers: outputs, then the state.
    "RNN": (lambda d: nn.RNN(2, 2, dtype=d), SEQUENCES, (12 + 4,), recurrent("l0")),
    "RNN-deep": (
        lambda d: nn.RNN(2, 1, num_layers=2, dropout=0.3, bidirectional=True, dtype=d),
        SEQUENCES, (12 + 8,), recurrent("l0", "l0_reverse", "l1", "l1_reverse"),
    ),
    "RNN-relu": (
        lambda d: nn.RNN(2, 2, nonlinearity="relu", bias=False, dtype=d),
        SEQUENCES, (12 + 4,), recurrent("l0", bias=False),
    ),
    "LSTM": (lambda d: nn.LSTM(2, 1, dtype=d), SEQUENCES, (6 + 4,), recurrent("l0")),
    "GRU": (lambda d: nn.GRU(2, 1, dtype=d), SEQUENCES, (6 + 2,), recurrent("l0")),
    "GRU-steps-first": (
        lambda d: nn.GRU(2, 1, batch_first=False, dtype=d), SEQUENCES, (6 + 3,), recurrent("l0"),
    ),
    "EveryStep": (
        lambda d: nn.Sequential(nn.RNN(2, 3, bias=False, dtype=d), nn.EveryStep()),
        SEQUENCES, (2, 3, 3), ["0.weight_ih_l0", "0.weight_hh_l0"],
    ),
    "LastStep": (
        lambda d: nn.Sequential(nn.RNN(2, 3, bias=False, dtype=d), nn.LastStep()),
        SEQUENCES, (2, 3), ["0.weight_ih_l0", "0.weight_hh_l0"],
    ),
    "Embedding-init": (
        lambda d: nn.Embedding(7, 3, init=nn.Normal(0.1), dtype=d),
        INDICES, (2, 2, 3), ["weight"],
    ),
    "MultiheadAttention": (
        lambda d: nn.MultiheadAttention(4, 2, dropout=0.2, dtype=d),
        IMAGES, (2, 3, 4), ATTENTION,
    ),
    "MultiheadAttention-no-bias": (
        lambda d: nn.MultiheadAttention(4, 4, bias=False, dtype=d),
        IMAGES, (2, 3, 4), ["in_proj_weight", "out_proj.weight"],
    ),
    "SinusoidalPositions": (lambda d: nn.SinusoidalPositions(4), IMAGES, (2, 3, 4), []),
    "LearnedPositions": (
        lambda d: nn.LearnedPositions(5, 4, dtype=d), IMAGES, (2, 3, 4), ["weight"],
    ),
    "TransformerEncoderLayer": (
        lambda d: nn.TransformerEncoderLayer(4, 2, 3, activation="tanh", dtype=d),
        IMAGES, (2, 3, 4), [*(f"self_attn.{n}" for n in ATTENTION), *rest(2)],
    ),
    "TransformerEncoderLayer-causal": (
        lambda d: nn.TransformerEncoderLayer(
            4, 2, 3, 0.2, "gelu", 1e-4, norm_first=True, causal=True, dtype=d
        ),
        IMAGES, (2, 3, 4), [*(f"self_attn.{n}" for n in ATTENTION), *rest(2)],
    ),
    "TransformerDecoderLayer": (
        lambda d: nn.TransformerDecoderLayer(4, 2, 3, activation="gelu", causal=True, dtype=d),
        IMAGES, (2, 3, 4),
        [f"{a}.{n}" for a in ("self_attn", "multihead_attn") for n in ATTENTION] + rest(3),
    ),
    "Sequential": (
        lambda d: nn.Sequential(
            nn.Linear(4, 6, dtype=d), nn.Tanh(), nn.Dropout(0.2),
            nn.Sequential(nn.BatchNorm(6, dtype=d), nn.Linear(6, 2, dtype=d)),
        ),
        X, (5, 2), ["0.weight", "0.bias", "3.0.weight", "3.0.bias", "3.1.weight", "3.1.bias"],
    ),
    "Sequential-empty": (lambda d: nn.Sequential(), X, (5, 4), []),
    "LeakyReLU-steep": (lambda d: nn.LeakyReLU(0.3), X, (5, 4), []),
    "ELU-2": (lambda d: nn.ELU(alpha=2.0), X, (5, 4), []),
    "GELU-tanh": (lambda d: nn.GELU("tanh"), X, (5, 4), []),
    "Softplus-3": (lambda d: nn.Softplus(3.0), X, (5, 4), []),
    "Softmax-columns": (lambda d: nn.Softmax(dim=0), X, (5, 4), []),
    **{
        cls.__name__: (lambda d, cls=cls: cls(), X, (5, 4), [])
        for cls in nn.ACTIVATIONS.values()
    },
}  # fmt: skip

every_module = pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
every_smooth_module = pytest.mark.parametrize(  # Sign refuses a gradient: see test_activations
    "row",
    [row for name, row in TABLE.items() if name != "Sign"],
    ids=[n for n in TABLE if n != "Sign"],
)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def run(module: nn.Module, x: Any) -> Tensor:
    """The output, with the random numbers that follow the seed 3."""
    with random.use_stream(random.Stream(3)):
        return joined(call(module, x))


def joined(found: Any) -> Tensor:
    """One tensor: the output itself, or all that a module gives as a row of numbers."""
    if isinstance(found, tuple):
        return ops.concat([joined(t).reshape(-1) for t in found])
    assert isinstance(found, Tensor)
    return found


def call(module: nn.Module, x: Any) -> Any:
    if not isinstance(module, nn.TransformerDecoderLayer):
        return module(x)
    return module(x, gd.tensor(MEMORY, x.dtype))


def in_dtype(x: np.ndarray, dtype: str) -> np.ndarray:
    return x if x.dtype.kind == "i" else x.astype(dtype)


def test_the_table_has_every_module_that_is_public() -> None:
    public = {n for n in nn.__all__ if isinstance(getattr(nn, n), type)}
    modules = {n for n in public if issubclass(getattr(nn, n), nn.Module)} - {"Module"}
    assert modules == {name.split("-")[0] for name in TABLE}


@every_module
@every_dtype
def test_output_has_the_stated_shape_and_the_dtype_of_the_parameters(row: Any, dtype: str) -> None:
    make, x, shape, _ = row
    for module in (make(dtype), make(dtype).eval()):
        if isinstance(module, nn.MemberMean) and not module.training:
            shape = (shape[0], shape[2])  # the one that gives another shape in evaluation
        assert run(module, gd.tensor(in_dtype(x, dtype))).type == TensorType(shape, np.dtype(dtype))


@every_module
def test_parameters_are_named_as_in_pytorch(row: Any) -> None:
    make, _, _, names = row
    assert list(make("float32").named_parameters()) == names


@every_smooth_module
def test_gradients_agree_with_finite_differences_to_second_order(row: Any) -> None:
    make, x, _, names = row
    module = make("float64")
    places = module.named_parameters()
    values = [np.array(Draw()(*t.shape) if t.shape else t) for t in places.values()]
    floats = [x] if x.dtype.kind == "f" else []

    def function(*tensors: Tensor) -> Tensor:
        inputs, parameters = tensors[: len(floats)], tensors[len(floats) :]
        with module.bind(dict(zip(names, parameters, strict=True))):
            return run(module, *(inputs or [gd.tensor(x)]))

    arrays = [*floats, *values]
    if sum(a.size for a in arrays) > MOST_NUMBERS:
        along, arrays = directions(function, arrays), [np.zeros(3)]
        function = along
    if arrays:
        assert gd.gradcheck(function, arrays, rtol=1e-8, atol=1e-8)
        assert gd.gradcheck(function, arrays, order=2, rtol=1e-6, atol=1e-7)


MOST_NUMBERS = 60  # to be moved one by one


def directions(function: Callable[..., Tensor], arrays: list[np.ndarray]) -> Callable[..., Tensor]:
    """The function along three random directions in which all numbers move."""
    draw = Draw()
    ways = [draw(3, a.size) / np.sqrt(a.size) for a in arrays]

    def along(t: Tensor) -> Tensor:
        moves = (gd.tensor(w).T @ t for w in ways)
        return function(*(m.reshape(a.shape) + a for m, a in zip(moves, arrays, strict=True)))

    return along


@every_module
@every_dtype
def test_a_config_through_json_and_the_weights_make_the_same_module(row: Any, dtype: str) -> None:
    make, x, _, _ = row
    module = make(dtype)
    x = in_dtype(x, dtype)
    run(module, x)  # moves the running statistics
    config = json.loads(json.dumps(nn.to_config(module), allow_nan=False))
    again = nn.from_config(config)
    for kind in ("named_parameters", "named_buffers"):
        new, old = getattr(again, kind)(), getattr(module, kind)()
        assert {n: t.type for n, t in new.items()} == {n: t.type for n, t in old.items()}
        for name, t in new.items():
            t.assign(old[name])
    assert nn.to_config(again) == nn.to_config(module)
    assert repr(again) == repr(module)
    for mode in (True, False):
        outputs = [run(m.train(mode), x).numpy() for m in (module, again)]
        assert np.array_equal(*outputs)


@every_module
def test_the_representation_names_the_class_and_every_tensor(row: Any) -> None:
    module = row[0]("float32")
    text = repr(module)
    assert text.startswith(type(module).__name__)
    for name, t in {**module.named_parameters(), **module.named_buffers()}.items():
        assert f"{name.rpartition('.')[2]} {t.shape}" in text


@every_module
def test_train_and_eval_reach_every_module_inside(row: Any) -> None:
    module = row[0]("float32")
    assert module.eval() is module
    assert not any(m.training for _, m in module.named_modules())
    assert module.train() is module
    assert all(m.training for _, m in module.named_modules())


@every_module
def test_a_module_computes_on_symbolic_tensors(row: Any) -> None:
    make, x, shape, _ = row
    module = make("float32")
    before = {n: np.array(t) for n, t in module.named_buffers().items()}
    x = in_dtype(x, "float32")
    with tracing() as trace:

        def symbolic(of: TensorType, requires_grad: bool = False) -> Tensor:
            return Tensor(None, of, trace=trace, requires_grad=requires_grad)

        tensors = {n: symbolic(t.type, True) for n, t in module.named_parameters().items()}
        tensors |= {n: symbolic(t.type) for n, t in module.named_buffers().items()}
        counter = symbolic(TensorType((), np.dtype("int64")))
        with random.use_stream(random.Stream(counter, counter)), module.bind(tensors):
            y = joined(call(module, symbolic(TensorType.of(x))))
            written = module.named_buffers()
        assert y.is_symbolic
        assert y.type == TensorType(shape, np.dtype("float32"))
        assert list(written) == list(before)
        assert not any(t.requires_grad for t in written.values())
    for name, t in module.named_buffers().items():
        assert np.array_equal(t.numpy(), before[name]), "afterwards all is as before"


@every_module
def test_a_compiled_module_gives_the_same_output_and_statistics(row: Any) -> None:
    make, x, _, _ = row
    module = make("float32")
    x = gd.tensor(in_dtype(x, "float32"))
    tensors = {**module.named_parameters(), **module.named_buffers()}

    def step(tensors: dict[str, Tensor], x: Tensor, seed: Tensor) -> Any:
        with random.use_stream(random.Stream(seed, seed)), module.bind(tensors):
            return joined(call(module, x)) * 1.0, module.named_buffers()

    seed = gd.tensor(5)
    compiled, statistics = gd.compile(step)(tensors, x, seed)
    with random.use_stream(random.Stream(5, 5)):
        eager = joined(call(module, x)).numpy()
    # Fused arithmetic may round differently: a few units in the last place of float32.
    np.testing.assert_allclose(compiled.numpy(), eager, rtol=1e-5, atol=1e-6)
    for name, t in module.named_buffers().items():
        np.testing.assert_allclose(statistics[name].numpy(), t.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("index", [-1, 3])
def test_a_compiled_embedding_refuses_an_index_outside(index: int) -> None:
    lookup = gd.compile(nn.Embedding(3, 2))
    with pytest.raises(ArgumentError, match="length 3"):
        lookup(gd.tensor([0, index]))
