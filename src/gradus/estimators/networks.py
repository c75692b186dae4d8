"""From a recipe to a network: what is in front, the hidden layers, and what is behind."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradus import nn
from gradus.data import SparseEncoder, TableEncoder
from gradus.estimators.inputs import Encoder
from gradus.estimators.recipe import Recipe
from gradus.tensor import Tensor
from gradus.types import Array

_BINS = 48  # of a piecewise linear embedding, TabM's number


class Own(nn.Module):
    """An activation that is a function of the user's; it cannot be saved as plain data."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Each element, or as the function says."""
        return self.function(x)


def perceptron(
    recipe: Recipe, encoder: Encoder, x: Array, outputs: int, tail: Sequence[nn.Module]
) -> tuple[nn.Sequential, int]:
    """The network of a recipe, and how many of its modules make the hidden activations.

    Args:
        recipe: the options.
        encoder: what made x.
        x: rows to train on, of the network's dtype; where bins end is read from them.
        outputs: numbers a row.
        tail: modules behind the last layer.
    """
    dtype = x.dtype
    if isinstance(encoder, SparseEncoder):
        body, width = _sparse_front(recipe, encoder, dtype)
    else:
        body, width = _front(recipe, encoder, x)
    first = isinstance(encoder, SparseEncoder)
    sizes = recipe.hidden_layer_sizes
    if recipe.members > 1:
        body.append(nn.MemberInput(recipe.members, width, dtype=dtype))
    for units, activation in zip(sizes, recipe.activations, strict=True):
        if not first:
            body.append(_linear(recipe, width, units, dtype))
        first, width = False, units
        body.append(_activation(recipe, activation, units, dtype))
        if recipe.dropout:
            body.append(nn.Dropout(recipe.dropout))
    head: list[nn.Module] = []
    if recipe.members > 1:
        head.append(nn.MemberLinear(recipe.members, width, outputs, dtype=dtype))
    elif recipe.ntk:
        head.append(nn.NTKLinear(width, outputs, zero=True, dtype=dtype))
    elif not first:
        head.append(nn.Linear(width, outputs, dtype=dtype))
    return nn.Sequential(*body, *head, *tail), len(body)


def _sparse_front(
    recipe: Recipe, encoder: SparseEncoder, dtype: Any
) -> tuple[list[nn.Module], int]:
    units = recipe.hidden_layer_sizes[0]
    return [nn.SparseInput(len(encoder.scale), units, ntk=recipe.ntk, dtype=dtype)], units


def _front(recipe: Recipe, encoder: TableEncoder, x: Array) -> tuple[list[nn.Module], int]:
    """What turns encoded columns into the inputs of the first layer, and how many these are."""
    width, dtype = x.shape[1], x.dtype
    numeric = tuple(encoder.numeric) if recipe.numeric_embedding != "none" else ()
    body: list[nn.Module] = []
    if numeric or encoder.codes:
        embedding: nn.Module | None = None
        if numeric and recipe.numeric_embedding == "periodic":
            embedding = nn.PeriodicEmbedding(len(numeric), dtype=dtype)
        elif numeric:
            edges = [_edges(x[:, place]) for place in numeric]
            embedding = nn.PiecewiseLinearEmbedding(edges, dtype=dtype)
        front = nn.TableInput(
            width,
            numeric=numeric,
            codes=encoder.codes,
            embedding_size=recipe.embedding_size,
            numeric_embedding=embedding,
            dtype=dtype,
        )
        body.append(front)
        width = front.out_features
    if recipe.scaling_layer:
        body.append(nn.ScalingLayer(width, dtype=dtype))
    return body, width


def _edges(column: Array) -> list[float]:
    """Ends of bins that hold about as many rows each; two at least."""
    ends = np.unique(np.quantile(column, np.linspace(0, 1, _BINS + 1)))
    return ends.tolist() if len(ends) > 1 else [float(ends[0]) - 1.0, float(ends[0]) + 1.0]


def _linear(recipe: Recipe, inputs: int, outputs: int, dtype: Any) -> nn.Module:
    made = nn.NTKLinear if recipe.ntk else nn.Linear
    return made(inputs, outputs, dtype=dtype)


def _activation(recipe: Recipe, given: Any, units: int, dtype: Any) -> nn.Module:
    if isinstance(given, str):
        module = nn.activation(given)
    else:
        module = copy.deepcopy(given) if isinstance(given, nn.Module) else Own(given)
    if recipe.parametric_activation:
        return nn.ParametricActivation(module, units, dtype=dtype)
    return module
