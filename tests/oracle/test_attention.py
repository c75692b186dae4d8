"""Attention and transformer layers against PyTorch: outputs, gradients, and a way of training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import losses, nn, optim, random
from gradus.ops.primitive import Draw
from gradus.train.callbacks import Callback
from gradus.types import Array

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

N, T, S, E, H = 3, 5, 4, 6, 2
draw = Draw()
X, MEMORY, VALUES = draw(N, T, E), draw(N, S, E), draw(N, S, E)
Q, K, V = draw(N, H, T, 4), draw(N, H, S, 4), draw(N, H, S, 3)

rng = np.random.default_rng(0)
SEEN = rng.random((T, S)) < 0.6
SEEN[:, 0] = True
HIDDEN = np.arange(S) >= np.array([[4], [2], [1]])  # padding behind 4, 2 and 1 keys
OWN_HIDDEN = np.arange(T) >= np.array([[5], [3], [2]])
ADDED = np.where(SEEN, rng.normal(size=(T, S)), -np.inf)

# What scaled_dot_product_attention takes, of ours and of PyTorch's.
MASKS: dict[str, Any] = {
    "none": None,
    "booleans": SEEN,
    "booleans-each-example": SEEN & ~HIDDEN[:, None, None, :],
    "floats": rng.normal(size=(N, H, T, S)),
    "floats-with-infinity": ADDED,
    "nothing-for-one-query": SEEN & (np.arange(T) != 2)[:, None],
}


def pulled(y: Any, leaves: list[Any]) -> list[Array]:
    """Ours: the output, and the gradients of a fixed random projection of it."""
    way = random.normal(7, 0, 0, y.shape)
    return [np.array(t) for t in (y, *gd.grad((y * way).sum(), leaves))]


def torch_pulled(y: Any, leaves: list[Any]) -> list[Array]:
    way = torch.tensor(random.normal(7, 0, 0, tuple(y.shape)))
    found = torch.autograd.grad((y * way).sum(), leaves)
    return [t.detach().numpy() for t in (y, *found)]


def assert_agree(ours: list[Array], theirs: list[Array]) -> None:
    for a, b in zip(ours, theirs, strict=True):
        # float64; sums of a few dozen terms that may cancel, judged by the largest beside them
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12 * (1 + np.abs(b).max()))


def leaves(*arrays: Array) -> tuple[list[gd.Tensor], list[Any]]:
    ours = [gd.tensor(a, requires_grad=True) for a in arrays]
    return ours, [torch.tensor(a, requires_grad=True) for a in arrays]


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_attention_agrees_under_every_kind_of_mask(mask: Any) -> None:
    ours, theirs = leaves(Q, K, V)
    y = nn.scaled_dot_product_attention(*ours, mask)
    given = None if mask is None else torch.tensor(mask)
    expected = torch.nn.functional.scaled_dot_product_attention(*theirs, given)
    assert_agree(pulled(y, ours), torch_pulled(expected, theirs))


@pytest.mark.parametrize("shape", [(T, T), (T, S), (S, T)])
def test_causal_attention_agrees_for_as_many_fewer_and_more_keys(shape: tuple[int, int]) -> None:
    draw = Draw()
    ours, theirs = leaves(draw(N, H, shape[0], 4), *(draw(N, H, shape[1], 4) for _ in range(2)))
    y = nn.scaled_dot_product_attention(*ours, is_causal=True)
    expected = torch.nn.functional.scaled_dot_product_attention(*theirs, is_causal=True)
    assert_agree(pulled(y, ours), torch_pulled(expected, theirs))


def same_weights(module: nn.Module, twin: Any) -> tuple[nn.Module, Any]:
    draw = Draw()
    state = twin.state_dict()
    named = module.named_parameters()
    assert {n: t.shape for n, t in named.items()} == {n: tuple(t.shape) for n, t in state.items()}
    for name, t in named.items():
        t.assign(draw(*t.shape, low=-0.7, high=0.7))
        state[name].copy_(torch.tensor(np.array(t)))
    return module, twin


def attentions(**options: Any) -> tuple[nn.Module, Any]:
    ours = nn.MultiheadAttention(E, H, dtype="float64", **options)
    theirs = torch.nn.MultiheadAttention(E, H, batch_first=True, dtype=torch.float64, **options)
    return same_weights(ours, theirs)


# Masks of the module, of which True hides: key_padding_mask and attn_mask.
MODULE_MASKS: dict[str, dict[str, Array]] = {
    "none": {},
    "padding": {"key_padding_mask": HIDDEN},
    "booleans": {"attn_mask": ~SEEN},
    "floats": {"attn_mask": ADDED},
    "both": {"key_padding_mask": HIDDEN, "attn_mask": ~SEEN},
    "both-floats": {
        "key_padding_mask": np.where(HIDDEN, -np.inf, 0.5), "attn_mask": ADDED,
    },
}  # fmt: skip


@pytest.mark.parametrize("masks", MODULE_MASKS.values(), ids=MODULE_MASKS)
@pytest.mark.parametrize("bias", [True, False])
def test_cross_attention_and_its_weights_agree(masks: dict[str, Array], bias: bool) -> None:
    module, twin = attentions(bias=bias)
    ours, theirs = leaves(X, MEMORY, VALUES)
    given = {n: torch.tensor(m) for n, m in masks.items()}
    y = module(*ours, **masks)
    expected, weights = twin(*theirs, **given, average_attn_weights=False)
    assert_agree(
        pulled(y, [*ours, *module.parameters()]),
        torch_pulled(expected, [*theirs, *twin.parameters()]),
    )
    found = module.weights(ours[0], ours[1], **masks)  # type: ignore[operator]
    np.testing.assert_allclose(found.numpy(), weights.detach().numpy(), rtol=1e-10, atol=1e-14)


def test_causal_self_attention_agrees() -> None:
    module, twin = attentions()
    ours, theirs = leaves(X)
    later = torch.nn.Transformer.generate_square_subsequent_mask(T, dtype=torch.float64)
    expected, _ = twin(theirs[0], theirs[0], theirs[0], attn_mask=later, is_causal=True)
    assert_agree(
        pulled(module(ours[0], is_causal=True), [*ours, *module.parameters()]),
        torch_pulled(expected, [*theirs, *twin.parameters()]),
    )


SETTINGS = [(first, f) for first in (False, True) for f in ("relu", "gelu")]


@pytest.mark.parametrize(("norm_first", "activation"), SETTINGS)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_encoder_layers_agree(
    norm_first: bool, activation: str, causal: bool, padded: bool
) -> None:
    options = {"norm_first": norm_first, "activation": activation, "layer_norm_eps": 1e-4}
    module, twin = same_weights(
        nn.TransformerEncoderLayer(E, H, 7, 0.0, causal=causal, dtype="float64", **options),
        torch.nn.TransformerEncoderLayer(
            E, H, 7, 0.0, batch_first=True, dtype=torch.float64, **options
        ),
    )
    ours, theirs = leaves(X)
    hidden = OWN_HIDDEN if padded else None
    later = torch.ones(T, T).triu(1).bool() if causal else None
    y = module(*ours, src_key_padding_mask=hidden)
    expected = twin(
        *theirs,
        src_mask=later,
        src_key_padding_mask=None if hidden is None else torch.tensor(hidden),
    )
    assert_agree(
        pulled(y, [*ours, *module.parameters()]),
        torch_pulled(expected, [*theirs, *twin.parameters()]),
    )


@pytest.mark.parametrize(("norm_first", "activation"), SETTINGS)
@pytest.mark.parametrize("causal", [False, True])
def test_decoder_layers_agree(norm_first: bool, activation: str, causal: bool) -> None:
    options = {"norm_first": norm_first, "activation": activation}
    module, twin = same_weights(
        nn.TransformerDecoderLayer(E, H, 7, 0.0, causal=causal, dtype="float64", **options),
        torch.nn.TransformerDecoderLayer(
            E, H, 7, 0.0, batch_first=True, dtype=torch.float64, **options
        ),
    )
    ours, theirs = leaves(X, MEMORY)
    later = torch.ones(T, T).triu(1).bool() if causal else None
    y = module(*ours, memory_key_padding_mask=HIDDEN, memory_mask=~SEEN)
    expected = twin(
        *theirs,
        tgt_mask=later,
        memory_key_padding_mask=torch.tensor(HIDDEN),
        memory_mask=torch.tensor(~SEEN),
    )
    assert_agree(
        pulled(y, [*ours, *module.parameters()]),
        torch_pulled(expected, [*theirs, *twin.parameters()]),
    )


@pytest.mark.parametrize("name", ["MultiheadAttention", "TransformerEncoderLayer"])
def test_weights_start_as_large_as_pytorchs(name: str) -> None:
    torch.manual_seed(0)
    gd.manual_seed(0)
    arguments = (64, 4) if name == "MultiheadAttention" else (64, 4, 256)
    ours = getattr(nn, name)(*arguments).named_parameters()
    for field, twin in getattr(torch.nn, name)(*arguments).named_parameters():
        if "linear" in field and "bias" in field:
            continue  # a few dozen draws
        assert np.abs(ours[field].numpy()).max() == pytest.approx(twin.abs().max().item(), rel=0.02)
        assert ours[field].numpy().std() == pytest.approx(twin.std().item(), rel=0.1)


# ── Fifty steps of a small model of language ────────────────────────────────────────────────────

LETTERS, WIDTH, PLACES = 11, 8, 6
TEXT = np.cumsum(random.permutation(5, 0, 400) % 3) % LETTERS


def body(norm_first: bool, dtype: str) -> nn.Sequential:
    def layer() -> nn.Module:
        return nn.TransformerEncoderLayer(
            WIDTH, 2, 16, 0.0, "gelu", norm_first=norm_first, causal=True, dtype=dtype
        )

    return nn.Sequential(
        nn.Embedding(LETTERS, WIDTH, dtype=dtype), nn.LearnedPositions(PLACES, WIDTH, dtype=dtype),
        layer(), layer(), nn.LayerNorm(WIDTH, dtype=dtype), nn.Linear(WIDTH, LETTERS, dtype=dtype),
    )  # fmt: skip


class TorchBody(torch.nn.Module):
    """The same of PyTorch's parts; parameters in the same order."""

    def __init__(self, norm_first: bool) -> None:
        super().__init__()
        options = {"batch_first": True, "norm_first": norm_first, "activation": "gelu"}
        self.embedding = torch.nn.Embedding(LETTERS, WIDTH)
        self.positions = torch.nn.Embedding(PLACES, WIDTH)
        self.layers = torch.nn.ModuleList(
            torch.nn.TransformerEncoderLayer(WIDTH, 2, 16, 0.0, **options) for _ in range(2)
        )
        self.norm, self.head = torch.nn.LayerNorm(WIDTH), torch.nn.Linear(WIDTH, LETTERS)
        self.double()

    def forward(self, x: Any) -> Any:
        y = self.embedding(x) + self.positions.weight[: x.shape[1]]
        later = torch.nn.Transformer.generate_square_subsequent_mask(x.shape[1]).double()
        for layer in self.layers:
            y = layer(y, src_mask=later, is_causal=True)
        return self.head(self.norm(y))


class Losses(Callback):
    """Loss of each step, from epochs of a single one."""

    def __init__(self) -> None:
        self.found: list[float] = []

    def on_epoch_end(self, trainer: gd.Trainer, row: Any) -> None:
        self.found.append(row["loss"])


def assert_same_course(network: nn.Module, twin: Any, x: Array, y: Array, executor: str) -> None:
    """Fifty steps from the weights of ours: the losses of both libraries."""
    with torch.no_grad():
        for ours, theirs in zip(network.parameters(), twin.parameters(), strict=True):
            theirs.copy_(torch.tensor(ours.numpy()))
    trainer = gd.Trainer(
        network, losses.cross_entropy, optim.AdamW(1e-2, weight_decay=0.1), executor=executor
    )
    found = Losses()
    trainer.fit(
        x, y, epochs=50, batch_size=len(x), shuffle=False, callbacks=[found], progress=False
    )
    descent = torch.optim.AdamW(twin.parameters(), 1e-2, weight_decay=0.1)
    expected = []
    for _ in range(50):
        scores = twin(torch.tensor(x)).permute(0, 2, 1)
        loss = torch.nn.functional.cross_entropy(scores, torch.tensor(y))
        descent.zero_grad()
        loss.backward()
        descent.step()
        expected.append(loss.item())
    assert expected[-1] < 0.8 * expected[0]
    # Adam divides by the root of gradients, which may be small: roundings of 1e-16 grow on the way.
    np.testing.assert_allclose(found.found, expected, rtol=1e-9)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("executor", ["reference", "native"])
def test_fifty_steps_of_a_small_transformer_go_as_in_pytorch(
    norm_first: bool, executor: str
) -> None:
    x, y = gd.data.windows(TEXT, PLACES)
    gd.manual_seed(1)
    assert_same_course(body(norm_first, "float64"), TorchBody(norm_first), x, y, executor)


class Halves(nn.Module):
    """Decodes the second half of each row, looking at a memory of the first half."""

    def __init__(self, norm_first: bool) -> None:
        arguments: Any = (WIDTH, 2, 16, 0.0, "gelu")
        options: Any = {"norm_first": norm_first, "dtype": "float64"}
        self.embedding = nn.Embedding(LETTERS, WIDTH, dtype="float64")
        self.positions = nn.LearnedPositions(PLACES, WIDTH, dtype="float64")
        self.encoder = nn.TransformerEncoderLayer(*arguments, **options)
        self.decoder = nn.TransformerDecoderLayer(*arguments, causal=True, **options)
        self.head = nn.Linear(WIDTH, LETTERS, dtype="float64")

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        memory = self.encoder(self.positions(self.embedding(x[:, :PLACES])))
        return self.head(self.decoder(self.positions(self.embedding(x[:, PLACES:])), memory))


class TorchHalves(torch.nn.Module):
    """The same of PyTorch's parts; parameters in the same order."""

    def __init__(self, norm_first: bool) -> None:
        super().__init__()
        arguments = (WIDTH, 2, 16, 0.0, "gelu")
        options = {"batch_first": True, "norm_first": norm_first}
        self.embedding = torch.nn.Embedding(LETTERS, WIDTH)
        self.positions = torch.nn.Embedding(PLACES, WIDTH)
        self.encoder = torch.nn.TransformerEncoderLayer(*arguments, **options)
        self.decoder = torch.nn.TransformerDecoderLayer(*arguments, **options)
        self.head = torch.nn.Linear(WIDTH, LETTERS)
        self.double()

    def forward(self, x: Any) -> Any:
        first, second = (
            self.embedding(half) + self.positions.weight for half in x.split(PLACES, dim=1)
        )
        later = torch.nn.Transformer.generate_square_subsequent_mask(PLACES).double()
        return self.head(self.decoder(second, self.encoder(first), tgt_mask=later))


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("executor", ["reference", "native"])
def test_fifty_steps_of_an_encoder_and_a_decoder_go_as_in_pytorch(
    norm_first: bool, executor: str
) -> None:
    x, y = gd.data.windows(TEXT, 2 * PLACES)
    gd.manual_seed(1)
    assert_same_course(Halves(norm_first), TorchHalves(norm_first), x, y[:, PLACES:], executor)


SCORES, LABELS = draw(4, 3, 2, 5), np.arange(24).reshape(4, 3, 2) % 5
SHARES = np.exp(draw(4, 3, 2, 5))
SHARES /= SHARES.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("target", [LABELS, SHARES], ids=["labels", "distributions"])
def test_cross_entropy_of_several_predictions_is_the_mean_of_pytorchs(
    target: Array, smoothing: float
) -> None:
    ours, theirs = leaves(SCORES)
    values = losses.cross_entropy(ours[0], target, label_smoothing=smoothing)
    back: Callable[[Any], Any] = lambda t: torch.movedim(t, -1, 1)  # noqa: E731
    given = torch.tensor(target)
    expected = torch.nn.functional.cross_entropy(
        back(theirs[0]),
        given if target.ndim == 3 else back(given),
        label_smoothing=smoothing,
        reduction="none",
    ).mean(dim=(1, 2))
    assert_agree(pulled(values, ours), torch_pulled(expected, theirs))
