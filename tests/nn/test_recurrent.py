"""Recurrent layers: their formulas, padding, both directions, states handed on, and wrong input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradus as gd
from gradus import losses, nn, ops, optim, random
from gradus.compiler import executor_named, trace
from gradus.compiler import settings as settings_of
from gradus.compiler.native import available
from gradus.errors import ArgumentError, DtypeError, ShapeError
from gradus.ops.primitive import Draw
from gradus.tensor import Tensor
from gradus.train.examples import kinds_of
from gradus.types import Array

KINDS = [nn.RNN, nn.LSTM, nn.GRU]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
EXACT = {"rtol": 1e-12, "atol": 1e-14}  # a few roundings of float64, products in another order


@pytest.fixture(autouse=True)
def fresh_seed() -> Iterator[None]:
    with random.use_stream(random.Stream(0)):
        yield


def parts(state: Any) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


def named(layer: nn.Module) -> dict[str, Array]:
    return {n: t.numpy() for n, t in layer.named_parameters().items()}


# ── The formulas ────────────────────────────────────────────────────────────────────────────────


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def rnn_step(a: Array, u: Array, state: list[Array]) -> list[Array]:
    return [np.tanh(a + u)]


def lstm_step(a: Array, u: Array, state: list[Array]) -> list[Array]:
    i, f, g, o = np.split(a + u, 4, axis=1)
    c = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(c), c]


def gru_step(a: Array, u: Array, state: list[Array]) -> list[Array]:
    (ar, az, an), (ur, uz, un) = np.split(a, 3, axis=1), np.split(u, 3, axis=1)
    z, n = sigmoid(az + uz), np.tanh(an + sigmoid(ar + ur) * un)
    return [(1 - z) * n + z * state[0]]


STEPS: dict[Any, Callable[[Array, Array, list[Array]], list[Array]]] = {
    nn.RNN: rnn_step, nn.LSTM: lstm_step, nn.GRU: gru_step,
}  # fmt: skip


@every_kind
def test_every_step_is_the_formula_on_the_step_before(kind: Any) -> None:
    layer, x = kind(3, 4, dtype="float64"), Draw()(5, 6, 3)
    w, u, b, c = named(layer).values()
    state = [np.zeros((5, 4))] * (2 if kind is nn.LSTM else 1)
    expected = []
    for t in range(6):
        state = STEPS[kind](x[:, t] @ w.T + b, state[0] @ u.T + c, state)
        expected.append(state[0])
    output, final = layer(x)
    np.testing.assert_allclose(output.numpy(), np.stack(expected, axis=1), **EXACT)
    for found, last in zip(parts(final), state, strict=True):
        np.testing.assert_allclose(found.numpy(), [last], **EXACT)


def test_a_plain_layer_with_relu_adds_up_what_it_sees() -> None:
    layer = nn.RNN(1, 1, nonlinearity="relu", bias=False)
    layer.weight_ih_l0, layer.weight_hh_l0 = [[1.0]], [[1.0]]
    output, _ = layer([[[1.0], [2.0], [-5.0], [4.0]]])
    assert output.tolist() == [[[1.0], [3.0], [0.0], [4.0]]]


def test_an_lstm_whose_gates_are_held_open_keeps_its_cell() -> None:
    layer = nn.LSTM(1, 1, bias=True, dtype="float64")
    for t in layer.parameters():
        t.assign(np.zeros(t.shape))
    layer.bias_ih_l0 = [-1000.0, 1000.0, 0.0, 1000.0]  # nothing in, all kept, all shown
    _, (h, c) = layer(np.ones((1, 50, 1)), (np.zeros((1, 1, 1)), np.full((1, 1, 1), 0.7)))
    assert c.item() == 0.7
    assert h.item() == np.tanh(0.7)


@every_kind
def test_parameters_start_in_pytorchs_range(kind: Any) -> None:
    layer = kind(7, 100, num_layers=2, bidirectional=True)
    for name, array in named(layer).items():
        assert np.abs(array).max() <= 0.1, name
        assert array.std() == pytest.approx(0.1 / np.sqrt(3), rel=0.2), name


# ── Layers and directions ───────────────────────────────────────────────────────────────────────


@every_kind
def test_two_layers_are_one_layer_on_the_outputs_of_another(kind: Any) -> None:
    both, x = kind(3, 4, num_layers=2, dtype="float64"), Draw()(2, 5, 3)
    first, second = kind(3, 4, dtype="float64"), kind(4, 4, dtype="float64")
    for name, t in both.named_parameters().items():
        target = first if name.endswith("l0") else second
        getattr(target, name.replace("l1", "l0")).assign(t)
    output, state = both(x)
    between, one = first(x)
    expected, two = second(between)
    np.testing.assert_array_equal(output.numpy(), expected.numpy())
    for found, a, b in zip(parts(state), parts(one), parts(two), strict=True):
        np.testing.assert_array_equal(found.numpy(), np.concatenate([a, b]))


@every_kind
def test_backwards_is_forwards_on_the_reversed_sequence(kind: Any) -> None:
    both, x = kind(3, 4, bidirectional=True, dtype="float64"), Draw()(2, 5, 3)
    one = kind(3, 4, dtype="float64")
    for name, t in both.named_parameters().items():
        if name.endswith("_reverse"):
            getattr(one, name.removesuffix("_reverse")).assign(t)
    output, state = both(x)
    mirrored, end = one(x[:, ::-1])
    np.testing.assert_array_equal(output.numpy()[:, :, 4:], mirrored.numpy()[:, ::-1])
    for found, expected in zip(parts(state), parts(end), strict=True):
        np.testing.assert_array_equal(found.numpy()[1:], expected.numpy())


@every_kind
def test_steps_first_is_the_same_with_the_axes_of_x_and_output_exchanged(kind: Any) -> None:
    rows, x = kind(3, 4, bidirectional=True, dtype="float64"), Draw()(2, 5, 3)
    steps = kind(3, 4, batch_first=False, bidirectional=True, dtype="float64")
    for name, t in rows.named_parameters().items():
        getattr(steps, name).assign(t)
    (a, a_state), (b, b_state) = rows(x), steps(x.swapaxes(0, 1))
    np.testing.assert_allclose(b.numpy().swapaxes(0, 1), a.numpy(), **EXACT)
    for found, expected in zip(parts(b_state), parts(a_state), strict=True):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), **EXACT)


@every_kind
def test_dropout_acts_between_layers_and_only_in_training(kind: Any) -> None:
    layer, x = kind(3, 50, num_layers=2, dropout=0.5), np.ones((4, 2, 3), np.float32)
    plain = kind(3, 50, num_layers=2)
    for name, t in layer.named_parameters().items():
        getattr(plain, name).assign(t)
    assert not np.array_equal(layer(x)[0], layer(x)[0])
    states = layer(x)[1], plain(x)[1]
    first, last = (np.array([parts(s)[0][k] for s in states]) for k in (0, 1))
    assert np.array_equal(*first), "the first layer sees all inputs"
    assert not np.array_equal(*last)
    assert np.array_equal(layer.eval()(x)[0], plain(x)[0])


# ── States handed on, and padding ───────────────────────────────────────────────────────────────


@every_kind
@given(cut=st.integers(1, 6))
@settings(max_examples=6, deadline=None)
def test_a_sequence_in_two_pieces_gives_what_it_gives_in_one(kind: Any, cut: int) -> None:
    layer, x = kind(3, 4, num_layers=2, dtype="float64"), Draw()(2, 7, 3)
    output, state = layer(x)
    early, between = layer(x[:, :cut])
    late, after = layer(x[:, cut:], between)
    found = np.concatenate([early, late], axis=1)
    np.testing.assert_allclose(found, output.numpy(), **EXACT)
    for a, b in zip(parts(after), parts(state), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), **EXACT)


@every_kind
@given(lengths=st.lists(st.integers(1, 5), min_size=1, max_size=4), both=st.booleans())
@settings(max_examples=15, deadline=None)
def test_a_padded_row_gives_what_it_gives_alone_and_zeros(
    kind: Any, lengths: list[int], both: bool
) -> None:
    layer = kind(2, 3, num_layers=2, bidirectional=both, dtype="float64")
    draw = Draw()
    x = draw(len(lengths), 5, 2)
    start = [draw(2 * (1 + both), len(lengths), 3) for _ in range(1 + (kind is nn.LSTM))]
    output, state = layer(x, tuple(start) if len(start) > 1 else start[0], lengths=lengths)
    for k, n in enumerate(lengths):
        own = [s[:, k : k + 1] for s in start]
        alone, end = layer(x[k : k + 1, :n], tuple(own) if len(own) > 1 else own[0])
        np.testing.assert_allclose(output[k, :n].numpy(), alone[0].numpy(), **EXACT)
        assert not output[k, n:].numpy().any()
        for a, b in zip(parts(state), parts(end), strict=True):
            np.testing.assert_allclose(a[:, k].numpy(), b[:, 0].numpy(), **EXACT)


@every_kind
def test_padding_has_no_effect_whatever_it_holds_and_no_gradient(kind: Any) -> None:
    layer = kind(2, 3, bidirectional=True, dtype="float64")
    x = Draw()(2, 4, 2)
    padded = x.copy()
    padded[1, 2:] = 1e6
    results, gradients = [], []
    for given_x in (x, padded):
        leaf = gd.tensor(given_x, requires_grad=True)
        output, state = layer(leaf, lengths=[4, 2])
        total = (output * output).sum() + sum(p.sum() for p in parts(state))
        results.append(total.item())
        gradients.append([g.numpy() for g in gd.grad(total, [leaf, *layer.parameters()])])
    assert results[0] == results[1]
    assert not gradients[0][0][1, 2:].any()
    for a, b in zip(*gradients, strict=True):
        np.testing.assert_array_equal(a, b)


@every_kind
@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_padding_may_be_no_number(kind: Any, odd: float) -> None:
    layer = kind(2, 3, num_layers=2, bidirectional=True, dtype="float64")
    x = Draw()(2, 4, 2)
    x[1, 2:] = odd
    leaf = gd.tensor(x, requires_grad=True)
    output, _ = layer(leaf, lengths=[4, 2])
    for t in (output, *gd.grad(output.sum(), [leaf, *layer.parameters()])):
        assert np.isfinite(t.numpy()).all()


def test_computed_lengths_may_count_nothing_or_everything() -> None:
    layer, x = nn.GRU(2, 3), Draw()(3, 4, 2).astype("float32")
    traced = gd.compile(lambda x, n: layer(x, lengths=n))
    output, state = traced(x, gd.tensor([0, 2, 9]))
    expected, end = layer(x[1:], lengths=[2, 4])
    assert not output[0].numpy().any()
    assert not state[:, 0].numpy().any()
    np.testing.assert_allclose(output[1:].numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(state[:, 1:].numpy(), end.numpy(), rtol=1e-5, atol=1e-6)


# ── In a network ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("both", [False, True])
@every_kind
def test_the_last_step_is_the_end_of_each_direction(kind: Any, both: bool) -> None:
    layer, x = kind(2, 3, num_layers=2, bidirectional=both), Draw()(2, 5, 2)
    given = layer(x, lengths=[5, 2])
    output, last = given[0].numpy(), nn.LastStep()(given).numpy()
    np.testing.assert_array_equal(nn.EveryStep()(given).numpy(), output)
    np.testing.assert_array_equal(last[:, :3], [output[0, 4, :3], output[1, 1, :3]])
    if both:
        np.testing.assert_array_equal(last[:, 3:], output[:, 0, 3:])


def language_model() -> nn.Module:
    gd.manual_seed(0)
    return nn.Sequential(
        nn.Embedding(5, 3), nn.LSTM(3, 6), nn.EveryStep(), nn.GRU(6, 4, num_layers=2, dropout=0.1),
        nn.EveryStep(), nn.Linear(4, 5),
    )  # fmt: skip


def every_symbol(scores: Tensor, symbols: Tensor) -> Tensor:
    """Cross-entropy of the next symbol, the mean over the steps of each row."""
    n, steps, classes = scores.shape
    each = losses.cross_entropy(scores.reshape(n * steps, classes), symbols.reshape(n * steps))
    return ops.mean(each.reshape(n, steps), axis=1)


TEXT = (np.arange(40)[:, None] * 3 + np.arange(7)[None, :] * 2) % 5


@pytest.mark.skipif(not available(), reason="built without the native executor")
def test_a_language_model_trains_natively_as_on_the_reference() -> None:
    found = []
    for executor in ("native", "reference"):
        net = language_model()
        trainer = gd.Trainer(net, every_symbol, optim.Adam(1e-2), executor=executor)
        history = trainer.fit(TEXT[:, :-1], TEXT[:, 1:], epochs=3, batch_size=8, progress=False)
        found.append((history["loss"], named(net), trainer.predict(TEXT[:, :-1])))
    (losses_a, a, scores_a), (losses_b, b, scores_b) = found
    assert losses_b[-1] < losses_b[0] - 0.01
    # Sums in another order, through 15 steps of Adam, which divides by small numbers.
    np.testing.assert_allclose(losses_a, losses_b, rtol=1e-4)
    np.testing.assert_allclose(scores_a, scores_b, atol=2e-3)
    for name in a:
        np.testing.assert_allclose(a[name], b[name], atol=2e-3)


@pytest.mark.skipif(not available(), reason="built without the native executor")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_kind
def test_padded_sequences_and_their_gradients_are_the_references_natively(
    kind: Any, dtype: str
) -> None:
    layer = kind(3, 5, num_layers=2, bidirectional=True, dtype=dtype)
    x = gd.tensor(Draw()(4, 6, 3).astype(dtype), requires_grad=True)
    names = list(layer.named_parameters())

    def total(x: Tensor, lengths: Tensor, *values: Tensor) -> Any:
        with layer.bind(dict(zip(names, values, strict=True))):
            output, state = layer(x, lengths=lengths)
        loss = ops.square(output).sum() + sum(p.sum() for p in parts(state))
        return output, parts(state), gd.grad(loss, [x, *values])

    given_values = [t.detach().requires_grad_() for t in layer.parameters()]
    arguments = (x, gd.tensor([6, 1, 4, 3]), *given_values)
    graph = trace(total, *arguments).graph
    inputs = dict(zip(graph.inputs, (t.numpy() for t in arguments), strict=True))
    native, reference = (
        executor_named(name).prepare(graph).run(inputs) for name in ("native", "reference")
    )
    assert native.keys() == reference.keys()
    tolerance = 1e-12 if dtype == "float64" else 2e-5  # what the native executor promises
    for name, expected in reference.items():
        scale = np.abs(expected).max()
        np.testing.assert_allclose(
            native[name], expected, rtol=tolerance, atol=tolerance * scale, err_msg=name
        )


@pytest.mark.parametrize("executor", ["auto", "reference"])
@every_kind
def test_rows_are_predicted_one_by_one(kind: Any, executor: str) -> None:
    X = Draw()(37, 4, 3).astype("float32")
    for both, read in ((False, nn.LastStep()), (True, nn.EveryStep())):
        net = nn.Sequential(kind(3, 5, bidirectional=both), read, nn.Linear(5 * (1 + both), 2))
        trainer = gd.Trainer(net, losses.cross_entropy, executor=executor)
        found = trainer.predict(X)
        assert row_program(trainer, X).one_by_one
        # The eager products may have another order: a few roundings of float32.
        np.testing.assert_allclose(found, net(X).numpy(), rtol=1e-5, atol=1e-6)
        if executor == "auto" and available():
            for start, end in ((0, 1), (5, 8), (10, 30)):
                np.testing.assert_array_equal(trainer.predict(X[start:end]), found[start:end])


class LastSymbol(nn.Module):
    """Classifies rows of symbols, of which 0 is padding, by what was read last."""

    def __init__(self) -> None:
        self.look, self.read = nn.Embedding(6, 4), nn.GRU(4, 8, bidirectional=True)
        self.last, self.scores = nn.LastStep(), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        lengths = ops.sum(ops.astype(x != 0, dtype="int64"), axis=1)
        return self.scores(self.last(self.read(self.look(x), lengths=lengths)))


def test_a_network_that_counts_its_steps_trains_on_padded_rows() -> None:
    rng = np.random.default_rng(0)
    X, lengths = rng.integers(1, 6, (240, 7)), rng.integers(1, 8, 240)
    X[np.arange(7) >= lengths[:, None]] = 0
    y = X[np.arange(240), lengths - 1] % 3
    net = LastSymbol()
    trainer = gd.Trainer(net, losses.cross_entropy, optim.Adam(1e-2), metrics=["accuracy"])
    history = trainer.fit(X, y, epochs=12, validation=0.25, progress=False)
    assert history["val_accuracy"][-1] > 0.95  # 0.4 is the share of the commonest class
    assert row_program(trainer, X).one_by_one
    np.testing.assert_allclose(trainer.predict(X), net(X).numpy(), rtol=1e-4, atol=1e-5)


def row_program(trainer: gd.Trainer, X: Array) -> Any:
    """The program that the trainer has predicted with."""
    engine = trainer._engine
    return engine._rows(kinds_of({"x": X}), settings_of(engine.network))


def test_a_network_with_recurrent_layers_comes_back_from_its_file(tmp_path: Path) -> None:
    net = language_model().eval()
    net.save(tmp_path / "text.safetensors")
    again = gd.load(tmp_path / "text.safetensors")
    assert repr(again) == repr(net)
    np.testing.assert_array_equal(again(TEXT).numpy(), net(TEXT).numpy())


def test_a_recurrent_layer_that_overflows_is_named() -> None:
    net = nn.Sequential(nn.RNN(1, 1, nonlinearity="relu"), nn.LastStep())
    net[0].weight_hh_l0 = [[1e30]]
    net[0].bias_ih_l0 = [1.0]
    trainer = gd.Trainer(net, losses.squared_error, optim.SGD(1.0))
    with pytest.raises(gd.errors.DivergenceError, match=r"layer 0 \(RNN\) is not finite"):
        trainer.fit(np.ones((4, 5, 1)), np.ones(4), progress=False)


# ── Wrong input ─────────────────────────────────────────────────────────────────────────────────

X = np.zeros((4, 5, 2), np.float32)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 5, 3), r"sequences \(n, T, 2\).*received a tensor of shape \(4, 5, 3\).*features"),
        ((4, 2), r"received a tensor of shape \(4, 2\).*x\[None\]"),
        ((4, 0, 2), r"with T ≥ 1; received a tensor of shape \(4, 0, 2\)"),
        ((1, 4, 5, 2), r"received a tensor of shape \(1, 4, 5, 2\)"),
    ],
)
@every_kind
def test_an_input_that_is_no_stack_of_sequences_is_refused(
    kind: Any, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ShapeError, match=rf"{kind.__name__}\(input_size=2, .*{message}"):
        kind(2, 3)(np.zeros(shape))


@pytest.mark.parametrize(
    ("lengths", "error", "message"),
    [
        ([5, 0, 1, 1], ArgumentError, "between 1 and 5; received 0 to 5"),
        ([6, 1, 1, 1], ArgumentError, "padded to 5 steps.*received 1 to 6"),
        ([-1, 1, 1, 1], ArgumentError, "received -1 to 1"),
        ([5.0, 1.0, 1.0, 1.0], DtypeError, r"integers; received float32\[4\].*astype\('int64'\)"),
        ([True] * 4, DtypeError, "integers"),
        ([5, 5, 5], ShapeError, r"each of 4 rows; received \(3,\)"),
        (3, ShapeError, r"each of 4 rows; received \(\)"),
    ],
)
def test_lengths_that_fit_no_padded_sequence_are_refused(
    lengths: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        nn.GRU(2, 3)(X, lengths=lengths)


GOOD = np.zeros((1, 4, 3), np.float32)


@pytest.mark.parametrize(
    ("kind", "state", "error", "message"),
    [
        (
            nn.LSTM,
            GOOD,
            ArgumentError,
            r"is \(h, c\); received a tensor of shape .*hand on the state",
        ),
        (nn.LSTM, (GOOD,), ArgumentError, "received a tuple of 1"),
        (nn.LSTM, (GOOD, GOOD[:, :3]), ShapeError, r"c of the state.*received \(1, 3, 3\), not"),
        (nn.GRU, (GOOD, GOOD), ArgumentError, "is one tensor, h; received a tuple of 2"),
        (nn.RNN, GOOD[0], ShapeError, r"h of the state.*received \(4, 3\), not \(1, 4, 3\)"),
        (nn.RNN, "zero", DtypeError, "numbers"),
    ],
)
def test_a_state_of_another_form_is_refused(
    kind: Any, state: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        kind(2, 3)(X, state)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: nn.LSTM(2, 3, dropout=0.5), "between recurrent layers.*nn.Dropout behind"),
        (lambda: nn.LSTM(2, 3, 2, dropout=1.0), r"dropout must be a finite number in \[0, 1\)"),
        (lambda: nn.RNN(2, 3, nonlinearity="sigmoid"), "'tanh' or 'relu'; received 'sigmoid'"),
        (lambda: nn.GRU(0, 3), "input_size must be at least 1"),
        (lambda: nn.GRU(2, 3.0), "hidden_size must be a whole number"),
        (lambda: nn.GRU(2, 3, num_layers=0), "num_layers must be at least 1"),
        (lambda: nn.GRU(2, 3, bidirectional=1), "bidirectional must be True or False"),
    ],
)
def test_wrong_settings_are_refused(wrong: Callable[[], object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        wrong()


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        ((nn.LSTM(2, 3), nn.Linear(3, 1)), ArgumentError, "received tuple.*nn.LastStep()"),
        ((nn.LSTM(2, 3), nn.GRU(3, 1)), ShapeError, "received a tuple of 2.*nn.EveryStep()"),
        ((nn.LSTM(2, 3), nn.ReLU()), ArgumentError, r"ReLU\(\) takes .*a tuple of 2.*nn.LastStep"),
        ((nn.LSTM(2, 3), nn.Dropout(0.5)), ArgumentError, "received a tuple of 2"),
        ((nn.LSTM(2, 3), nn.LayerNorm(3)), ArgumentError, "received a tuple of 2"),
        ((nn.LSTM(2, 3), nn.Conv1d(5, 1, 1)), ArgumentError, "received a tuple of 2"),
        ((nn.LSTM(2, 3), nn.SinusoidalPositions(3)), ArgumentError, "received a tuple of 2"),
        ((nn.LastStep(),), ArgumentError, r"received a tensor of shape \(4, 5, 2\).*nn.LSTM"),
        ((nn.EveryStep(),), ArgumentError, "stands behind a recurrent layer"),
    ],
)
def test_a_recurrent_layer_and_its_reader_belong_together(
    layers: tuple[nn.Module, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        nn.Sequential(*layers)(X)
