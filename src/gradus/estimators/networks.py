"""From a recipe to a network: what is in front, the hidden layers, and what is behind."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradus import nn
from gradus.data import SparseEncoder, TableEncoder
from gradus.data.quantiles import quantiles
from gradus.errors import ArgumentError, GradusError
from gradus.estimators.inputs import Encoder
from gradus.estimators.recipe import ACTIVATION, Recipe
from gradus.modes import no_grad
from gradus.nn.module import in_mode
from gradus.random import Stream, use_stream
from gradus.tensor import Tensor, tensor
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
    recipe: Recipe,
    encoder: Encoder,
    x: Array,
    weight: Array | None,
    outputs: int,
    tail: Sequence[nn.Module],
) -> tuple[nn.Sequential, int]:
    """The network of a recipe, and how many of its modules make the hidden activations.

    Args:
        recipe: the options.
        encoder: what made x.
        x: rows to train on, of the network's dtype; they say where bins end, and how to start.
        weight: how much each of them counts.
        outputs: numbers a row.
        tail: modules behind the last layer.
    """
    dtype, sizes = x.dtype, recipe.hidden_layer_sizes
    sparse = isinstance(encoder, SparseEncoder)
    if isinstance(encoder, SparseEncoder):
        # The first layer reads what is not zero, so that nothing has to be made dense.
        width = sizes[0] if sizes else outputs
        columns = len(encoder.scale)
        body: list[nn.Module] = [nn.SparseInput(columns, width, ntk=recipe.ntk, dtype=dtype)]
    else:
        body, width = _front(recipe, encoder, x, weight)
    if recipe.members > 1:
        body.append(_member_input(recipe, body, width, dtype))
    for k, (units, activation) in enumerate(zip(sizes, recipe.activations, strict=True)):
        if k or not sparse:
            body.append(_linear(recipe, width, units, dtype))
        width = units
        body.append(activation_module(recipe, activation, units, dtype))
        if recipe.dropout:
            scheduled = recipe.dropout_schedule != "constant"
            body.append(nn.Dropout(recipe.dropout, scheduled=scheduled))
    head: list[nn.Module] = []
    if recipe.members > 1:
        head.append(nn.MemberLinear(recipe.members, width, outputs, dtype=dtype))
    elif recipe.ntk:
        head.append(nn.NTKLinear(width, outputs, zero=not recipe.start_from_data, dtype=dtype))
    elif sizes or not sparse:
        head.append(nn.Linear(width, outputs, dtype=dtype))
    network = nn.Sequential(*body, *head, *tail)
    if recipe.start_from_data:
        nn.start_from_data(network, x, weight)
    return network, len(body)


def _member_input(
    recipe: Recipe, body: Sequence[nn.Module], width: int, dtype: Any
) -> nn.MemberInput:
    """Factors of each member on the inputs: signs, or, for embeddings, one a column."""
    front = body[0] if body and isinstance(body[0], nn.TableInput) else None
    if front is None or recipe.numeric_embedding == "none":
        return nn.MemberInput(recipe.members, width, dtype=dtype)
    groups = front.groups
    return nn.MemberInput(recipe.members, width, start="normal", groups=groups, dtype=dtype)


def _front(
    recipe: Recipe, encoder: TableEncoder, x: Array, weight: Array | None
) -> tuple[list[nn.Module], int]:
    """What turns encoded columns into the inputs of the first layer, and how many these are."""
    width, dtype = x.shape[1], x.dtype
    numeric = tuple(encoder.numeric) if recipe.numeric_embedding != "none" else ()
    body: list[nn.Module] = []
    if numeric or encoder.codes:
        embedding: nn.Module | None = None
        if numeric and recipe.numeric_embedding == "periodic":
            embedding = nn.PeriodicEmbedding(len(numeric), dtype=dtype)
        elif numeric:
            edges = [_edges(x[:, place], weight) for place in numeric]
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


def _edges(column: Array, weight: Array | None) -> list[float]:
    """Ends of bins that hold about as many rows each; two at least."""
    low, high = column.min(), column.max()
    ends = [low, *quantiles(column.copy(), _BINS, weight), high]
    # In the column's own dtype: ends that differ in float64 alone would make an empty bin.
    ends = np.unique(np.array(ends, column.dtype)).tolist()
    return ends if len(ends) > 1 else [ends[0] - 1.0, ends[0] + 1.0]


def _linear(recipe: Recipe, inputs: int, outputs: int, dtype: Any) -> nn.Module:
    made = nn.NTKLinear if recipe.ntk else nn.Linear
    return made(inputs, outputs, dtype=dtype)


def activation_module(recipe: Recipe, given: Any, units: int, dtype: Any) -> nn.Module:
    """A module of its own for what an option says of a layer's activation."""
    if isinstance(given, str):
        module = nn.activation(given)
    else:
        module = copy.deepcopy(given) if isinstance(given, nn.Module) else Own(given)
        _try_activation(module, given, units, dtype)
    if recipe.parametric_activation:
        return nn.ParametricActivation(module, units, dtype=dtype)
    return module


def _try_activation(module: nn.Module, given: Any, units: int, dtype: Any) -> None:
    """Refuse what makes no numbers of the same shape of a layer's numbers."""
    x = tensor(np.full((2, units), 0.5, dtype))
    try:
        with in_mode(module, training=False), no_grad(), use_stream(Stream(0)):
            y: Any = module(x)
    except (GradusError, TypeError, ValueError, AttributeError) as error:
        raise ArgumentError(
            ACTIVATION,
            received=f"{given!r}, which says: {getattr(error, 'rule', error)}"[:300],
            remedy="compute with gradus.ops, such as ops.tanh and ops.where, and with + − * /",
        ) from error
    if not isinstance(y, Tensor):
        gives = type(y).__name__
    elif y.shape != x.shape or y.dtype.kind != "f":
        gives = f"{y.dtype} of shape {y.shape}"
    else:
        return
    raise ArgumentError(
        ACTIVATION,
        received=f"{given!r}, which gives {gives} for {x.dtype} of shape {x.shape}"[:300],
        remedy="let it give such a tensor, as lambda z: gradus.ops.tanh(z) * z does",
    )
