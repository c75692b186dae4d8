"""Transformer layers: attention between the places of a row, then a small network at each place.

Every part is added to what it was computed from. Where the sum is normalised (post-norm, Vaswani et
al.) deep stacks need a slow start; where the part's input is normalised instead (``norm_first``,
pre-norm) the sums reach through the whole stack, and so do the gradients (Xiong et al.). A stack of
the latter ends in a LayerNorm of its own.

>>> import gradus as gd
>>> from gradus import nn
>>> layer = lambda: nn.TransformerEncoderLayer(16, 2, 32, norm_first=True, causal=True)
>>> body = nn.Sequential(nn.Embedding(50, 16), nn.SinusoidalPositions(16), layer(), layer(),
...                      nn.LayerNorm(16), nn.Linear(16, 50))
>>> body(gd.zeros((3, 10), "int64")).shape
(3, 10, 50)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy.typing as npt

from gradus.checks import flag, whole_number
from gradus.nn.activations import activation as activation_named
from gradus.nn.attention import MultiheadAttention
from gradus.nn.dropout import Dropout
from gradus.nn.linear import Linear
from gradus.nn.module import Module
from gradus.nn.normalisation import LayerNorm
from gradus.nn.parameter import float_dtype
from gradus.tensor import Tensor


class _Layer(Module):
    """Base of both layers: the parts, and how each is added to what it was computed from."""

    _remembers: ClassVar[bool]  # whether there is an attention over a memory
    multihead_attn: MultiheadAttention
    norm3: LayerNorm

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str = "relu",
        layer_norm_eps: float = 1e-5,
        norm_first: bool = False,
        causal: bool = False,
        dtype: npt.DTypeLike = "float32",
    ) -> None:
        self.d_model = whole_number("d_model", d_model, least=1)
        self.nhead = whole_number("nhead", nhead, least=1)
        self.dim_feedforward = whole_number("dim_feedforward", dim_feedforward, least=1)
        self.norm_first, self.causal = flag("norm_first", norm_first), flag("causal", causal)
        self.dtype = float_dtype(dtype)
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, dtype=dtype)
        if self._remembers:
            self.multihead_attn = MultiheadAttention(d_model, nhead, dropout, dtype=dtype)
        self.linear1 = Linear(d_model, dim_feedforward, dtype=dtype)
        self.linear2 = Linear(dim_feedforward, d_model, dtype=dtype)
        self.norm1 = LayerNorm(d_model, layer_norm_eps, dtype=dtype)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, dtype=dtype)
        if self._remembers:
            self.norm3 = LayerNorm(d_model, layer_norm_eps, dtype=dtype)
        self.layer_norm_eps = self.norm1.eps
        self.activation, self.activate = activation, activation_named(activation)
        self.drop = Dropout(dropout)
        self.dropout = self.drop.p

    def _added(self, x: Tensor, part: Callable[[Tensor], Tensor], norm: LayerNorm) -> Tensor:
        """The input and what the part makes of it, normalised before the part or after the sum."""
        if self.norm_first:
            return x + self.drop(part(norm(x)))
        return norm(x + self.drop(part(x)))

    def _feed_forward(self, x: Tensor) -> Tensor:
        """The small network, at each place by itself."""
        return self.linear2(self.drop(self.activate(self.linear1(x))))


class TransformerEncoderLayer(_Layer):
    """Attention of the places to each other, then a network at each place, (n, T, d) to the same.

    z = norm1(x + attention(x)), y = norm2(z + network(z)); or with ``norm_first``
    z = x + attention(norm1(x)), y = z + network(norm2(z)); network(z) = f(z W₁ᵀ + b₁) W₂ᵀ + b₂.

    Args:
        d_model: d, length of the rows.
        nhead: number of heads of the attention.
        dim_feedforward: units of the network at each place.
        dropout: probability of dropping in training: weights of the attention, activations of the
            network, and what either adds.
        activation: f, a name in ``nn.ACTIVATIONS``.
        layer_norm_eps: keeps the roots of the LayerNorms from 0.
        norm_first: whether to normalise the input of each part instead of the sums.
        causal: whether no place looks at later ones, as in a model of language.
        dtype: of the parameters.

    Raises:
        ArgumentError: settings outside their ranges.
        ShapeError: inputs that are not (n, T, d), or masks that do not fit them.

    Source: Vaswani et al., "Attention is all you need" (2017); norm_first: Xiong et al., "On layer
    normalization in the transformer architecture" (2020).

    >>> import gradus as gd
    >>> TransformerEncoderLayer(8, 2, 16)(gd.zeros((5, 3, 8))).shape
    (5, 3, 8)
    """

    _remembers = False

    def forward(
        self,
        src: Tensor,
        src_mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool = False,
    ) -> Tensor:
        """(n, T, d) to the same shape; masks are those of ``MultiheadAttention``."""
        causal = self.causal or is_causal

        def attend(x: Tensor) -> Tensor:
            return self.self_attn(x, x, x, src_key_padding_mask, src_mask, causal)

        return self._added(self._added(src, attend, self.norm1), self._feed_forward, self.norm2)


class TransformerDecoderLayer(_Layer):
    """Attention of the places to each other, then to a memory, then a network at each place.

    z = norm1(x + attention(x)), u = norm2(z + attention(z, memory)), y = norm3(u + network(u)); or
    with ``norm_first`` the norms stand as in ``TransformerEncoderLayer``, whose arguments these
    are. ``causal`` speaks of x alone: every place sees the whole memory.

    Raises:
        ArgumentError, ShapeError: as ``TransformerEncoderLayer``.

    Source: Vaswani et al. (2017); norm_first: Xiong et al. (2020).

    >>> import gradus as gd
    >>> layer = TransformerDecoderLayer(8, 2, 16, causal=True)
    >>> layer(gd.zeros((5, 3, 8)), gd.zeros((5, 7, 8))).shape
    (5, 3, 8)
    """

    _remembers = True

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """(n, T, d) and a memory (n, S, d) to (n, T, d); masks as in ``MultiheadAttention``."""
        causal = self.causal or tgt_is_causal

        def attend(x: Tensor) -> Tensor:
            return self.self_attn(x, x, x, tgt_key_padding_mask, tgt_mask, causal)

        def remember(x: Tensor) -> Tensor:
            hidden = memory_key_padding_mask
            return self.multihead_attn(x, memory, memory, hidden, memory_mask, memory_is_causal)

        x = self._added(tgt, attend, self.norm1)
        x = self._added(x, remember, self.norm2)
        return self._added(x, self._feed_forward, self.norm3)
