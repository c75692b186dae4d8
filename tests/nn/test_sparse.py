"""Random sparse connections: drawn once, kept, and enough to learn with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

import gradus as gd
from gradus import losses, nn, optim
from gradus.errors import ArgumentError, ShapeError


@given(st.integers(1, 60), st.integers(1, 20), st.floats(0.01, 1.0))
def test_every_output_sees_the_same_number_of_inputs(m: int, n: int, density: float) -> None:
    mask = nn.SparseLinear(m, n, density=density).mask.numpy()
    assert (mask.sum(axis=1) == max(1, round(density * m))).all()


def test_the_connections_follow_from_the_seed_and_differ_between_outputs_and_layers() -> None:
    def masks() -> list[np.ndarray]:
        gd.manual_seed(3)
        return [nn.SparseLinear(40, 30, density=0.2).mask.numpy() for _ in range(2)]

    first, second = masks()
    assert np.array_equal(first, masks()[0])
    assert not np.array_equal(first, second)
    assert len({row.tobytes() for row in first}) == 30


def test_only_connected_inputs_count() -> None:
    layer = nn.SparseLinear(6, 4, density=0.5, bias=False, dtype="float64")
    x = np.eye(6)
    expected = np.where(layer.mask.numpy(), layer.weight.numpy(), 0).T
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-15)


@pytest.mark.parametrize("executor", ["reference", "auto"])
def test_a_network_of_sparse_layers_learns_the_digits_and_keeps_its_connections(
    executor: str, tmp_path: Path
) -> None:
    X, y = load_digits(return_X_y=True)
    gd.manual_seed(0)
    net = nn.Sequential(nn.SparseLinear(64, 200, density=0.1), nn.ReLU(), nn.Linear(200, 10))
    mask, before = net[0].mask.numpy().copy(), net[0].weight.numpy().copy()
    trainer = gd.Trainer(
        net, losses.cross_entropy, optim.Adam(3e-3), metrics=["accuracy"], executor=executor
    )
    history = trainer.fit(X / 16, y, epochs=8, validation=0.2, progress=False)
    assert history["val_accuracy"][-1] > 0.93
    assert np.array_equal(net[0].mask.numpy(), mask)
    changed = net[0].weight.numpy() != before
    assert changed[mask].mean() > 0.8
    assert not changed[~mask].any()
    net.save(tmp_path / "net.safetensors")
    again = gd.load(tmp_path / "net.safetensors")
    assert np.array_equal(again[0].mask.numpy(), mask)
    np.testing.assert_array_equal(again(X[:5] / 16).numpy(), net(X[:5] / 16).numpy())


@pytest.mark.parametrize("density", [0.0, -0.1, 1.5, float("nan")])
def test_a_density_that_is_no_share_is_refused(density: float) -> None:
    with pytest.raises(ArgumentError, match="density"):
        nn.SparseLinear(4, 3, density=density)


def test_another_number_of_inputs_is_refused() -> None:
    with pytest.raises(ShapeError, match="takes rows of 4 features"):
        nn.SparseLinear(4, 3)(gd.ones((2, 5)))
