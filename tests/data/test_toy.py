"""Toy sets have the shape they are named after, and repeat."""

import numpy as np
import pytest

from gradus.data import blobs, circles, moons, spirals, xor
from gradus.errors import ArgumentError

SETS = (circles, moons, spirals, xor, blobs)


@pytest.mark.parametrize("make", SETS)
@pytest.mark.parametrize("n", [2, 3, 7, 100])
def test_half_of_the_examples_are_in_each_class(make, n):
    X, y = make(n)
    assert X.shape == (n, 2)
    assert (X.dtype, y.dtype) == (np.float32, np.int64)
    assert np.bincount(y).tolist() == [n - n // 2, n // 2]
    assert np.isfinite(X).all()


@pytest.mark.parametrize("make", SETS)
def test_a_seed_repeats_and_another_differs(make):
    first, again, other = make(50, seed=3), make(50, seed=3), make(50, seed=4)
    assert first[0].tobytes() == again[0].tobytes()
    assert first[1].tobytes() == again[1].tobytes()
    assert first[0].tobytes() != other[0].tobytes()


@pytest.mark.parametrize("make", SETS)
def test_examples_come_in_mixed_order(make):
    _, y = make(100)
    assert 0 < y[:50].sum() < 50


def test_without_noise_each_set_has_its_exact_shape():
    X, y = circles(100, noise=0)
    np.testing.assert_allclose(np.hypot(*X.T), np.where(y == 0, 1, 0.5), rtol=1e-6)
    X, y = moons(100, noise=0)
    assert (X[y == 0, 1] >= 0).all()
    assert (X[y == 1, 1] <= 0.5).all()
    X, y = xor(100, noise=0)
    np.testing.assert_array_equal(X.prod(axis=1) < 0, y == 1)
    assert len(np.unique(np.sign(X), axis=0)) == 4
    X, y = blobs(100, noise=0)
    np.testing.assert_array_equal(X[:, 0], 2 * y - 1)
    X, y = spirals(100, noise=0)
    radius = np.hypot(*X.T)
    turned = np.arctan2(X[:, 1], X[:, 0]) - 3 * np.pi * radius - np.pi * y
    np.testing.assert_allclose(np.cos(turned), 1, atol=1e-5)  # float32 angles


def test_noise_is_a_standard_deviation():
    X, y = blobs(20_000, noise=0.5)
    spread = (X - (2 * y - 1)[:, None]).std()
    assert abs(spread - 0.5) < 0.01  # 40,000 draws: one standard error is 0.002


@pytest.mark.parametrize("make", SETS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 1}, "n must be at least 2; received 1"),
        ({"n": 2.5}, "n must be a whole number"),
        ({"noise": -1}, "noise is a finite number from 0 up; received -1"),
        ({"noise": float("nan")}, "noise is a finite number"),
        ({"noise": "much"}, "noise is a finite number"),
        ({"seed": 0.5}, "seed must be a whole number"),
    ],
)
def test_bad_arguments_are_refused(make, options, message):
    with pytest.raises(ArgumentError, match=message):
        make(**options)
