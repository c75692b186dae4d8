"""The layers of a table's network again, in PyTorch and its own functions, under the same names."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional

Tensor = torch.Tensor


def numbers(*shape: int, dtype: Any) -> nn.Parameter:
    return nn.Parameter(torch.zeros(shape, dtype=dtype))


class NTKLinear(nn.Module):
    def __init__(self, inputs: int, outputs: int, dtype: Any) -> None:
        super().__init__()
        self.weight = numbers(outputs, inputs, dtype=dtype)
        self.bias = numbers(outputs, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight) / math.sqrt(x.shape[-1]) + self.bias


class ScalingLayer(nn.Module):
    def __init__(self, features: int, dtype: Any) -> None:
        super().__init__()
        self.scale = numbers(features, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        return torch.mul(x, self.scale)


class ParametricActivation(nn.Module):
    def __init__(self, activation: nn.Module, features: int, dtype: Any) -> None:
        super().__init__()
        self.activation = activation
        self.mix = numbers(features, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        return torch.lerp(x, self.activation(x), self.mix)


class Clamp(nn.Module):
    def __init__(self, low: list[float], high: list[float]) -> None:
        super().__init__()
        self.low, self.high = low, high

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return x
        return torch.clamp(x, *(torch.tensor(b, dtype=x.dtype) for b in (self.low, self.high)))


class Temperature(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("temperature", torch.tensor(1.0))

    def forward(self, x: Tensor) -> Tensor:
        return torch.div(x, self.temperature)


class PeriodicEmbedding(nn.Module):
    def __init__(self, features: int, frequencies: int, size: int, dtype: Any) -> None:
        super().__init__()
        self.frequency = numbers(features, frequencies, dtype=dtype)
        self.phase = numbers(features, frequencies, dtype=dtype)
        self.weight = numbers(features, frequencies, size - 1, dtype=dtype)
        self.bias = numbers(features, size - 1, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        waves = torch.cos(2 * torch.pi * x[..., None] * self.frequency + self.phase)
        bent = torch.einsum("nfk,fks->nfs", waves, self.weight) + self.bias
        return torch.cat([x[..., None], bent], dim=-1).flatten(1)


class PiecewiseLinearEmbedding(nn.Module):
    def __init__(self, edges: list[list[float]], size: int, dtype: Any) -> None:
        super().__init__()
        self.edges, features, most = edges, len(edges), max(map(len, edges)) - 1
        self.linear = numbers(features, size, dtype=dtype)
        self.bias = numbers(features, size, dtype=dtype)
        self.weight = numbers(features, most, size, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        found = []
        for j, edges in enumerate(self.edges):
            y, last = x[:, j, None] * self.linear[j] + self.bias[j], len(edges) - 2
            for t, (a, b) in enumerate(pairwise(edges)):
                e = (x[:, j, None] - a) / (b - a)
                e = e if t == 0 else e.clamp_min(0.0)
                y = y + (e if t == last else e.clamp_max(1.0)) * self.weight[j, t]
            found.append(y)
        return torch.cat(found, dim=1)


class TableInput(nn.Module):
    """Numbers at 2 and 0, codes at 1 and 4 with 4 and 3 values, one other column."""

    def __init__(self, size: int, dtype: Any) -> None:
        super().__init__()
        self.weight = numbers(7, size, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        first = functional.embedding(x[:, 1].long(), self.weight[:4])
        second = functional.embedding(x[:, 4].long(), self.weight[4:])
        return torch.cat([x[:, [2, 0, 3]], first, second], dim=1)


class SparseInput(nn.Module):
    def __init__(self, inputs: int, outputs: int, ntk: bool, dtype: Any) -> None:
        super().__init__()
        self.ntk = ntk
        self.weight = numbers(inputs, outputs, dtype=dtype)
        self.bias = numbers(outputs, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        full = x.new_zeros(len(x), len(self.weight)).scatter_add(1, x[:, 0].long(), x[:, 1])
        return full @ self.weight / (math.sqrt(len(self.weight)) if self.ntk else 1.0) + self.bias


class MemberInput(nn.Module):
    def __init__(self, members: int, features: int, dtype: Any) -> None:
        super().__init__()
        self.scale = numbers(members, features, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("nd,kd->nkd", x, self.scale)


class MemberLinear(nn.Module):
    def __init__(self, members: int, inputs: int, outputs: int, dtype: Any) -> None:
        super().__init__()
        self.weight = numbers(members, outputs, inputs, dtype=dtype)
        self.bias = numbers(members, outputs, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("nki,koi->nko", x, self.weight) + self.bias


class MemberMean(nn.Module):
    def __init__(self, of: str) -> None:
        super().__init__()
        self.of = of

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return x
        if self.of == "values":
            return x.mean(dim=1)
        if self.of == "classes":
            return torch.log(torch.softmax(x, dim=-1).mean(dim=1))
        return torch.logit(torch.sigmoid(x).mean(dim=1))


class Ensemble(nn.ModuleList):
    def __init__(self, *networks: nn.Module) -> None:
        super().__init__(networks)

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([network(x) for network in self], dim=1)
