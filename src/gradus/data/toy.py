"""Small two-class problems in the plane, to see what a network can and cannot learn.

Every function returns X, float32 of shape (n, 2), and y, int64 of shape (n,), in random order. Of
an odd n, class 0 gets one example more. The same seed gives the same bits on every machine.
"""

from __future__ import annotations

import math

import numpy as np

from gradus.checks import whole_number
from gradus.errors import ArgumentError
from gradus.random import SITE_TOY, normal, permutation, uniform
from gradus.types import Array

# Each use of randomness draws at a step of its own.
_POSITION, _NOISE, _ORDER = 0, 1, 2


def circles(n: int = 200, noise: float = 0.1, seed: int = 0) -> tuple[Array, Array]:
    """Ring of radius ½ (class 1) inside a ring of radius 1 (class 0).

    noise: standard deviation of what is added to both coordinates, as in all the sets here.

    >>> X, y = circles(5)
    >>> X.shape, sorted(y.tolist())
    ((5, 2), [0, 0, 0, 1, 1])
    """
    n, seed = _check(n, noise, seed)
    y = _classes(n)
    angle = 2 * np.pi * uniform(seed, _POSITION, SITE_TOY, (n,))
    radius = np.where(y == 0, 1.0, 0.5)
    return _finish(radius * np.cos(angle), radius * np.sin(angle), y, noise, seed)


def moons(n: int = 200, noise: float = 0.1, seed: int = 0) -> tuple[Array, Array]:
    """Two half circles that reach into each other."""
    n, seed = _check(n, noise, seed)
    y = _classes(n)
    angle = np.pi * uniform(seed, _POSITION, SITE_TOY, (n,))
    x0 = np.where(y == 0, np.cos(angle), 1 - np.cos(angle))
    x1 = np.where(y == 0, np.sin(angle), 0.5 - np.sin(angle))
    return _finish(x0, x1, y, noise, seed)


def spirals(n: int = 200, noise: float = 0.02, seed: int = 0) -> tuple[Array, Array]:
    """Two arms that wind one and a half times around the centre, out to radius 1."""
    n, seed = _check(n, noise, seed)
    y = _classes(n)
    radius = uniform(seed, _POSITION, SITE_TOY, (n,))
    angle = 3 * np.pi * radius + np.pi * y
    return _finish(radius * np.cos(angle), radius * np.sin(angle), y, noise, seed)


def xor(n: int = 200, noise: float = 0.0, seed: int = 0) -> tuple[Array, Array]:
    """Square from −1 to 1: class 0 where the coordinates have one sign, class 1 elsewhere."""
    n, seed = _check(n, noise, seed)
    y = _classes(n)
    u = uniform(seed, _POSITION, SITE_TOY, (3, n))
    sign = np.where(u[2] < 0.5, 1.0, -1.0)
    return _finish(sign * u[0], np.where(y == 0, sign, -sign) * u[1], y, noise, seed)


def blobs(n: int = 200, noise: float = 0.3, seed: int = 0) -> tuple[Array, Array]:
    """Normal cloud around (−1, −1) for class 0, and one around (1, 1) for class 1."""
    n, seed = _check(n, noise, seed)
    y = _classes(n)
    centre = 2.0 * y - 1
    return _finish(centre, centre, y, noise, seed)


def _check(n: int, noise: float, seed: int) -> tuple[int, int]:
    if not (isinstance(noise, int | float | np.floating) and math.isfinite(noise) and noise >= 0):
        raise ArgumentError("noise is a finite number from 0 up", received=repr(noise))
    return whole_number("n", n, least=2), whole_number("seed", seed)


def _classes(n: int) -> Array:
    return np.repeat(np.arange(2), [n - n // 2, n // 2])


def _finish(x0: Array, x1: Array, y: Array, noise: float, seed: int) -> tuple[Array, Array]:
    """Add the noise and shuffle."""
    X = np.stack([x0, x1], axis=1) + noise * normal(seed, _NOISE, SITE_TOY, (len(y), 2))
    order = permutation(seed, _ORDER, len(y), site=SITE_TOY)
    return X[order].astype(np.float32), y[order].astype(np.int64)
