"""Search without gradients, as ask and tell: the search names points, and is told their values.

Like an optimizer, a search holds settings alone. ``init`` makes its state, ``ask`` draws the points
of a generation from it, ``tell`` makes the next state of their values. Points are vectors: whoever
asks takes the function's arguments apart. Draws come from counters, so that a seed and a start give
the same search everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gradus.checks import finite_number, whole_number
from gradus.optim.settings import Settings
from gradus.random import SITE_SEARCH, normal
from gradus.types import Array

SearchState = dict[str, Array]


@dataclass(frozen=True)
class Search(Settings):
    """Base of every search.

    Attributes:
        scale: standard deviation of the first draws, > 0, in the unit of the arguments.
    """

    scale: float = 1e-4

    def check(self) -> None:
        """Refuse settings that the search is not defined for."""
        finite_number("scale", self.scale, above=0)

    def init(self, start: Array) -> SearchState:
        """State before the first generation, around a point (n,) of float64."""
        raise NotImplementedError(f"{type(self).__name__} has no init")

    def ask(self, state: SearchState, seed: int, step: int) -> Array:
        """Points of generation number ``step``, from 0: (points, n)."""
        raise NotImplementedError(f"{type(self).__name__} has no ask")

    def tell(self, state: SearchState, points: Array, values: Array) -> SearchState:
        """State after the values (points,) of those points, +∞ where a value is not finite."""
        raise NotImplementedError(f"{type(self).__name__} has no tell")

    def converged(self, state: SearchState) -> str:
        """Why the search is at its end, or nothing."""
        return ""


@dataclass(frozen=True)
class RandomSearch(Search):
    """Draw θ = start + scale · N(0, 1) anew each time, and keep the best.

    The draws know nothing of each other, so in many dimensions it hardly gets anywhere: lecture
    002 calls it a really bad idea. A step is one draw.

    Attributes:
        scale: standard deviation of the draws, > 0.

    Source: lecture 002: 1,000 draws of 10⁻⁴ · randn around 0.

    >>> import gradus as gd
    >>> from gradus import optim
    >>> found = gd.minimise(lambda x: (x - 1) ** 2, 0.0, optim.RandomSearch(1.0), steps=1000)
    >>> abs(found.at.item() - 1) < 0.01, found.gradient_evaluations
    (True, 0)
    """

    def init(self, start: Array) -> SearchState:
        """The point to draw around."""
        return {"centre": start}

    def ask(self, state: SearchState, seed: int, step: int) -> Array:
        """One point."""
        return state["centre"] + self.scale * _draws(seed, step, (1, state["centre"].size))

    def tell(self, state: SearchState, points: Array, values: Array) -> SearchState:
        """Nothing is learnt from the values."""
        return state


@dataclass(frozen=True)
class EvolutionStrategy(Search):
    """A cloud of points that moves to the better half of its last draws, and finds its own size.

    The (μ/μ_w, λ) evolution strategy with cumulative step-size adaptation. With z₁, z₂, … the
    draws of a generation, the best first, and weights w₁ > w₂ > … of the better half:

        θₖ = m + σ zₖ,  zₖ from N(0, 1)                      (ask)
        z̄ = Σ wᵢ zᵢ,  m ← m + σ z̄                           (tell)
        p ← (1 − c) p + √(c (2 − c) μ_w) z̄                  the way of the last generations
        σ ← σ exp(c/d · (‖p‖ / E‖N(0, 1)‖ − 1))              longer than by chance: larger steps

    Only the order of the values counts, so any growing function of the loss gives the same search.
    A step is a generation.

    Attributes:
        scale: σ to begin with, > 0: about the distance to the minimum.
        population: number λ of points in a generation, ≥ 2; None for 4 + ⌊3 ln n⌋.
        smallest: the search has converged once σ is below this, > 0.

    Source: Hansen and Ostermeier (2001); the constants are those of Hansen, "The CMA evolution
    strategy: a tutorial" (2016), without its covariance matrix.

    >>> import numpy as np
    >>> import gradus as gd
    >>> from gradus import ops, optim
    >>> far = lambda x: ops.sum(ops.square(x - 3.0))
    >>> found = gd.minimise(far, np.zeros(5), optim.EvolutionStrategy(1.0))
    >>> found.converged, bool(found.value < 1e-12)
    (True, True)
    """

    scale: float = 1.0
    population: int | None = None
    smallest: float = 1e-8

    def check(self) -> None:
        """Refuse settings that the search is not defined for."""
        super().check()
        finite_number("smallest", self.smallest, above=0)
        if self.population is not None:
            whole_number("population", self.population, least=2)

    def init(self, start: Array) -> SearchState:
        """The cloud around the start; it has come no way yet."""
        return {"mean": start, "sigma": np.asarray(self.scale), "way": np.zeros(start.shape)}

    def ask(self, state: SearchState, seed: int, step: int) -> Array:
        """A generation of points."""
        n = state["mean"].size
        count = self.population or 4 + int(3 * math.log(n))
        return state["mean"] + state["sigma"] * _draws(seed, step, (count, n))

    def tell(self, state: SearchState, points: Array, values: Array) -> SearchState:
        """Move to the better half, and take longer or shorter steps."""
        n, count = state["mean"].size, len(points)
        rank = np.arange(1, count // 2 + 1)
        weights = math.log((count + 1) / 2) - np.log(rank)
        weights /= weights.sum()
        effective = 1 / np.square(weights).sum()  # μ_w: as many equal ones vary as much
        c = (effective + 2) / (n + effective + 5)
        d = 1 + c + 2 * max(0.0, math.sqrt((effective - 1) / (n + 1)) - 1)

        order = np.argsort(values, kind="stable")[: len(rank)]
        step = weights @ (points[order] - state["mean"])
        way = (1 - c) * state["way"]
        way = way + math.sqrt(c * (2 - c) * effective) * step / state["sigma"]
        expected = math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n**2))
        longer = c / d * (math.sqrt(way @ way) / expected - 1)
        sigma = state["sigma"] * math.exp(min(longer, 1.0))
        return {"mean": state["mean"] + step, "sigma": sigma, "way": way}

    def converged(self, state: SearchState) -> str:
        """Whether the cloud has shrunk to a point."""
        sigma = float(state["sigma"])
        return f"σ {sigma:.3g} < {self.smallest:g}" if sigma < self.smallest else ""


def _draws(seed: int, step: int, shape: tuple[int, ...]) -> Array:
    return normal(seed, step, SITE_SEARCH, shape)
