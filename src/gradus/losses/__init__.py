"""Losses: how wrong a prediction is, one value an example, then a stated reduction.

``loss(prediction, target)`` gives values of shape (n,); ``mean`` or ``sum`` makes one number of
them. The prediction's dtype counts: the target is cast to it. Values are checked where they are
known, which in a traced function they are not.

>>> import gradus as gd
>>> from gradus import losses
>>> scores, labels = gd.tensor([[2.0, 0.0], [0.0, 0.0]]), gd.tensor([0, 1])
>>> [round(v, 4) for v in losses.cross_entropy(scores, labels).tolist()]
[0.1269, 0.6931]
>>> round(losses.mean(losses.cross_entropy(scores, labels)).item(), 4)
0.41
"""

from __future__ import annotations

from collections.abc import Callable

from gradus.losses.binary import binary_cross_entropy, binary_cross_entropy_with_logits
from gradus.losses.classes import cross_entropy, max_margin, nll
from gradus.losses.reduction import mean, sum  # noqa: A004 - NumPy's names
from gradus.losses.regression import absolute_error, huber, pinball, squared_error
from gradus.tensor import Tensor

LOSSES: dict[str, Callable[..., Tensor]] = {
    loss.__name__: loss
    for loss in (
        squared_error, absolute_error, huber, pinball, nll, cross_entropy, max_margin,
        binary_cross_entropy, binary_cross_entropy_with_logits,
    )
}  # fmt: skip

__all__ = [
    "LOSSES",
    "absolute_error",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "huber",
    "max_margin",
    "mean",
    "nll",
    "pinball",
    "squared_error",
    "sum",
]
