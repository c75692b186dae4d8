"""Embedding: a learned row of numbers for each category."""

from __future__ import annotations

import numpy.typing as npt

from gradus import ops
from gradus.checks import whole_number
from gradus.errors import ArgumentError
from gradus.nn.init import Initialiser, Normal, chosen
from gradus.nn.module import Module
from gradus.nn.parameter import float_dtype, parameter
from gradus.ops.index import from_zero
from gradus.tensor import Tensor


class Embedding(Module):
    """y = weight[x]: the row of each index, learned; equal to a Linear layer on one-hot rows.

    Source: Bengio et al., "A neural probabilistic language model" (2003).

    Attributes:
        weight: (num_embeddings, embedding_dim).

    Args:
        num_embeddings: number of categories.
        embedding_dim: length of a row.
        init: initial rows; standard normal without it, PyTorch's choice. Where positions are added
            to them, rows should be no larger than these: ``nn.Normal(0.1)``.
        dtype: of the parameters.

    Raises:
        DtypeError: indices that are not integers.
        ArgumentError: an index outside 0 … num_embeddings − 1.

    >>> import gradus as gd
    >>> Embedding(10, 4)(gd.tensor([3, 3, 0])).shape
    (3, 4)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        init: Initialiser | None = None,
        dtype: npt.DTypeLike = "float32",
    ) -> None:
        self.num_embeddings = whole_number("num_embeddings", num_embeddings, least=1)
        self.embedding_dim = whole_number("embedding_dim", embedding_dim, least=1)
        self.dtype = float_dtype(dtype)
        shape = (self.num_embeddings, self.embedding_dim)
        self.init = init
        self.weight = parameter(chosen(init, Normal(1.0)), shape, self.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Integers of any shape (…) to (…, embedding_dim)."""
        last = self.num_embeddings - 1
        if x.is_symbolic:
            x = from_zero(x)
        elif x.size and not 0 <= (value := x.numpy()).min() <= value.max() <= last:
            raise ArgumentError(
                f"indices of {self.summary()} lie between 0 and {last}",
                received=f"{value.min()} to {value.max()}",
                remedy="count categories from 0, or take more embeddings",
            )
        return ops.take(self.weight, x, axis=0)
