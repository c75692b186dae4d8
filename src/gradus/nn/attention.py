"""Attention: every place looks at others, and takes from each as much as their scores say."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from gradus import ops
from gradus.checks import flag, whole_number
from gradus.errors import ArgumentError, DtypeError, ShapeError
from gradus.modes import scoped
from gradus.nn.dropout import Dropout
from gradus.nn.init import Xavier, Zeros
from gradus.nn.linear import Linear, affine
from gradus.nn.module import Module
from gradus.nn.parameter import float_dtype, parameter
from gradus.tensor import Tensor, as_tensor, tensor
from gradus.types import bool_, is_float

# Added to the score of what may not be looked at: so low that its weight is exactly 0 beside any
# other, and finite, so that a query that may look at nothing makes no NaN.
_FORBIDDEN = -1e30


@scoped
def attention_weights(q: Tensor, k: Tensor, mask: Any = None, is_causal: bool = False) -> Tensor:
    """W = softmax(q kᵀ / √d): how much each query takes from each key; every row sums to 1.

    A query that may look at no key takes nothing: its row is 0.

    Args:
        q: queries (…, T, d).
        k: keys (…, S, d); the axes before the last two broadcast.
        mask: stretches to (…, T, S). Booleans are True where a query may look at a key; floats are
            added to the scores, −∞ forbids.
        is_causal: whether query t may look at the keys 0 … t alone.

    Returns:
        (…, T, S).

    Raises:
        ShapeError: rows of other lengths, or a mask that does not stretch.
        DtypeError: a mask of integers.

    Source: Vaswani et al., "Attention is all you need" (2017), 3.2.1.

    >>> import gradus as gd
    >>> same = gd.zeros((2, 4))
    >>> attention_weights(same, same, is_causal=True).tolist()
    [[1.0, 0.0], [0.5, 0.5]]
    """
    masks = [] if mask is None else [as_tensor(mask)]
    return _weights(as_tensor(q), as_tensor(k), masks, is_causal)


@scoped
def scaled_dot_product_attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Any = None, is_causal: bool = False
) -> Tensor:
    """Y = softmax(q kᵀ / √d) v: for each query a mean of the values, weighed by its scores.

    A query that may look at no key gets 0. Finite for scores of ±10⁴.

    Args:
        q: queries (…, T, d).
        k: keys (…, S, d).
        v: values (…, S, m), one for each key.
        mask: as for ``attention_weights``: booleans are True where a query may look, as in
            PyTorch's function of this name.
        is_causal: whether query t may look at the keys 0 … t alone.

    Returns:
        (…, T, m).

    Raises:
        ShapeError, DtypeError: as ``attention_weights``; or other numbers of keys and of values.

    Source: Vaswani et al., "Attention is all you need" (2017), 3.2.1.

    >>> import gradus as gd
    >>> same, v = gd.zeros((2, 4)), gd.tensor([[1.0], [3.0]])
    >>> scaled_dot_product_attention(same, same, v).tolist()
    [[2.0], [2.0]]
    """
    weights, v = attention_weights(q, k, mask, is_causal), as_tensor(v)
    if v.ndim < 2 or v.shape[-2] != weights.shape[-1]:
        raise ShapeError(
            "there is a value (…, S, m) for each key",
            received=f"{weights.shape[-1]} keys and values {v.shape}",
        )
    return ops.matmul(weights, v)


class MultiheadAttention(Module):
    """Several attentions side by side, their results in one row: y = (head₁ … head_h) Wₒᵀ + bₒ.

    headᵢ = softmax(qᵢ kᵢᵀ / √(E/h)) vᵢ, where q = query Wqᵀ + bq, k = key Wkᵀ + bk and
    v = value Wvᵀ + bv have rows of E = embed_dim numbers, and head i has the numbers i·E/h to
    (i + 1)·E/h − 1 of each. Examples stand in rows: what PyTorch calls ``batch_first``.

    A query that may look at no key gets bₒ.

    Source: Vaswani et al., "Attention is all you need" (2017), 3.2.2.

    Attributes:
        in_proj_weight: (3E, E), the rows of Wq, then of Wk, then of Wv, Xavier at the start.
        in_proj_bias: (3E,), bq, bk, bv, zeros at the start, or None.
        out_proj: Linear(E → E), Wₒ and bₒ, which starts at 0.

    Args:
        embed_dim: E, length of the rows.
        num_heads: h, a divisor of E.
        dropout: probability with which a weight of the attention becomes 0 in training.
        bias: whether there are bq, bk, bv and bₒ.
        dtype: of the parameters.

    Raises:
        ArgumentError: heads that do not divide E.
        ShapeError: inputs that are not (n, T, E), or masks that do not fit them.

    >>> import gradus as gd
    >>> attention = MultiheadAttention(8, 2)
    >>> attention(gd.zeros((5, 3, 8))).shape, attention.weights(gd.zeros((5, 3, 8))).shape
    ((5, 3, 8), (5, 2, 3, 3))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        dtype: npt.DTypeLike = "float32",
    ) -> None:
        self.embed_dim = whole_number("embed_dim", embed_dim, least=1)
        self.num_heads = whole_number("num_heads", num_heads, least=1)
        if self.embed_dim % self.num_heads:
            raise ArgumentError(
                "num_heads divides embed_dim: each head has as many numbers of a row",
                received=f"{self.num_heads} heads for {self.embed_dim} numbers",
            )
        self.bias = flag("bias", bias)
        self.dtype = float_dtype(dtype)
        self.drop = Dropout(dropout)
        self.dropout = self.drop.p
        e = self.embed_dim
        self.in_proj_weight = parameter(Xavier(), (3 * e, e), self.dtype)
        self.in_proj_bias = parameter(Zeros(), (3 * e,), self.dtype) if self.bias else None
        self.out_proj = Linear(e, e, self.bias, dtype=self.dtype)
        if self.out_proj.bias is not None:
            self.out_proj.bias.assign(np.zeros(e))

    def forward(
        self,
        query: Tensor,
        key: Any = None,
        value: Any = None,
        key_padding_mask: Any = None,
        attn_mask: Any = None,
        is_causal: bool = False,
    ) -> Tensor:
        """(n, T, E), and perhaps keys and values (n, S, E), to (n, T, E).

        Args:
            query: (n, T, E).
            key: (n, S, E); the queries where none are given, which is self-attention.
            value: (n, S, E); the keys where none are given.
            key_padding_mask: (n, S). As in PyTorch's module, and the other way round than in
                ``scaled_dot_product_attention``, True *hides* a key; floats are added to scores.
            attn_mask: (T, S), or what stretches to (n, h, T, S); likewise.
            is_causal: whether query t may look at the keys 0 … t alone.
        """
        key = query if key is None else as_tensor(key)
        value = key if value is None else as_tensor(value)
        weights = self.weights(query, key, key_padding_mask, attn_mask, is_causal)
        _check_rows("values", value, (*key.shape[:2], self.embed_dim))
        heads = ops.matmul(self.drop(weights), self._heads(value, 2))
        return self.out_proj(heads.permute(0, 2, 1, 3).reshape(query.shape))

    def weights(
        self,
        query: Any,
        key: Any = None,
        key_padding_mask: Any = None,
        attn_mask: Any = None,
        is_causal: bool = False,
    ) -> Tensor:
        """How much each query takes from each key in each head, (n, h, T, S); as in ``forward``."""
        query = as_tensor(query)
        key = query if key is None else as_tensor(key)
        n, places = query.shape[:1], key.shape[1:2]
        _check_rows("queries", query, (*n, *query.shape[1:2], self.embed_dim))
        _check_rows("keys", key, (*n, *places, self.embed_dim))
        masks = []
        if key_padding_mask is not None:
            padding = _permitting(key_padding_mask)
            if padding.shape != n + places:
                raise ShapeError(
                    f"key_padding_mask has a place for each key, {n + places}",
                    received=padding.shape,
                )
            masks.append(padding.reshape(*n, 1, 1, *places))
        if attn_mask is not None:
            masks.append(_permitting(attn_mask))
        return _weights(self._heads(query, 0), self._heads(key, 1), masks, is_causal)

    def _heads(self, x: Tensor, part: int) -> Tensor:
        """The queries (part 0), keys (1) or values (2) of each head, (n, h, T, E/h)."""
        e, h = self.embed_dim, self.num_heads
        rows = slice(part * e, (part + 1) * e)
        bias = None if self.in_proj_bias is None else self.in_proj_bias[rows]
        y = affine(self, x, self.in_proj_weight[rows], bias)
        return y.reshape(*x.shape[:2], h, e // h).permute(0, 2, 1, 3)


# ── Masks ───────────────────────────────────────────────────────────────────────────────────────


def _weights(q: Tensor, k: Tensor, masks: list[Tensor], is_causal: bool) -> Tensor:
    """``attention_weights`` under all of the masks."""
    if min(q.ndim, k.ndim) < 2 or q.shape[-1] != k.shape[-1]:
        raise ShapeError(
            "queries (…, T, d) and keys (…, S, d) have rows of one length d",
            received=f"queries {q.shape} and keys {k.shape}",
        )
    # The queries are scaled, not the scores: these are more.
    scores = ops.matmul(q * (1.0 / math.sqrt(q.shape[-1])), k.mT)
    added = [_added(mask, scores) for mask in masks]
    if flag("is_causal", is_causal):
        added.append(tensor(np.tri(*scores.shape[-2:]) * -_FORBIDDEN + _FORBIDDEN, scores.dtype))
    if not added:
        return ops.softmax(scores)
    scores = scores + sum(added[1:], start=added[0])
    largest = ops.max(ops.stop_gradient(scores), axis=-1, keepdims=True)
    return ops.where(largest > _FORBIDDEN / 2, ops.softmax(scores), 0.0)


def _permitting(mask: Any) -> Tensor:
    """A mask of which True hides, as one of which True permits; one of floats as it is."""
    mask = as_tensor(mask)
    return ops.logical_not(mask) if mask.dtype == bool_ else mask


def _added(mask: Tensor, scores: Tensor) -> Tensor:
    """What a mask adds to the scores."""
    lead = (1,) * (scores.ndim - mask.ndim)
    pairs = zip(lead + mask.shape, scores.shape, strict=False)
    if mask.ndim > scores.ndim or any(m not in (1, n) for m, n in pairs):
        raise ShapeError(
            f"a mask stretches to the scores, (…, queries, keys) = {scores.shape}",
            received=mask.shape,
        )
    if mask.dtype == bool_:
        return ops.where(mask, 0.0, _FORBIDDEN).astype(scores.dtype)
    if not is_float(mask.dtype):
        raise DtypeError(
            "a mask is of booleans, or of floats that are added to the scores",
            received=mask.type,
            remedy="use mask.astype('bool')",
        )
    mask = mask.astype(scores.dtype)
    return ops.where(mask > -math.inf, mask, _FORBIDDEN)


def _check_rows(what: str, x: Tensor, wanted: tuple[int, ...]) -> None:
    if len(wanted) != 3 or x.shape != wanted:
        raise ShapeError(
            f"the {what} of an attention have the shape (n, places, embed_dim)"
            + (f", here {wanted}" if len(wanted) == 3 else ""),
            received=x.shape,
            remedy="give one example a first axis: x.reshape(1, *x.shape)",
        )
