"""Many networks in one, whose predictions are averaged.

An ``Ensemble`` holds networks of their own. Members share their layers and differ in what stands
around them: between ``MemberInput`` and ``MemberLinear`` stand ordinary layers, which
all members share. Each member is trained on its own loss, and what is predicted is their mean.

>>> import gradus as gd
>>> from gradus import nn
>>> net = nn.Sequential(nn.MemberInput(32, 8), nn.Linear(8, 64), nn.ReLU(),
...                     nn.MemberLinear(32, 64, 3), nn.MemberMean("classes"))
>>> net(gd.zeros((5, 8))).shape, net.eval()(gd.zeros((5, 8))).shape
((5, 32, 3), (5, 3))
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gradus import ops
from gradus.checks import choice, require, whole_number, whole_numbers
from gradus.errors import ArgumentError, ShapeError
from gradus.nn.init import Initialiser, Normal, Uniform
from gradus.nn.linear import check_matrix
from gradus.nn.module import Module
from gradus.nn.parameter import float_dtype, parameter
from gradus.tensor import Tensor
from gradus.types import Array, Shape, float32


@dataclass(frozen=True)
class _Scales(Initialiser):
    """A random number for each member and group of features, −1 or 1 where ``signs``."""

    signs: bool
    groups: tuple[int, ...]

    def __call__(self, shape: Shape, dtype: npt.DTypeLike = float32) -> Array:
        """Array of initial values."""
        drawn = (shape[0], len(self.groups) or shape[1])
        numbers = Uniform(1.0)(drawn, dtype) if self.signs else Normal(1.0)(drawn, dtype)
        if self.signs:
            numbers = np.where(numbers < 0, -1.0, 1.0).astype(numbers.dtype)
        return np.repeat(numbers, self.groups, axis=1) if self.groups else numbers


class MemberInput(Module):
    """y[i, k] = x[i] ∘ R[k]: each member sees the row with weights of its own.

    Source: Gorishniy, Kotelnikov and Babenko, "TabM" (2025), whose TabM-mini it makes. There R
    starts with random signs, or normal where numbers are embedded, and all that one column has
    become starts with one weight.

    Attributes:
        scale: R, (members, features).

    Args:
        members: number of members.
        features: length of the rows.
        dtype: of the parameter.
        start: ``"signs"`` for −1 or 1, ``"normal"`` for standard normal numbers.
        groups: lengths of the groups of neighbouring features that start with one weight, such as
            the sizes of the embeddings; without them each feature has its own.

    Raises:
        ArgumentError: groups that do not add up to the features.
        ShapeError: an input that is not (n, features).

    >>> layer = MemberInput(2, 3)
    >>> layer.scale = [[1.0, 1.0, 1.0], [1.0, -1.0, 1.0]]
    >>> layer([[1.0, 2.0, 3.0]]).tolist()
    [[[1.0, 2.0, 3.0], [1.0, -2.0, 3.0]]]
    """

    def __init__(
        self,
        members: int,
        features: int,
        dtype: npt.DTypeLike = "float32",
        start: str = "signs",
        groups: Iterable[int] = (),
    ) -> None:
        self.members = whole_number("members", members, least=1)
        self.features = whole_number("features", features, least=1)
        self.dtype = float_dtype(dtype)
        self.start = choice("start", start, "signs", "normal")
        self.groups = whole_numbers("groups", groups, least=1)
        if self.groups and sum(self.groups) != self.features:
            raise ArgumentError(
                f"groups add up to the {self.features} features",
                received=f"a sum of {sum(self.groups)}",
            )
        scales = _Scales(self.start == "signs", self.groups)
        self.scale = parameter(scales, (self.members, self.features), self.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(n, features) to (n, members, features)."""
        check_matrix(self, x, self.features)
        return ops.expand_dims(x, axis=1) * self.scale

    def summary(self) -> str:
        """The constructor call without the groups, of which there may be hundreds."""
        return f"{type(self).__name__}({self.members} × {self.features}, start={self.start!r})"


class MemberLinear(Module):
    """y[i, k] = x[i, k] Wₖᵀ + bₖ: a linear layer for each member.

    Source: Gorishniy, Kotelnikov and Babenko, "TabM" (2025).

    Attributes:
        weight: W, (members, out_features, in_features), from U(−1/√in_features, 1/√in_features).
        bias: b, (members, out_features), from the same.

    Args:
        members: number of members.
        in_features: length of the input rows.
        out_features: length of the output rows.
        dtype: of the parameters.

    Raises:
        ShapeError: an input that is not (n, members, in_features).

    >>> layer = MemberLinear(2, 1, 1)
    >>> layer.weight, layer.bias = [[[2.0]], [[3.0]]], [[0.0], [1.0]]
    >>> layer([[[5.0], [5.0]]]).tolist()
    [[[10.0], [16.0]]]
    """

    def __init__(
        self,
        members: int,
        in_features: int,
        out_features: int,
        dtype: npt.DTypeLike = "float32",
    ) -> None:
        self.members = whole_number("members", members, least=1)
        self.in_features = whole_number("in_features", in_features, least=1)
        self.out_features = whole_number("out_features", out_features, least=1)
        self.dtype = float_dtype(dtype)
        usual, outputs = Uniform(1 / math.sqrt(self.in_features)), (self.members, self.out_features)
        self.weight = parameter(usual, (*outputs, self.in_features), self.dtype)
        self.bias = parameter(usual, outputs, self.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(n, members, in_features) to (n, members, out_features)."""
        _check_members(self, x, (self.members, self.in_features))
        each = ops.permute_dims(x, axes=(1, 0, 2))
        y = ops.matmul(each, ops.matrix_transpose(self.weight))
        return ops.permute_dims(y, axes=(1, 0, 2)) + self.bias

    def summary(self) -> str:
        """The constructor call."""
        return f"{type(self).__name__}({self.members} × {self.in_features} → {self.out_features})"


class Ensemble(Module):
    """y[i, k] = fₖ(x[i]): networks of one form, each with weights of its own, side by side.

    With a ``MemberMean`` behind it their predictions are averaged.

    Args:
        networks: modules that take the same inputs and give outputs of one shape.

    Raises:
        ArgumentError: no network, or something that is no module.
        ShapeError: outputs of different shapes.

    Source: Hansen and Salamon, "Neural network ensembles" (1990).

    >>> from gradus import nn
    >>> net = nn.Sequential(nn.Ensemble(nn.Linear(3, 1), nn.Linear(3, 1)), nn.MemberMean("values"))
    >>> net([[1.0, 2.0, 3.0]]).shape, net.eval()([[1.0, 2.0, 3.0]]).shape
    ((1, 2, 1), (1, 1))
    """

    def __init__(self, *networks: Module) -> None:
        for network in networks or (None,):
            if not isinstance(network, Module):
                raise ArgumentError(
                    "an ensemble has one network or more, each a module",
                    received="none" if network is None else repr(network)[:100],
                    remedy="write Ensemble(*networks) for a list",
                )
        self.networks = networks

    def children(self) -> Iterator[tuple[str, Module]]:
        """The networks, named "0", "1", …"""
        return ((str(k), network) for k, network in enumerate(self.networks))

    def forward(self, x: Tensor) -> Tensor:
        """(n, …) to (n, networks, …)."""
        return ops.stack([network(x) for network in self.networks], axis=1)


class MemberMean(Module):
    """In training y = x, an output for each member; in evaluation their mean.

    The mean is taken of what the outputs stand for, and given as the network's output is:

    - ``"values"``: y = mean of x;
    - ``"classes"``: y = ln of the mean of softmax x, so softmax y is the mean probability; of
      several questions each has its softmax;
    - ``"labels"``: the logit of the mean of σ(x), so σ(y) is the mean probability.

    All are finite for outputs of ±10⁴.

    Source: Gorishniy, Kotelnikov and Babenko, "TabM" (2025).

    Args:
        of: what the outputs are: values, scores of classes, or of independent labels.
        questions: how many of the outputs, in their order, are classes of each question; none: all
            are of one.

    Raises:
        ArgumentError: questions where the outputs are no classes.
        ShapeError: an input that is not (n, members, outputs).

    >>> MemberMean("values").eval()([[[1.0], [4.0]]]).tolist()
    [[2.5]]
    """

    def __init__(self, of: str, questions: Iterable[int] = ()) -> None:
        self.of = choice("of", of, "values", "classes", "labels")
        self.questions = whole_numbers("questions", questions, least=1)
        require(
            not self.questions or of == "classes",
            "questions are told where the outputs are scores of classes",
            f"of={of!r}, questions={self.questions}"[:100],
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, members, outputs) to the same shape, in evaluation to (n, outputs)."""
        _check_members(self, x, None)
        if self.training:
            return x
        if self.of == "values":
            return ops.mean(x, axis=1)
        if self.of == "classes":
            each = [ops.logsumexp(ops.log_softmax(p, axis=-1), axis=1) for p in self._parts(x)]
            return (ops.concat(each, axis=1) if len(each) > 1 else each[0]) - math.log(x.shape[1])
        # The sums of σ(x) and of σ(−x) = 1 − σ(x): their ratio is that of the means.
        yes, no = (ops.logsumexp(ops.log_sigmoid(t), axis=1) for t in (x, -x))
        return yes - no

    def _parts(self, x: Tensor) -> list[Tensor]:
        """The scores of each question."""
        if not self.questions:
            return [x]
        _check_members(self, x, (x.shape[1], sum(self.questions)))
        ends = np.cumsum(self.questions).tolist()
        return [x[..., a:b] for a, b in zip([0, *ends], ends, strict=False)]


def _check_members(layer: Module, x: Tensor, ends: tuple[int, int] | None) -> None:
    """Refuse what is not (n, members, …), with these last lengths where they are known."""
    if x.ndim != 3 or x.shape[1] == 0 or x.shape[1:] != (ends or x.shape[1:]):
        shape = "(n, members, outputs)" if ends is None else f"(n, {ends[0]}, {ends[1]})"
        raise ShapeError(
            f"{layer.summary()} takes inputs of shape {shape}",
            received=f"an input of shape {x.shape}",
            remedy="put nn.MemberInput before the layers that the members share",
        )
