"""Dropout: noise in training that keeps units from relying on each other."""

from __future__ import annotations

import math

from gradus import ops, random
from gradus.checks import finite_number, flag
from gradus.nn.init import Constant
from gradus.nn.module import Module
from gradus.nn.parameter import parameter
from gradus.tensor import Tensor
from gradus.types import uint32


class Dropout(Module):
    """In training each number becomes 0 with probability p, else x / (1 − p); then y = x.

    The mean stays x, so nothing needs to be scaled when training is over. The draw stands at the
    next address (seed, step, site) of ``gradus.random.current_stream()``: a number stays where its
    32 random bits, read as an integer, are at least p·2³². Comparing integers gives the same mask
    for every dtype and executor.

    Source: Srivastava et al., "Dropout" (2014).

    Attributes:
        factor: what p is multiplied by, a buffer of one number, 1 at the start; None unless
            scheduled. ``train.DropoutSchedule`` sets it in the course of training.

    Args:
        p: probability of dropping, in [0, 1).
        scheduled: whether p shall change in training.

    >>> drop = Dropout(0.5)
    >>> sorted(set(drop([1.0] * 100).tolist())), drop.eval()([1.0, 2.0]).tolist()
    ([0.0, 2.0], [1.0, 2.0])
    """

    def __init__(self, p: float = 0.5, scheduled: bool = False) -> None:
        self.p = finite_number("p", p, least=0, below=1)
        self.scheduled = flag("scheduled", scheduled)
        self.factor = None
        if self.scheduled:
            self.factor = parameter(Constant(1.0), (), "float32", trained=False)

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        if not (self.training and self.p):
            return x
        return dropped(x, self.p if self.factor is None else self.p * self.factor)


def dropped(x: Tensor, p: float | Tensor) -> Tensor:
    """The numbers, of which each is 0 with probability p, else x / (1 − p).

    A p that is a tensor of one number is taken in 24 bits, which float32 and uint32 both hold.
    """
    seed, step, site = random.current_stream().next()
    bits = ops.random_bits(seed, step, site=site, shape=x.shape)
    if isinstance(p, Tensor):
        share = ops.clip(p, 0.0, 1.0 - 2.0**-24)
        dropping = bits < (share * 2.0**32).astype(uint32)
        return ops.where(dropping, 0.0, x * (1.0 / (1.0 - share)))
    threshold = min(math.ceil(p * 2**32), 2**32 - 1)
    return ops.where(bits >= threshold, x * (1.0 / (1.0 - p)), 0.0)
