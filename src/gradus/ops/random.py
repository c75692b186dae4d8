"""Random bits as an operation: a pure function of a counter, so a traced step can draw them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from gradus import random
from gradus.checks import whole_number, whole_numbers
from gradus.errors import DtypeError
from gradus.ops.primitive import Call, Draw, Params, as_given, call, primitive
from gradus.types import Array, Shape, TensorType, int64, uint32


def _bits_type(seed: TensorType, step: TensorType, *, site: int, shape: Shape) -> TensorType:
    if seed != TensorType((), int64) or step != TensorType((), int64):
        raise DtypeError("seed and step are int64 scalars", received=f"{seed} and {step}")
    return TensorType(shape, uint32)


def _bits_params(seed: TensorType, step: TensorType, shape: Iterable[int], site: int = 0) -> Params:
    return {"site": whole_number("site", site), "shape": whole_numbers("shape", shape, least=0)}


@primitive(_bits_type, as_given, canonical=_bits_params)
def random_bits(seed: Array, step: Array, *, site: int, shape: Shape) -> Array:
    """y = 32 random bits an element: Philox4x32-10 at the counter (seed, step, site)"""
    return random.bits(int(seed), int(step), site, shape)


@random_bits.samples
def _(draw: Draw) -> Iterable[Call]:
    yield call(np.asarray(3), np.asarray(5), site=1, shape=(3, 5))
