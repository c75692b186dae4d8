"""The operations: primitives with their gradients, and functions written in them.

Names, arguments and meaning follow the Python array API standard where it has the function.
Every operation takes tensors, NumPy arrays or numbers, and gives a tensor.

>>> import gradus as gd
>>> gd.ops.softmax(gd.tensor([0.0, 0.0])).tolist()
[0.5, 0.5]
"""

from gradus.ops.arithmetic import (
    abs,
    add,
    bitwise_right_shift,
    divide,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    sign,
    sqrt,
    square,
    subtract,
)
from gradus.ops.cast import astype, stop_gradient
from gradus.ops.functions import (
    clip,
    log_sigmoid,
    log_softmax,
    logsumexp,
    mean,
    relu,
    softmax,
    softplus,
    std,
    var,
)
from gradus.ops.index import scatter_add, scatter_add_along_axis, take, take_along_axis
from gradus.ops.joining import concat, stack
from gradus.ops.linalg import matmul
from gradus.ops.logic import (
    equal,
    greater,
    greater_equal,
    isfinite,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    not_equal,
    where,
)
from gradus.ops.movement import (
    broadcast_to,
    expand_dims,
    matrix_transpose,
    permute_dims,
    reshape,
    squeeze,
)
from gradus.ops.primitive import PRIMITIVES, Primitive
from gradus.ops.random import random_bits
from gradus.ops.reduce import argmax, argmin, cumulative_sum, max, min, sum
from gradus.ops.slicing import flip, pad, slice, unslice
from gradus.ops.transcendental import (
    cos,
    erf,
    exp,
    expm1,
    log,
    log1p,
    logaddexp,
    sigmoid,
    sin,
    tanh,
)
from gradus.ops.windows import fold_windows, sliding_window

__all__ = [
    "PRIMITIVES",
    "Primitive",
    "abs",
    "add",
    "argmax",
    "argmin",
    "astype",
    "bitwise_right_shift",
    "broadcast_to",
    "clip",
    "concat",
    "cos",
    "cumulative_sum",
    "divide",
    "equal",
    "erf",
    "exp",
    "expand_dims",
    "expm1",
    "flip",
    "fold_windows",
    "greater",
    "greater_equal",
    "isfinite",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log_sigmoid",
    "log_softmax",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logsumexp",
    "matmul",
    "matrix_transpose",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "multiply",
    "negative",
    "not_equal",
    "pad",
    "permute_dims",
    "power",
    "random_bits",
    "relu",
    "reshape",
    "scatter_add",
    "scatter_add_along_axis",
    "sigmoid",
    "sign",
    "sin",
    "slice",
    "sliding_window",
    "softmax",
    "softplus",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "stop_gradient",
    "subtract",
    "sum",
    "take",
    "take_along_axis",
    "tanh",
    "unslice",
    "var",
    "where",
]
