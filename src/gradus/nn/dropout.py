"""Dropout: noise in training that keeps units from relying on each other."""

from __future__ import annotations

import math

from gradus import ops, random
from gradus.checks import finite_number
from gradus.nn.module import Module
from gradus.tensor import Tensor


class Dropout(Module):
    """In training each number becomes 0 with probability p, else x / (1 − p); then y = x.

    The mean stays x, so nothing needs to be scaled when training is over. The draw stands at the
    next address (seed, step, site) of ``gradus.random.current_stream()``: a number stays where its
    32 random bits, read as an integer, are at least p·2³². Comparing integers gives the same mask
    for every dtype and executor.

    Source: Srivastava et al., "Dropout" (2014).

    Args:
        p: probability of dropping, in [0, 1).

    >>> drop = Dropout(0.5)
    >>> sorted(set(drop([1.0] * 100).tolist())), drop.eval()([1.0, 2.0]).tolist()
    ([0.0, 2.0], [1.0, 2.0])
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = finite_number("p", p, least=0, below=1)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return dropped(x, self.p) if self.training and self.p else x


def dropped(x: Tensor, p: float) -> Tensor:
    """The numbers, of which each is 0 with probability p, else x / (1 − p)."""
    seed, step, site = random.current_stream().next()
    bits = ops.random_bits(seed, step, site=site, shape=x.shape)
    threshold = min(math.ceil(p * 2**32), 2**32 - 1)
    return ops.where(bits >= threshold, x * (1.0 / (1.0 - p)), 0.0)
