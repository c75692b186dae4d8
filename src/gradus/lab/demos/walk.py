"""Gradient descent from many starts at once, step by step as the lecture writes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gradus import ops
from gradus.autodiff import grad
from gradus.tensor import Tensor, tensor
from gradus.types import Array

_FAR = 1e4  # who is this far away does not come back; numbers further out say no more


class Walk(NamedTuple):
    """Where walks were before each step; from where one got lost on, NaN.

    Attributes:
        places: θ, (steps + 1, walks, parameters).
        losses: L(θ), (steps + 1, walks).
        slopes: ∇L(θ), (steps + 1, walks, parameters).
    """

    places: Array
    losses: Array
    slopes: Array


def walk(loss: Callable[[Tensor], Tensor], starts: Array, rates: Array, steps: int) -> Walk:
    """θ := θ − γ ∇L(θ), so many times.

    Args:
        loss: gives one value for each row of parameters, and from that row alone.
        starts: one row a walk, (walks, parameters).
        rates: the learning rate γ of each walk.
        steps: how many to take.

    >>> way = walk(lambda theta: theta[:, 0] ** 2, np.asarray([[1.0]]), np.asarray([0.25]), 2)
    >>> way.places[:, 0, 0].tolist(), way.slopes[:, 0, 0].tolist()
    ([1.0, 0.5, 0.25], [2.0, 1.0, 0.5])
    """
    gamma = tensor(rates[:, None])
    theta = tensor(starts, requires_grad=True)
    places, losses, slopes = [], [], []
    for _ in range(steps + 1):
        L = loss(theta)
        slope = grad(ops.sum(L), theta)  # of the sum: each walk's loss knows its own row only
        places.append(theta.numpy())
        losses.append(L.numpy())
        slopes.append(slope.numpy())
        after = (theta - gamma * slope).numpy()
        lost = ~(np.abs(after).max(axis=1, keepdims=True) <= _FAR)
        theta = tensor(np.where(lost, np.nan, after), requires_grad=True)
    return Walk(np.stack(places), np.stack(losses), np.stack(slopes))


def by_walk(values: Array, *axes: int) -> Array:
    """Values of steps and walks, (steps + 1, walks, …), as those of walks and steps.

    Args:
        values: a part of a ``Walk``.
        axes: lengths of the axes that the walks were made from, (axes…, steps + 1, …).
    """
    walks = np.moveaxis(values, 0, 1)
    return walks.reshape(*axes, *walks.shape[1:])
