"""Recurrent layers against PyTorch: outputs, states, gradients, padding and courses of training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

import gradus as gd
from gradus import losses, nn, optim, random
from gradus.ops.primitive import Draw
from gradus.types import Array

torch = pytest.importorskip("torch")
rnn_utils = pytest.importorskip("torch.nn.utils.rnn")
pytestmark = pytest.mark.oracle

N, STEPS, FEATURES, HIDDEN = 4, 5, 3, 6
LENGTHS = [3, 5, 1, 4]
# Our and PyTorch's kind, and its own settings.
KINDS = {
    "RNN": {}, "RNN-relu": {"nonlinearity": "relu"}, "LSTM": {}, "GRU": {},
}  # fmt: skip

every_kind = pytest.mark.parametrize("kind", KINDS)


def twins(kind: str, dtype: str = "float64", **settings: Any) -> tuple[nn.Module, Any]:
    """Both layers with the same weights, by their names."""
    name = kind.partition("-")[0]
    settings = {**KINDS[kind], **settings}
    ours = getattr(nn, name)(FEATURES, HIDDEN, dtype=dtype, **settings)
    theirs = getattr(torch.nn, name)(
        FEATURES, HIDDEN, dtype=getattr(torch, dtype), **{"batch_first": True, **settings}
    )
    state = theirs.state_dict()
    assert list(ours.named_parameters()) == list(state)
    draw = Draw()
    with torch.no_grad():
        for field, t in ours.named_parameters().items():
            assert t.shape == tuple(state[field].shape)
            t.assign(0.4 * draw(*t.shape))
            state[field].copy_(torch.tensor(t.numpy()))
    return ours, theirs


def starts(ours: Any, rows: int) -> list[Array]:
    """A state to begin with, other than zeros."""
    shape = (ours.num_layers * (1 + ours.bidirectional), rows, HIDDEN)
    count = 2 if isinstance(ours, nn.LSTM) else 1
    return [random.normal(5, 0, k, shape).astype(ours.dtype) for k in range(count)]


def as_state(parts: list[Any]) -> Any:
    return tuple(parts) if len(parts) > 1 else parts[0]


def projected(results: list[Any], as_theirs: bool) -> Any:
    """One number that depends on all of them: a projection onto fixed random directions."""
    total = 0.0
    for k, t in enumerate(results):
        direction = random.normal(7, 0, k, tuple(t.shape))
        total = total + (t * (torch.tensor(direction) if as_theirs else direction)).sum()
    return total


def ours_of(layer: Any, x: Array, start: list[Array], lengths: list[int] | None) -> list[Array]:
    """Outputs, states, and gradients of the input, the first state and every parameter."""
    leaves = [gd.tensor(a, requires_grad=True) for a in (x, *start)]
    output, state = layer(leaves[0], as_state(leaves[1:]), lengths)
    results = [output, *(state if isinstance(state, tuple) else [state])]
    gradients = gd.grad(projected(results, False), [*leaves, *layer.parameters()])
    return [t.numpy() for t in (*results, *gradients)]


def theirs_of(layer: Any, x: Array, start: list[Array], lengths: list[int] | None) -> list[Array]:
    leaves = [torch.tensor(a, requires_grad=True) for a in (x, *start)]
    rows_first = layer.batch_first
    given_x = leaves[0]
    if lengths is not None:
        given_x = rnn_utils.pack_padded_sequence(given_x, lengths, rows_first, enforce_sorted=False)
    output, state = layer(given_x, as_state(leaves[1:]))
    if lengths is not None:
        steps = x.shape[1 if rows_first else 0]
        output, _ = rnn_utils.pad_packed_sequence(output, rows_first, total_length=steps)
    results = [output, *(state if isinstance(state, tuple) else [state])]
    gradients = torch.autograd.grad(projected(results, True), [*leaves, *layer.parameters()])
    return [t.detach().numpy() for t in (*results, *gradients)]


def assert_same(ours: Any, theirs: Any, x: Array, lengths: list[int] | None) -> None:
    start = starts(ours, x.shape[0 if ours.batch_first else 1])
    found, expected = (
        f(layer, x, start, lengths) for f, layer in ((ours_of, ours), (theirs_of, theirs))
    )
    values = 1 + len(start)
    for k, (a, b) in enumerate(zip(found, expected, strict=True)):
        rtol = 1e-10 if k < values else 1e-8  # what is promised of forwards and of gradients
        # Elements that cancel to almost 0 are judged by the largest beside them.
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * (1e-6 + np.abs(b).max()))


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "padded"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "plain"])
@pytest.mark.parametrize("batch_first", [True, False], ids=["rows-first", "steps-first"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one-way", "both-ways"])
@pytest.mark.parametrize("num_layers", [1, 2, 3])
@every_kind
def test_outputs_states_and_all_gradients_are_pytorchs(
    kind: str,
    num_layers: int,
    bidirectional: bool,
    batch_first: bool,
    bias: bool,
    lengths: list[int] | None,
) -> None:
    ours, theirs = twins(
        kind,
        num_layers=num_layers,
        bidirectional=bidirectional,
        batch_first=batch_first,
        bias=bias,
    )
    x = Draw()(N, STEPS, FEATURES)
    assert_same(ours, theirs, x if batch_first else x.swapaxes(0, 1).copy(), lengths)


@every_kind
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one-way", "both-ways"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_lengths_are_pytorchs_packed_sequences(
    kind: str, bidirectional: bool, data: st.DataObject
) -> None:
    steps = data.draw(st.integers(1, 7), "steps")
    lengths = data.draw(st.lists(st.integers(1, steps), min_size=1, max_size=5), "lengths")
    layers = data.draw(st.integers(1, 2), "layers")
    ours, theirs = twins(kind, num_layers=layers, bidirectional=bidirectional)
    assert_same(ours, theirs, Draw()(len(lengths), steps, FEATURES), lengths)


@every_kind
def test_float32_is_pytorchs(kind: str) -> None:
    ours, theirs = twins(kind, "float32", num_layers=2, bidirectional=True)
    x = Draw()(N, STEPS, FEATURES).astype("float32")
    output, state = ours(x)
    expected, their_state = theirs(torch.tensor(x))
    as_list = lambda s: list(s) if isinstance(s, tuple) else [s]  # noqa: E731
    for a, b in zip([output, *as_list(state)], [expected, *as_list(their_state)], strict=True):
        # Roundings of float32 through five steps and two layers, relative to the largest.
        b = b.detach().numpy()
        np.testing.assert_allclose(a.numpy(), b, rtol=1e-5, atol=1e-5 * np.abs(b).max())


@every_kind
def test_without_a_state_both_begin_at_zero(kind: str) -> None:
    ours, theirs = twins(kind)
    x = Draw()(N, STEPS, FEATURES)
    np.testing.assert_allclose(
        ours(x)[0].numpy(), theirs(torch.tensor(x))[0].detach().numpy(), rtol=1e-10, atol=1e-14
    )


def test_parameters_start_spread_as_pytorchs() -> None:
    torch.manual_seed(0)
    for kind in ("RNN", "LSTM", "GRU"):
        ours, theirs = getattr(nn, kind)(40, 64), getattr(torch.nn, kind)(40, 64)
        for name, t in theirs.named_parameters():
            mine, t = ours.named_parameters()[name].numpy(), t.detach().numpy()
            assert np.abs(mine).max() == pytest.approx(np.abs(t).max(), rel=0.05)
            assert mine.std() == pytest.approx(t.std(), rel=0.2)


# ── Courses of training ─────────────────────────────────────────────────────────────────────────

COURSE, BATCH = 50, 32


class Classifier(torch.nn.Module):  # type: ignore[misc]
    """The digits read from the top, a row of eight pixels at each step."""

    def __init__(self, kind: str, settings: dict[str, Any]) -> None:
        super().__init__()
        settings = {"batch_first": True, "dtype": torch.float64, **settings}
        self.recurrent = getattr(torch.nn, kind)(8, 16, **settings)
        directions = 1 + self.recurrent.bidirectional
        self.head = torch.nn.Linear(16 * directions, 10, dtype=torch.float64)

    def forward(self, x: Any) -> Any:
        _, state = self.recurrent(x)
        h = state[0] if isinstance(state, tuple) else state
        return self.head(torch.cat([*h[-(1 + self.recurrent.bidirectional) :]], dim=1))


@pytest.mark.parametrize("executor", ["reference", "auto"])
@pytest.mark.parametrize(
    ("kind", "layer_settings"),
    [
        ("RNN", {}), ("LSTM", {}), ("GRU", {}),
        ("LSTM", {"num_layers": 2, "bidirectional": True}),
    ],
    ids=["RNN", "LSTM", "GRU", "LSTM-deep-both-ways"],
)  # fmt: skip
def test_fifty_steps_on_digits_take_pytorchs_course(
    kind: str, layer_settings: dict[str, Any], executor: str
) -> None:
    X, y = load_digits(return_X_y=True)
    X, y = (X[: COURSE * BATCH] / 16).reshape(-1, 8, 8), y[: COURSE * BATCH]

    torch.manual_seed(0)
    twin = Classifier(kind, layer_settings)
    recurrent = getattr(nn, kind)(8, 16, dtype="float64", **layer_settings)
    width = 16 * (1 + recurrent.bidirectional)
    net = nn.Sequential(recurrent, nn.LastStep(), nn.Linear(width, 10, dtype="float64"))
    names = {"recurrent": "0", "head": "2"}
    for name, t in twin.named_parameters():
        part, _, field = name.partition(".")
        net.named_parameters()[f"{names[part]}.{field}"].assign(t.detach().numpy())

    expected = []
    rule = torch.optim.Adam(twin.parameters(), 1e-2)
    for start in range(0, len(X), BATCH):
        rule.zero_grad()
        loss = torch.nn.functional.cross_entropy(
            twin(torch.tensor(X[start : start + BATCH])), torch.tensor(y[start : start + BATCH])
        )
        loss.backward()
        rule.step()
        expected.append(loss.item())
    assert expected[-1] < 0.9 * expected[0], "a course that learns nothing proves little"

    trainer = gd.Trainer(net, losses.cross_entropy, optim.Adam(1e-2), executor=executor)
    found = []
    for start in range(0, len(X), BATCH):  # a fit of one step each, to see every loss
        rows = slice(start, start + BATCH)
        history = trainer.fit(
            X[rows], y[rows], epochs=1, batch_size=BATCH, shuffle=False, progress=False
        )
        found.append(history["loss"][-1])
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    for name, t in twin.named_parameters():
        part, _, field = name.partition(".")
        mine = net.named_parameters()[f"{names[part]}.{field}"].numpy()
        np.testing.assert_allclose(mine, t.detach().numpy(), rtol=1e-7, atol=1e-9)
