"""Attention, positions and transformer layers: who sees what, and what wrong input is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradus as gd
from gradus import losses, nn, optim
from gradus.compiler import executor_named, trace
from gradus.compiler.native import available
from gradus.errors import ArgumentError, DtypeError, ShapeError
from gradus.ops.primitive import Draw

EXECUTORS = ["reference", *(["native"] if available() else [])]
N, T, E = 3, 5, 8
X = Draw()(N, T, E)
MEMORY = Draw()(N, 4, E)


def layers(**options: Any) -> dict[str, nn.Module]:
    gd.manual_seed(0)
    return {
        "encoder": nn.TransformerEncoderLayer(E, 2, 12, 0.0, **options),
        "encoder-norm-first": nn.TransformerEncoderLayer(E, 2, 12, 0.0, norm_first=True, **options),
        "decoder": nn.TransformerDecoderLayer(E, 2, 12, 0.0, **options),
    }


def run(layer: nn.Module, x: Any, memory: Any = MEMORY, **options: Any) -> gd.Tensor:
    more = [memory] if isinstance(layer, nn.TransformerDecoderLayer) else []
    return layer(x, *more, **options)


every_layer = pytest.mark.parametrize("name", layers())


# ── What attention is ───────────────────────────────────────────────────────────────────────────


def test_a_query_that_resembles_one_key_takes_its_value() -> None:
    keys, values = np.eye(3), np.array([[1.0], [2.0], [3.0]])
    found = nn.scaled_dot_product_attention(1e3 * keys[[1]], keys, values)
    np.testing.assert_allclose(found.numpy(), [[2.0]], rtol=1e-12)


@given(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6), st.integers(1, 5), st.data())
@settings(max_examples=40, deadline=None)
def test_attention_is_the_formula_of_each_query_by_itself(
    n: int, t: int, s: int, d: int, data: Any
) -> None:
    draw = Draw()
    q, k, v = draw(n, t, d), draw(n, s, d), draw(n, s, 2)
    seen = np.array(
        data.draw(st.lists(st.lists(st.booleans(), min_size=s, max_size=s), min_size=t, max_size=t))
    )
    found = nn.scaled_dot_product_attention(q, k, v, seen).numpy()
    for i in range(n):
        for j in range(t):
            e = np.exp(k[i][seen[j]] @ q[i, j] / np.sqrt(d))
            expected = e @ v[i][seen[j]] / e.sum() if len(e) else np.zeros(2)
            np.testing.assert_allclose(found[i, j], expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("is_causal", [False, True])
def test_scores_of_ten_thousand_are_finite_with_two_derivatives(
    dtype: str, is_causal: bool
) -> None:
    sign = np.sign(Draw()(4, 1)).astype(dtype)
    q, k, v = (gd.tensor(a.astype(dtype), requires_grad=True) for a in (1e4 * sign, sign, sign))
    y = nn.scaled_dot_product_attention(q, k, v, is_causal=is_causal)
    first = gd.grad((y * y).sum(), [q, k, v], create_graph=True)
    second = gd.grad(sum((g * g).sum() for g in first), [q, k, v])
    assert all(np.isfinite(t.numpy()).all() for t in (y, *first, *second))


NOTHING = {
    "booleans": np.zeros((T, T), bool),
    "floats": np.full((T, T), -np.inf),
    "one-query": np.arange(T)[:, None] != np.full(T, 2),
}


@pytest.mark.parametrize("mask", NOTHING.values(), ids=NOTHING)
@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_query_that_may_look_at_nothing_gets_zeros_and_moves_nothing(
    mask: np.ndarray, executor: str
) -> None:
    def function(q: gd.Tensor, k: gd.Tensor, v: gd.Tensor) -> Any:
        y = nn.scaled_dot_product_attention(q, k, v, mask)
        return {"y": y, "dq": gd.grad(y.sum(), q), "dv": gd.grad(y.sum(), v)}

    tensors = [gd.tensor(X.astype(np.float32), requires_grad=True) for _ in range(3)]
    program = executor_named(executor).prepare(trace(function, *tensors).graph)
    found = program.run({n: X.astype(np.float32) for n in ("q", "k", "v")})
    blind = ~(mask > -np.inf if mask.dtype == float else mask).any(axis=1)
    assert blind.any()
    assert all(np.isfinite(a).all() for a in found.values())
    assert (found["y"][:, blind] == 0).all()
    assert (found["dq"][:, blind] == 0).all()
    assert (found["dv"] == 0).all() == blind.all()


def test_padding_leaves_no_trace() -> None:
    gd.manual_seed(0)
    attention = nn.MultiheadAttention(E, 2)
    hidden = np.arange(T) >= 3
    whole = attention(X, key_padding_mask=np.broadcast_to(hidden, (N, T))).numpy()
    other = X.copy()
    other[:, 3:] = 100.0
    again = attention(X, other, other, key_padding_mask=np.broadcast_to(hidden, (N, T))).numpy()
    assert np.array_equal(whole, again)
    alone = attention(X[:, :3]).numpy()
    np.testing.assert_allclose(whole[:, :3], alone, rtol=1e-5, atol=1e-6)


def test_an_example_that_is_all_padding_gives_the_last_bias() -> None:
    attention = nn.MultiheadAttention(E, 2)
    attention.out_proj.bias = np.arange(E)
    found = attention(X, key_padding_mask=np.ones((N, T), bool))
    assert np.array_equal(found.numpy(), np.broadcast_to(np.arange(E, dtype=np.float32), (N, T, E)))


def test_weights_are_those_that_the_output_is_made_with() -> None:
    gd.manual_seed(0)
    attention = nn.MultiheadAttention(E, 1, bias=False, dtype="float64")
    weights = attention.weights(X, is_causal=True).numpy()
    assert weights.shape == (N, 1, T, T)
    np.testing.assert_allclose(weights.sum(axis=-1), 1.0, rtol=1e-12)
    values = X @ attention.in_proj_weight.numpy()[2 * E :].T
    expected = weights[:, 0] @ values @ attention.out_proj.weight.numpy().T
    np.testing.assert_allclose(attention(X, is_causal=True).numpy(), expected, rtol=1e-10)


def test_dropout_thins_the_weights_in_training_alone() -> None:
    attention = nn.MultiheadAttention(E, 2, dropout=0.5)
    once, again = attention(X), attention(X)
    assert not np.array_equal(once.numpy(), again.numpy())
    attention.eval()
    assert np.array_equal(attention(X).numpy(), attention(X).numpy())


# ── Causality, and executors ────────────────────────────────────────────────────────────────────


@every_layer
@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_comes_later_changes_no_bit_of_what_was_before(
    name: str, executor: str, dtype: str
) -> None:
    layer = layers(causal=True, dtype=dtype)[name]
    memory = MEMORY.astype(dtype)
    traced = trace(lambda x: run(layer, x, memory), x=gd.tensor(X.astype(dtype)))
    program = executor_named(executor).prepare(traced.graph)
    fixed = {n: t.numpy() for n, t in traced.captured.items()}
    before = program.run({"x": X.astype(dtype), **fixed})["result"]
    for t in range(T):
        other = X.astype(dtype)
        other[:, t:] = 1e3 * Draw()(N, T - t, E)
        after = program.run({"x": other, **fixed})["result"]
        assert np.array_equal(after[:, :t], before[:, :t])
        assert not np.array_equal(after[:, t:], before[:, t:])


@every_layer
def test_a_layer_sees_all_places_unless_it_is_causal(name: str) -> None:
    layer, other = layers()[name], X.copy()
    other[:, -1] += 1.0
    assert not np.array_equal(run(layer, X).numpy()[:, 0], run(layer, other).numpy()[:, 0])
    option = {"tgt_is_causal" if name == "decoder" else "is_causal": True}
    causal = [run(layer, x, **option).numpy()[:, 0] for x in (X, other)]
    assert np.array_equal(*causal)


def test_a_decoder_sees_all_of_its_memory() -> None:
    layer, other = layers(causal=True)["decoder"], MEMORY.copy()
    other[:, -1] += 1.0
    assert not np.array_equal(run(layer, X).numpy(), run(layer, X, other).numpy())


@pytest.mark.skipif(not available(), reason="built without the native executor")
@every_layer
def test_native_steps_are_those_of_the_reference(name: str) -> None:
    class Flat(nn.Module):
        """Gives one number a place, so that it can be trained."""

        def __init__(self, layer: nn.Module) -> None:
            self.layer, self.head = layer, nn.Linear(E, 3)

        def forward(self, x: gd.Tensor) -> gd.Tensor:
            return self.head(run(self.layer, x, x * 0.5))

    x, y = Draw()(40, T, E).astype(np.float32), np.arange(40 * T).reshape(40, T) % 3
    found = []
    for executor in ("native", "reference"):
        net = Flat(layers(causal=True)[name])
        gd.manual_seed(3)
        net.head = nn.Linear(E, 3)
        trainer = gd.Trainer(
            net, losses.cross_entropy, optim.SGD(0.1), metrics=["accuracy"], executor=executor
        )
        history = trainer.fit(x, y, epochs=4, batch_size=16, validation=0.2, progress=False)
        found.append((history["loss"], history["val_loss"], trainer.predict(x)))
    for native, reference in zip(*found, strict=True):
        # float32 sums in another order, through a dozen steps
        np.testing.assert_allclose(native, reference, rtol=1e-4, atol=1e-5)


# ── Positions ───────────────────────────────────────────────────────────────────────────────────


def test_sinusoidal_positions_are_the_papers_formula_place_by_place() -> None:
    d = 7
    found = nn.SinusoidalPositions(d)(np.zeros((1, 50, d))).numpy()[0]
    for t in (0, 1, 49):
        for i in range(d):
            angle = t / 10000 ** ((i - i % 2) / d)
            assert found[t, i] == pytest.approx(
                np.cos(angle) if i % 2 else np.sin(angle), abs=1e-12
            )


def test_positions_of_whole_numbers_are_no_whole_numbers() -> None:
    x = np.arange(24).reshape(2, 3, 4)
    layer = nn.SinusoidalPositions(4)
    found = layer(x)
    assert found.dtype == np.float32
    assert np.array_equal(found.numpy(), layer(x.astype(np.float32)).numpy())


def test_learned_positions_are_the_same_rows_for_every_example() -> None:
    layer = nn.LearnedPositions(6, 4)
    found = layer(np.ones((3, 5, 4), np.float32)).numpy()
    assert np.array_equal(found, np.broadcast_to(1 + layer.weight.numpy()[:5], (3, 5, 4)))


# ── What wrong input is told ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: nn.MultiheadAttention(6, 4), ArgumentError, "4 heads for 6 numbers"),
        (lambda: nn.MultiheadAttention(6, 0), ArgumentError, "num_heads must be at least 1"),
        (lambda: nn.MultiheadAttention(6, 2, dropout=1.0), ArgumentError, "p must be"),
        (lambda: nn.TransformerEncoderLayer(4, 2, activation="rely"), ArgumentError, "one of"),
        (lambda: nn.TransformerEncoderLayer(4, 2, norm_first=1), ArgumentError, "norm_first"),
        (lambda: nn.MultiheadAttention(8, 2)(X[0]), ShapeError, r"x.reshape\(1, \*x.shape\)"),
        (lambda: nn.MultiheadAttention(4, 2)(X), ShapeError, r"here \(3, 5, 4\); received"),
        (lambda: nn.MultiheadAttention(8, 2)(X, MEMORY[:2]), ShapeError, "the keys of"),
        (lambda: nn.MultiheadAttention(8, 2)(X, MEMORY, X), ShapeError, "the values of"),
        (
            lambda: nn.MultiheadAttention(8, 2)(X, key_padding_mask=np.zeros(T, bool)),
            ShapeError, r"a place for each key, \(3, 5\)",
        ),
        (
            lambda: nn.MultiheadAttention(8, 2)(X, attn_mask=np.zeros((T, 4), bool)),
            ShapeError, r"\(3, 2, 5, 5\); received \(5, 4\)",
        ),
        (
            lambda: nn.MultiheadAttention(8, 2)(X, attn_mask=np.zeros((T, T), int)),
            DtypeError, "booleans, or of floats",
        ),
        (lambda: nn.scaled_dot_product_attention(X, X[..., :4], X), ShapeError, "one length d"),
        (lambda: nn.scaled_dot_product_attention(X, X, MEMORY), ShapeError, "a value"),
        (lambda: nn.LearnedPositions(4, 8)(X), ShapeError, "at most 4 places"),
        (lambda: nn.LearnedPositions(9, 4)(X), ShapeError, r"\(n, T, 4\)"),
        (lambda: nn.SinusoidalPositions(8)(X[0]), ShapeError, r"\(n, T, 8\)"),
        (lambda: nn.Embedding(3, 2, init="normal"), ArgumentError, "initialiser or None"),
    ],
)  # fmt: skip
def test_misuse_is_refused_with_what_to_do(wrong: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        wrong()
