"""The autoencoder: PCA where it is linear, and what it gives back of tables and matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.linalg import subspace_angles
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from gradus import nn
from gradus.errors import ArgumentError, ShapeError
from gradus.estimators import Autoencoder

WINE, CULTIVAR = load_wine(return_X_y=True)
Z = StandardScaler().fit_transform(WINE)
RNG = np.random.default_rng(0)
SMALL: dict[str, Any] = {"hidden_layer_sizes": (8,), "max_iter": 4, "random_state": 0}


def linear(components: int, scaling: str = "standard") -> Autoencoder:
    """A linear one, trained until nothing changes: all rows a step, at a rate that falls to 0."""
    return Autoencoder(
        (), components, "identity", batch_size=len(WINE), max_iter=400, learning_rate_init=0.05,
        learning_rate="cosine", n_iter_no_change=np.inf, random_state=0, scaling=scaling,
    )  # fmt: skip


@pytest.mark.parametrize("components", [1, 2, 5])
def test_a_linear_one_finds_the_space_of_pca(components: int) -> None:
    model, pca = linear(components).fit(WINE), PCA(components).fit(Z)
    given_back = (model.inverse_transform(model.transform(WINE)) - WINE.mean(0)) / WINE.std(0)
    least = np.sum((pca.inverse_transform(pca.transform(Z)) - Z) ** 2)
    # PCA's error is the least there is; the descent comes to within 2e-11 of it.
    assert np.sum((given_back - Z) ** 2) / least - 1 == pytest.approx(0, abs=1e-6)
    decoder = model.network_[-1].weight.numpy()  # its columns span what can be given back
    assert subspace_angles(decoder, pca.components_.T).max() < 1e-4


def test_the_score_of_a_linear_one_is_the_variance_that_pca_explains() -> None:
    explained = PCA(3).fit(Z).explained_variance_ratio_.sum()
    assert linear(3).fit(WINE).score(WINE) == pytest.approx(explained, abs=1e-6)


def test_the_decoder_mirrors_the_encoder() -> None:
    model = Autoencoder((7, 5), 3, ["tanh", "relu"], max_iter=1).fit(WINE)
    kinds = [type(m).__name__ for m in model.network_]
    half = ["Linear", "Tanh", "Linear", "ReLU", "Linear"]
    assert kinds == half + half[::-1]
    sizes = [m.out_features for m in model.network_ if isinstance(m, nn.Linear)]
    assert sizes == [7, 5, 3, 5, 7, 13]
    assert model.transform(WINE).shape == (178, 3)


def test_y_is_ignored() -> None:
    with_y, without = (Autoencoder(**SMALL).fit(WINE, y) for y in (CULTIVAR, None))
    np.testing.assert_array_equal(with_y.transform(WINE), without.transform(WINE))


def test_a_curved_surface_needs_a_hidden_layer() -> None:
    t = RNG.uniform(-1, 1, 400)
    X = np.stack([t, t**2], axis=1)
    options: dict[str, Any] = {"n_components": 1, "learning_rate_init": 0.01, "random_state": 0}
    curved = Autoencoder((16,), activation="tanh", **options).fit(X)
    straight = Autoencoder((), activation="identity", **options).fit(X)
    # t and t² are uncorrelated: a line explains one of the two.
    assert straight.score(X) < 0.6 < 0.9 < curved.score(X)


def test_rows_come_back_in_the_units_of_x() -> None:
    model = linear(13).fit(WINE)
    np.testing.assert_allclose(model.inverse_transform(model.transform(WINE)), WINE, rtol=0.02)
    frame = load_wine(as_frame=True).data
    of_frame = linear(13).fit(frame)
    codes = of_frame.transform(frame)
    np.testing.assert_array_equal(of_frame.inverse_transform(codes).shape, frame.shape)
    np.testing.assert_allclose(of_frame.inverse_transform(codes), WINE, rtol=0.02)


def test_without_scaling_what_comes_back_is_as_it_was() -> None:
    model = linear(13, scaling="none").fit(Z)
    np.testing.assert_allclose(model.inverse_transform(model.transform(Z)), Z, atol=0.02)


def test_missing_cells_come_back_filled() -> None:
    X = WINE.copy()
    X[::7, 2] = np.nan
    model = Autoencoder(**SMALL).fit(X)
    back = model.inverse_transform(model.transform(X))
    assert back.shape == X.shape
    assert np.all(np.isfinite(back))


def test_of_a_table_with_categories_the_encoded_columns_come_back() -> None:
    frame = pd.DataFrame({"a": RNG.normal(size=60), "city": RNG.choice(["Bonn", "Ulm"], 60)})
    model = Autoencoder(n_components=2, random_state=0, max_iter=200, batch_size=8).fit(frame)
    back = model.inverse_transform(model.transform(frame))
    assert model.encoder_.feature_names == ("a", "city = Bonn", "city = Ulm")
    assert back.shape == (60, 3)
    named = np.where(back[:, 1] > back[:, 2], "Bonn", "Ulm")
    assert np.mean(named == frame["city"]) > 0.95


def test_sparse_rows_are_encoded_as_dense_ones_are() -> None:
    X = np.where(RNG.random((50, 6)) < 0.3, RNG.normal(size=(50, 6)), 0.0)
    dense, packed = (Autoencoder(**SMALL).fit(x) for x in (X, sparse.csr_array(X)))
    np.testing.assert_array_equal(dense.transform(X), packed.transform(sparse.csr_array(X)))
    assert dense.score(X) == packed.score(sparse.csr_array(X))


def test_weight_2_is_the_row_twice_and_weight_0_its_absence() -> None:
    weight = np.tile([0.0, 1.0, 2.0], 8)
    X, repeated = WINE[:24], np.repeat(WINE[:24], weight.astype(int), axis=0)
    weighted = Autoencoder(**SMALL).fit(X, sample_weight=weight)
    twice = Autoencoder(**SMALL).fit(repeated)
    # One batch in float64: only the order of sums differs.
    np.testing.assert_allclose(weighted.transform(X), twice.transform(X), rtol=1e-7)
    assert weighted.score(X, sample_weight=weight) == pytest.approx(twice.score(repeated))


def test_noise_teaches_columns_from_each_other() -> None:
    a = RNG.normal(size=(500, 1))
    a /= np.sqrt(np.mean(a * a))
    X = np.hstack([a, a, a])
    model = Autoencoder((), 1, "identity", noise=0.3, scaling="none", batch_size=100,
                        max_iter=400, learning_rate_init=0.01, learning_rate="cosine",
                        n_iter_no_change=np.inf, random_state=0)  # fmt: skip
    model.fit(X)
    blind = np.hstack([np.zeros((500, 1)), a, a])  # the first column is lost
    back = model.inverse_transform(model.transform(blind))[:, 0]
    # With share p lost each of three equal columns is best weighed by w = 3 / (9 + 3 p / (1 − p)),
    # which minimises (1 − 3 w)² + 3 w² p / (1 − p); two are left. Masks are samples, hence 0.03.
    weight = 3 / (9 + 3 * 0.3 / 0.7)
    np.testing.assert_allclose(back, 2 * weight * a[:, 0], atol=0.03)
    assert not any(isinstance(m, nn.Dropout) for m in Autoencoder(**SMALL).fit(X).network_)


def test_partial_fit_goes_on() -> None:
    model = Autoencoder(**SMALL)
    losses = [model.partial_fit(WINE).loss_ for _ in range(6)]
    assert model.n_iter_ == 6
    assert losses[-1] < losses[0]
    held = model.partial_fit(WINE, X_val=WINE[:50])
    assert "val_loss" in held.history_.columns


def test_rows_held_out_choose_the_weights() -> None:
    model = Autoencoder((64,), early_stopping=True, monitor="score", max_iter=60, random_state=0,
                        learning_rate_init=0.02)  # fmt: skip
    model.fit(WINE[:40], X_val=WINE[40:])
    best = max(model.validation_scores_)
    assert best > model.validation_scores_[-1]
    assert model.score(WINE[40:]) == pytest.approx(best, rel=1e-6)


def test_codes_are_named_and_go_into_a_pipeline() -> None:
    model = Autoencoder(**SMALL).set_output(transform="pandas").fit(WINE)
    assert list(model.transform(WINE)) == ["autoencoder0", "autoencoder1"]
    pipe = make_pipeline(Autoencoder((16,), 4, random_state=0), LogisticRegression())
    assert pipe.fit(WINE, CULTIVAR).score(WINE, CULTIVAR) > 0.9


@pytest.mark.parametrize(
    "options",
    [{"n_components": 0}, {"n_components": 1.5}, {"noise": 1.0}, {"scaling": "robust"}],
    ids=str,
)
def test_an_option_out_of_its_range_is_named(options: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=next(iter(options))):
        Autoencoder(**options).fit(WINE)


def test_codes_of_another_length_are_refused() -> None:
    model = Autoencoder(**SMALL).fit(WINE)
    with pytest.raises(ShapeError, match="2"):
        model.inverse_transform(np.zeros((4, 3)))


def test_a_function_as_activation_is_called() -> None:
    model = Autoencoder((4,), activation=lambda x: x * x, max_iter=1, random_state=0).fit(WINE)
    first = model.network_[0]
    z = Z @ first.weight.numpy().T + first.bias.numpy()
    code = model.network_[2]
    expected = z * z @ code.weight.numpy().T + code.bias.numpy()
    np.testing.assert_allclose(model.transform(WINE), expected, rtol=1e-3, atol=1e-4)


def test_one_row_has_a_score_without_a_warning() -> None:
    rows = np.random.default_rng(0).normal(size=(20, 3))
    model = Autoencoder(max_iter=2, early_stopping=True, monitor="score", random_state=0)
    model.fit(rows, X_val=rows[:1])
    # There is no variance to be given back, and what comes back is not the row itself.
    assert model.validation_scores_ == [0.0, 0.0]
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        model.score(rows, sample_weight=-np.ones(20))


def test_weights_of_rows_that_are_not_given_are_refused() -> None:
    with pytest.raises(ArgumentError, match="sample_weight_val alone"):
        Autoencoder(2).fit(np.eye(4), sample_weight_val=[1, 2])
