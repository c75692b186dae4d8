"""The lectures' worked examples, to the digit. The numbers are those of the lecture notes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.datasets import load_digits

import gradus as gd
from gradus import losses, nn, ops, optim
from gradus.random import normal


def test_1_the_neuron_of_lecture_001_gives_2_6_and_0_93086() -> None:
    neuron = nn.Linear(3, 1, dtype="float64")
    neuron.weight = gd.tensor(np.array([[2.0, 3.0, -1.0]]))
    neuron.bias = gd.tensor(np.array([0.5]))
    z = neuron(gd.tensor(np.array([[0.9, 0.2, 0.3]])))
    assert z.item() == pytest.approx(2.6, abs=1e-15)
    assert ops.sigmoid(z).item() == pytest.approx(1 / (1 + np.exp(-2.6)), rel=1e-15)
    assert f"{ops.sigmoid(z).item():.5f}" == "0.93086"


@given(st.floats(-800, 800))
def test_2_the_slope_of_the_sigmoid_is_s_times_1_minus_s_and_at_most_a_quarter(z: float) -> None:
    x = gd.tensor(np.array(z), requires_grad=True)
    s = ops.sigmoid(x)
    slope = gd.grad(s, x).item()
    assert slope == pytest.approx(s.item() * (1 - s.item()), rel=1e-12, abs=0)
    assert slope <= 0.25
    assert slope < 0.25 or abs(z) < 1e-6


def test_2_the_slope_of_the_sigmoid_at_0_is_a_quarter() -> None:
    x = gd.tensor(0.0, requires_grad=True)
    assert gd.grad(ops.sigmoid(x), x).item() == 0.25


def test_3_the_multilayer_perceptron_of_lecture_004_gives_0_and_1() -> None:
    # The lecture subtracts thresholds b; a layer of gradus adds a bias, so bias = −b.
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2), nn.ReLU())
    net[0].weight = np.array([[2.0, 0, 0], [0, 2, 0], [0, 0, 2], [0, 0, 0]])
    net[0].bias = -np.array([1.0, 1, 1, 1])
    net[2].weight = np.array([[-1.0, -1, -1, -1], [0, 0, 0, 0]])
    net[2].bias = -np.array([-1.0, -1])
    x = gd.tensor([[1.0, 0.0, 0.0]])
    assert net[:2](x).tolist() == [[1, 0, 0, 0]]
    assert net(x).tolist() == [[0, 1]]


def test_4_the_graph_of_lecture_003_gives_8_and_its_gradients_8_8_16_and_minus_4() -> None:
    # The lecture states the value once as 34; its own formula, and its gradients, give 8.
    a, b, w, t = (gd.tensor(v, requires_grad=True) for v in (1.0, 2.0, 2.0, 4.0))
    L = ((a + b) * w - t) ** 2 + w**2
    L.backward()
    gradients = [v.grad.item() for v in (a, b, w, t) if v.grad is not None]
    assert (L.item(), gradients) == (8.0, [8.0, 8.0, 16.0, -4.0])


finite = st.floats(-3, 3).map(lambda v: round(v, 3))


@given(arrays(float, 3, elements=finite), arrays(float, 3, elements=finite), finite, finite)
def test_5_the_closed_formulas_of_lecture_004_are_the_gradients_of_a_neuron(
    x: np.ndarray, w: np.ndarray, b: float, y: float
) -> None:
    weight, threshold = (gd.tensor(np.array(v), requires_grad=True) for v in (w, b))
    output = ops.sigmoid((weight * x).sum() - threshold)
    dw, db = gd.grad((output - y) ** 2, [weight, threshold])
    s = 1 / (1 + np.exp(-(w @ x - b)))
    slope = s * (1 - s)
    np.testing.assert_allclose(db.numpy(), -2 * (s - y) * slope, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(dw.numpy(), 2 * (s - y) * slope * x, rtol=1e-12, atol=1e-15)


def test_6_the_closed_backpropagation_of_lecture_001_is_the_gradient_of_its_3_4_4_3_network() -> (
    None
):
    # Rows: z² = xW¹, a² = σ(z²), z³ = a²W², a³ = σ(z³), ŷ = softmax(a³W³), J = cross-entropy.
    n = 5
    x = normal(1, 0, 0, (n, 3))
    y = np.array([0, 2, 1, 1, 0])
    W = [normal(1, 0, k, shape) for k, shape in enumerate([(3, 4), (4, 4), (4, 3)], start=1)]

    weights = [gd.tensor(w, requires_grad=True) for w in W]
    hidden = gd.tensor(x)
    for w in weights[:-1]:
        hidden = ops.sigmoid(hidden @ w)
    J = losses.sum(losses.cross_entropy(hidden @ weights[-1], gd.tensor(y)))
    found = gd.grad(J, weights)

    def sigma(z: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-z))

    a2 = sigma(x @ W[0])
    a3 = sigma(a2 @ W[1])
    e = np.exp(a3 @ W[2])
    error = e / e.sum(axis=1, keepdims=True) - np.eye(3)[y]  # ŷ − y
    d3 = error @ W[2].T * a3 * (1 - a3)  # (ŷ − y) · W³ · σ′(z³)
    d2 = d3 @ W[1].T * a2 * (1 - a2)  # … · W² · σ′(z²)
    for gradient, closed in zip(found, [x.T @ d2, a2.T @ d3, a3.T @ error], strict=True):
        np.testing.assert_allclose(gradient.numpy(), closed, rtol=1e-12, atol=1e-14)


def test_7_the_20_line_network_of_lecture_002_has_the_losses_of_the_plain_loop() -> None:
    N, D_in, H, D_out = 64, 1000, 100, 10
    x, y = normal(2, 0, 0, (N, D_in)), normal(2, 0, 1, (N, D_out))
    w1, w2 = normal(2, 0, 2, (D_in, H)), normal(2, 0, 3, (H, D_out))

    net = nn.Sequential(
        nn.Linear(D_in, H, bias=False, dtype="float64"),
        nn.Sigmoid(),
        nn.Linear(H, D_out, bias=False, dtype="float64"),
    )
    net[0].weight, net[2].weight = w1.T, w2.T
    trainer = gd.Trainer(net, losses.squared_error, optim.SGD(1e-4), reduction="sum")
    history = trainer.fit(x, y, epochs=2000, batch_size=N, shuffle=False, progress=False)

    plain = []
    for _ in range(2000):
        h = 1 / (1 + np.exp(-x @ w1))
        prediction = h @ w2
        plain.append(np.square(prediction - y).sum())
        d_prediction = 2.0 * (prediction - y)
        d_h = d_prediction @ w2.T
        w2 = w2 - 1e-4 * h.T @ d_prediction
        w1 = w1 - 1e-4 * x.T @ (d_h * h * (1 - h))
    assert plain[-1] < 0.01 * plain[0]
    # Products are summed in another order; 2,000 steps let the last bits grow.
    np.testing.assert_allclose(history["loss"], plain, rtol=1e-9)


@pytest.mark.parametrize("scale", [1.0, 1e2, 1e4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_8_the_softmax_loss_and_its_gradient_are_finite_for_scores_up_to_10_000(
    scale: float, dtype: str
) -> None:
    scores = gd.tensor(np.array([[-scale, 0, scale]] * 3), dtype, requires_grad=True)
    values = losses.cross_entropy(scores, gd.tensor([0, 1, 2]))
    gradient = gd.grad(values.sum(), scores)
    assert np.isfinite(values.numpy()).all()
    assert np.isfinite(gradient.numpy()).all()
    if scale == 1e4:
        assert values.tolist() == [20_000, 10_000, 0]


@given(arrays(float, 6, elements=st.floats(-30, 30)))
def test_8_softmax_keeps_the_order_of_its_inputs(scores: np.ndarray) -> None:
    p = ops.softmax(gd.tensor(scores)).numpy()
    order = np.argsort(scores, kind="stable")
    assert np.all(np.diff(p[order]) >= 0)
    assert p.sum() == pytest.approx(1)


def test_9_a_chain_of_linear_layers_is_one_matrix() -> None:
    chain = nn.Sequential(
        nn.Linear(7, 50, bias=False, dtype="float64"), nn.Linear(50, 4, bias=False, dtype="float64")
    )
    x = gd.tensor(normal(3, 0, 0, (20, 7)))
    one = chain[1].weight @ chain[0].weight
    # 50 products of numbers below 1 are summed: some tens of roundings of 10⁻¹⁶.
    np.testing.assert_allclose(chain(x).numpy(), (x @ one.T).numpy(), rtol=0, atol=1e-14)


def test_9_with_a_relu_between_them_it_is_not() -> None:
    net = nn.Sequential(nn.Linear(7, 50, bias=False), nn.ReLU(), nn.Linear(50, 4, bias=False))
    x = gd.tensor(normal(3, 0, 0, (1, 7)))
    assert not np.allclose(net(-x).numpy(), -net(x).numpy())


def test_10_gradient_descent_beats_random_search_at_the_price_of_as_many_losses() -> None:
    X, y = load_digits(return_X_y=True)
    X, y = (X[:500] / 16).astype("float32"), y[:500]

    def loss(W: gd.Tensor) -> gd.Tensor:
        return losses.mean(losses.cross_entropy(gd.tensor(X) @ W, y))

    start = np.zeros((64, 10), "float32")
    drawn = gd.minimise(loss, start, optim.RandomSearch(1e-4), steps=1000)
    # A loss with its gradient costs at most three losses: see the lab's backpropagation-cost.
    descended = gd.minimise(loss, start, optim.SGD(1.0), steps=1000 // 3, gradient_norm=None)
    assert (drawn.function_evaluations, drawn.gradient_evaluations) == (1001, 0)
    assert 3 * descended.gradient_evaluations <= 1000 + 3
    chance = np.log(10)
    assert drawn.value < chance  # it found something
    assert chance - drawn.value < 0.001 * chance  # though next to nothing
    assert descended.value < 0.1 * chance
