"""Any module as an estimator: what reaches it, what it has to give, and that it is left alone."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits, make_classification
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import StandardScaler

import gradus as gd
from gradus import nn, ops, optim
from gradus.errors import ArgumentError, DataError, ShapeError
from gradus.estimators import Autoencoder, MLPRegressor, NetworkClassifier, NetworkRegressor

RNG = np.random.default_rng(0)
X, LABELS = make_classification(120, 5, n_informative=4, n_redundant=0, n_classes=3, random_state=0)
NUMBER = X @ [1.0, -2.0, 0.5, 0.0, 3.0] + 7.0
TWO = np.where(LABELS > 0, "yes", "no")
SHORT: dict[str, Any] = {"max_iter": 3, "random_state": 0}
# All rows a step, at a rate that falls to 0: a convex loss comes to its minimum.
TO_THE_END: dict[str, Any] = {
    "batch_size": 120, "max_iter": 500, "learning_rate_init": 0.1, "learning_rate": "cosine",
    "n_iter_no_change": np.inf, "random_state": 0,
}  # fmt: skip


class Twins(nn.Module):
    """A module of one's own, which is no Sequential: two layers side by side."""

    def __init__(self, inputs: int, outputs: int) -> None:
        self.inputs, self.outputs = inputs, outputs
        self.left, self.right = nn.Linear(inputs, outputs), nn.Linear(inputs, outputs)

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        """Both layers."""
        return self.left(x) + ops.tanh(self.right(x))


class Pair(nn.Module):
    """A module that gives two tensors."""

    def __init__(self) -> None:
        self.layer = nn.Linear(5, 3)

    def forward(self, x: gd.Tensor) -> Any:
        """Twice the same."""
        return self.layer(x), self.layer(x)


def net(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, 16), nn.ReLU(), nn.Linear(16, outputs))


# ── The network ─────────────────────────────────────────────────────────────────────────────────


def test_no_network_is_linear_regression() -> None:
    ours = NetworkRegressor(**TO_THE_END).fit(X, NUMBER)
    exact = LinearRegression().fit(X, NUMBER)
    np.testing.assert_allclose(ours.predict(X), exact.predict(X), rtol=1e-4)


def test_no_network_is_logistic_regression() -> None:
    z = StandardScaler().fit_transform(X)
    ours = NetworkClassifier(alpha=2.0, **TO_THE_END).fit(X, TWO)
    # α/2 ‖w‖² is added to the sum of the batch's losses, which is scikit-learn's for C = 1/α.
    exact = LogisticRegression(C=1 / 2.0, tol=1e-10).fit(z, TWO)
    np.testing.assert_allclose(ours.predict_proba(X), exact.predict_proba(z), atol=1e-3)


def test_a_copy_of_the_module_is_trained_and_the_module_left_alone() -> None:
    module = net(5, 3)
    before = copy.deepcopy(module)
    model = NetworkClassifier(module, **SHORT).fit(X, LABELS)
    assert model.network is module
    for name, t in module.named_parameters().items():
        np.testing.assert_array_equal(t.numpy(), before.named_parameters()[name].numpy())
    moved = model.network_.named_parameters()["0.weight"].numpy() - module[0].weight.numpy()
    assert np.abs(moved).max() > 1e-4


def test_two_fits_of_one_module_begin_with_the_same_weights() -> None:
    model = NetworkClassifier(net(5, 3), **SHORT)
    first = model.fit(X, LABELS).predict_proba(X)
    np.testing.assert_array_equal(model.fit(X, LABELS).predict_proba(X), first)
    np.testing.assert_array_equal(clone(model).fit(X, LABELS).predict_proba(X), first)


def test_a_function_is_told_inputs_and_outputs() -> None:
    told: list[Any] = []

    def tells(inputs: Any, outputs: int) -> nn.Module:
        told.append((inputs, outputs))
        return nn.Sequential(nn.Flatten(), nn.Linear(int(np.prod(inputs)), outputs))

    frame = pd.DataFrame({"a": X[:, 0], "city": np.where(X[:, 1] > 0, "Bonn", "Ulm")})
    NetworkClassifier(tells, **SHORT).fit(X, LABELS)
    NetworkClassifier(tells, **SHORT).fit(frame, TWO)
    NetworkRegressor(tells, **SHORT).fit(X.reshape(120, 5, 1, 1), X[:, :2])
    NetworkRegressor(tells, loss="quantile", quantiles=[0.1, 0.9], **SHORT).fit(X, NUMBER)
    assert told == [(5, 3), (3, 1), ((5, 1, 1), 2), (5, 2)]


def test_a_function_draws_from_random_state() -> None:
    first, same, other = (
        NetworkClassifier(net, random_state=s, max_iter=1).fit(X, LABELS).predict_proba(X)
        for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 1e-3


def test_a_module_of_ones_own_learns_too() -> None:
    model = NetworkRegressor(Twins(5, 1), learning_rate_init=0.02, random_state=0).fit(X, NUMBER)
    assert model.score(X, NUMBER) > 0.99


@pytest.mark.parametrize("network", [nn.ReLU(), nn.Sequential(), "mlp", lambda i, o: None, 3])
def test_what_is_no_network_is_refused(network: Any) -> None:
    with pytest.raises(ArgumentError, match="network is a module with parameters"):
        NetworkClassifier(network, **SHORT).fit(X, LABELS)


def test_only_estimators_with_a_hidden_layer_are_transformers() -> None:
    assert not hasattr(NetworkClassifier(), "transform")


# ── Its inputs ──────────────────────────────────────────────────────────────────────────────────


def test_images_reach_a_convolution_as_they_are() -> None:
    images, digits = load_digits(return_X_y=True)
    grey = images.reshape(-1, 1, 8, 8).astype(np.uint8)  # whole numbers, yet no places
    layers = nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10)
    model = NetworkClassifier(nn.Sequential(*layers), max_iter=5, random_state=0)
    model.fit(grey[:600], digits[:600])
    assert model.score(grey[600:], digits[600:]) > 0.8
    first = model.network_(grey[:2].astype(np.float32)).numpy()
    np.testing.assert_allclose(model.decision_function(grey[:2]), first, rtol=1e-5)
    with pytest.raises(ShapeError, match=r"\(1, 8, 8\)"):
        model.predict(grey[:2, :, :4])
    with pytest.raises(ValueError, match="8 features"):
        model.predict(grey[:2, 0])


def test_sequences_reach_a_recurrent_network_as_they_are() -> None:
    steps = RNG.normal(size=(200, 6, 2))
    last = steps[:, -1, 0]
    network = nn.Sequential(nn.GRU(2, 8), nn.LastStep(), nn.Linear(8, 1))
    model = NetworkRegressor(network, learning_rate_init=0.02, max_iter=40, random_state=0)
    assert model.fit(steps, last).score(steps, last) > 0.9


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float64])
def test_whole_numbers_stay_whole_for_an_embedding(dtype: Any) -> None:
    words = RNG.integers(0, 9, size=(200, 4)).astype(dtype)
    found = (words == 3).any(axis=1)
    network = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(16, 2))
    model = NetworkClassifier(network, learning_rate_init=0.05, random_state=0).fit(words, found)
    assert model.score(words, found) > 0.95
    frame = pd.DataFrame(words)
    assert model.score(frame, found) > 0.95
    assert clone(model).fit(frame, found).score(frame, found) > 0.95
    with pytest.raises(DataError, match="whole numbers"):
        model.predict(words + 0.5)


def test_a_place_that_an_embedding_has_not_is_named() -> None:
    network = nn.Sequential(nn.Embedding(3, 4), nn.Flatten(), nn.Linear(8, 1))
    with pytest.raises(ShapeError, match="between 0 and 2; received 0 to 7"):
        NetworkRegressor(network, **SHORT).fit([[0, 7], [7, 0]], [1.0, 2.0])


def test_sparse_rows_are_packed_for_a_layer_that_takes_them_so_and_dense_for_others() -> None:
    dense = np.where(RNG.random((120, 40)) < 0.1, RNG.normal(size=(120, 40)), 0.0)
    rows, target = sparse.csr_matrix(dense), dense.sum(axis=1)
    packed = NetworkRegressor(nn.Sequential(nn.SparseInput(40, 1)), **SHORT).fit(rows, target)
    assert packed.predict(rows).shape == (120,)
    full = NetworkRegressor(net, **SHORT).fit(rows, target)
    same = NetworkRegressor(net, **SHORT).fit(dense, target)
    np.testing.assert_array_equal(full.predict(rows), same.predict(dense))
    alone = NetworkRegressor(**TO_THE_END).fit(rows, target)
    assert isinstance(alone.network_, nn.Sequential)
    assert isinstance(alone.network_[0], nn.SparseInput)
    assert alone.score(rows, target) > 0.99


def test_numbers_are_scaled_as_the_option_says() -> None:
    far = X * 1e4 + 1e5
    standard, none = (NetworkRegressor(scaling=s, **SHORT).fit(far, NUMBER) for s in
                      ("standard", "none"))  # fmt: skip
    assert standard.encoder_.transform_matrix(far).std() == pytest.approx(1, rel=1e-4)
    np.testing.assert_allclose(none.encoder_.transform_matrix(far), far, rtol=1e-6)


@pytest.mark.parametrize("inputs", [4, 6])
def test_a_module_for_other_inputs_is_refused(inputs: int) -> None:
    with pytest.raises(ShapeError, match=r"of the shape \(5,\)"):
        NetworkClassifier(net(inputs, 3), **SHORT).fit(X, LABELS)


# ── Its outputs ─────────────────────────────────────────────────────────────────────────────────


def test_two_classes_are_told_by_one_output_or_by_two() -> None:
    one, two = (NetworkClassifier(net(5, k), **SHORT).fit(X, TWO) for k in (1, 2))
    for model in (one, two):
        assert model.predict_proba(X).shape == (120, 2)
        assert model.decision_function(X).shape == (120,)
        told = model.classes_[(model.decision_function(X) > 0).astype(int)]
        np.testing.assert_array_equal(model.predict(X), told)
    assert (one.targets_.single, two.targets_.single) == (True, False)


@pytest.mark.parametrize(
    ("kind", "network", "y", "rule"),
    [
        (NetworkClassifier, net(5, 2), LABELS, "3 for the 3 classes of y"),
        (NetworkClassifier, net(5, 1), LABELS, "3 for the 3 classes of y"),
        (NetworkClassifier, net(5, 3), TWO, "1 or 2 for the 2 classes of y"),
        (NetworkClassifier, net(5, 3), np.eye(120, 4, dtype=int), "4 for each row"),
        (NetworkRegressor, net(5, 2), NUMBER, "1 for each row"),
        (NetworkRegressor, net(5, 1), X[:, :2], "2 for each row"),
        (NetworkRegressor, Pair(), X[:, :3], "tuple"),
        (NetworkRegressor, nn.Sequential(net(5, 2), nn.Unflatten(1, (1, 2))), X[:, :2], "2 for"),
    ],
)
def test_another_number_of_outputs_is_refused(
    kind: type, network: nn.Module, y: Any, rule: str
) -> None:
    model = kind(network, **SHORT)
    with pytest.raises(ShapeError, match=rule):
        model.fit(X, y)
    assert not hasattr(model, "network_"), "what does not fit is not fitted"


def test_several_answers_questions_and_numbers_have_an_output_each() -> None:
    answers = np.stack([LABELS > 0, X[:, 0] > 0], axis=1).astype(int)
    assert NetworkClassifier(net, **SHORT).fit(X, answers).predict_proba(X).shape == (120, 2)
    questions = np.stack([LABELS, LABELS % 2], axis=1)
    both = NetworkClassifier(net(5, 5), **SHORT).fit(X, questions).predict_proba(X)
    assert [p.shape for p in both] == [(120, 3), (120, 2)]
    assert NetworkRegressor(net, **SHORT).fit(X, X[:, :2]).predict(X).shape == (120, 2)


def test_quantiles_are_predicted_where_they_were_trained() -> None:
    model = NetworkRegressor(loss="quantile", quantiles=[0.1, 0.9], **TO_THE_END)
    noisy = NUMBER + RNG.normal(size=120)
    low, high = model.fit(X, noisy).predict_quantiles(X).T
    assert np.mean((low <= noisy) & (noisy <= high)) == pytest.approx(0.8, abs=0.1)


# ── Training ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("network", [net, Twins(5, 3)], ids=["function", "module"])
def test_calibration_divides_the_scores(network: Any) -> None:
    model = NetworkClassifier(network, calibrate=True, validation_fraction=0.3, **SHORT)
    model.fit(X, LABELS)
    assert isinstance(model.network_, nn.Sequential)
    body = nn.Sequential(*model.network_[:-1])
    x = model.encoder_.transform_matrix(X)
    scores = body(x).numpy() / model.temperature_
    np.testing.assert_allclose(model.decision_function(X), scores, rtol=1e-4, atol=1e-6)


def test_warm_start_and_partial_fit_go_on_from_the_weights() -> None:
    model = NetworkRegressor(net, warm_start=True, **SHORT)
    losses = [model.fit(X, NUMBER).loss_ for _ in range(3)]
    assert model.n_iter_ == 9
    assert losses == sorted(losses, reverse=True)
    model.partial_fit(X, NUMBER)
    assert model.n_iter_ == 10
    assert model.loss_ < losses[-1]


def distance(prediction: gd.Tensor, target: gd.Tensor) -> gd.Tensor:
    return ops.abs(prediction - target).sum(axis=1)


def test_an_optimizer_and_a_loss_may_be_given() -> None:
    options = {"solver": optim.SGD(0.05), "max_iter": 100, "random_state": 0}
    own = NetworkRegressor(loss=distance, **options).fit(X, NUMBER)
    named = NetworkRegressor(loss="absolute_error", **options).fit(X, NUMBER)
    np.testing.assert_allclose(own.predict(X), named.predict(X), rtol=1e-5)
    assert own.score(X, NUMBER) > 0.99


def test_weights_of_classes_move_the_boundary() -> None:
    def share(weight: Any) -> float:
        model = NetworkClassifier(net, class_weight=weight, random_state=0).fit(X, TWO)
        return float(np.mean(model.predict(X) == "no"))

    assert share({"no": 0.2, "yes": 1.0}) < share(None) < share({"no": 5.0, "yes": 1.0})


@pytest.mark.parametrize(
    ("model", "changed"),
    [
        (NetworkRegressor(net, warm_start=True, **SHORT), {"network": nn.Linear(5, 1)}),
        (NetworkRegressor(net, warm_start=True, **SHORT), {"dtype": "float64"}),
        (NetworkRegressor(net, warm_start=True, **SHORT), {"kinds": {"x1": "categorical"}}),
        (Autoencoder(2, warm_start=True, max_iter=2), {"n_components": 1}),
        (Autoencoder(2, warm_start=True, max_iter=2), {"noise": 0.5}),
        (MLPRegressor((4,), warm_start=True, max_iter=2), {"start_from_data": True}),
    ],
    ids=lambda given: next(iter(given)) if isinstance(given, dict) else type(given).__name__,
)
def test_another_network_is_refused_where_training_goes_on(
    model: Any, changed: dict[str, Any]
) -> None:
    model = clone(model).fit(X, NUMBER)
    model.fit(X, NUMBER)
    model.set_params(**changed)
    with pytest.raises(ArgumentError, match="go on with the network there is"):
        model.fit(X, NUMBER)
