"""The tensor: a value, and the record of how it came to be.

A tensor is *concrete* when it holds an array, and *symbolic* inside a trace, where only its type
is known. Either way each operation leaves a ``Record`` (the operation, its inputs, its
parameters: data, not closures), and the records are the computational graph.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from gradus import ops
from gradus.errors import DtypeError, GradientError, ShapeError, TraceError
from gradus.modes import Scope, Trace, current_scope, current_trace, is_recording
from gradus.ops.getitem import getitem
from gradus.ops.primitive import Params, Primitive
from gradus.types import (
    Array,
    DType,
    Shape,
    TensorType,
    as_dtype,
    bool_,
    float32,
    int64,
    is_float,
)

# ── The record and the tensor ───────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """How a tensor came: operation, inputs, parameters, and a number that grows with time.

    ``versions`` are those of the inputs when they were read: a later change makes the record
    stale, and differentiation through it an error. ``scope`` is the call it was made in.
    """

    op: Primitive
    inputs: tuple[Tensor, ...]
    params: Params
    versions: tuple[int, ...]
    order: int
    scope: Scope | None = None


_clock = itertools.count()


def record_of(op: Primitive, operands: Sequence[Tensor], params: Params | None = None) -> Record:
    """Record of an operation that is applied now."""
    versions = tuple(t.version for t in operands)
    return Record(op, tuple(operands), params or {}, versions, next(_clock), current_scope())


class Tensor:
    """A multidimensional array that remembers how it was computed.

    Make one with ``gradus.tensor``. Values are never changed behind a record's back: ``assign``
    and item assignment are for tensors that nothing was computed into.

    Attributes:
        type: shape and dtype.
        requires_grad: whether derivatives with respect to it may be asked for.
        grad: sum of the derivatives that ``backward`` left here, or None.
        record: how it came, or None for a tensor made from numbers.
        name: a name for drawings and graphs, or None.
    """

    __slots__ = (
        "__weakref__",
        "_requires_grad",
        "_value",
        "grad",
        "literal",
        "name",
        "record",
        "trace",
        "type",
        "version",
    )

    # ``gradus.autodiff`` stands above this file and installs its ``backward`` here.
    differentiator: ClassVar[Callable[[Tensor, Any], None] | None] = None

    # NumPy must leave ``array * tensor`` to the tensor.
    __array_ufunc__ = None

    def __init__(
        self,
        value: Array | None,
        type: TensorType,
        *,
        requires_grad: bool = False,
        record: Record | None = None,
        trace: Trace | None = None,
        name: str | None = None,
        literal: bool = False,
    ) -> None:
        self._value = value
        self.type = type
        self._requires_grad = requires_grad
        self.grad: Tensor | None = None
        self.record = record
        self.trace = trace
        self.name = name
        self.literal = literal
        self.version = 0

    # Value ------------------------------------------------------------------------------------

    @property
    def is_symbolic(self) -> bool:
        """Whether it stands in a trace, where values are not known."""
        return self._value is None

    @property
    def is_leaf(self) -> bool:
        """Whether differentiation ends here: made from numbers, or detached."""
        return self.record is None or self.record.op.blocks_gradient

    @property
    def shape(self) -> Shape:
        """Lengths of the axes."""
        return self.type.shape

    @property
    def dtype(self) -> DType:
        """Dtype of the elements."""
        return self.type.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.type.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.type.size

    def numpy(self) -> Array:
        """The value as a read-only NumPy array that shares memory.

        Raises:
            TraceError: the tensor is symbolic.
        """
        if self._value is None:
            raise TraceError(
                "a tensor inside a traced function has a type but no value",
                received=f"a request for the value of {self.type}",
                remedy="choose with gd.ops.where instead of if; keep float(), bool(), .item() and "
                ".numpy() outside the function",
            )
        view = self._value.view()
        view.flags.writeable = False
        return view

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        return np.array(self.numpy(), dtype=dtype) if copy else np.asarray(self.numpy(), dtype)

    def item(self) -> Any:
        """The one element as a Python number."""
        if self.size != 1:
            raise ShapeError(
                "item() takes a tensor of one element", received=self.type, remedy="use tolist()"
            )
        return self.numpy().item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        return self.numpy().tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __bool__(self) -> bool:
        return bool(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise DtypeError("an index is an integer", received=self.type)
        return int(self.item())

    def __len__(self) -> int:
        if not self.shape:
            raise ShapeError("a tensor without axes has no length", received=self.type)
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        if self._value is None:
            body = f"<{self.type}, symbolic>"
        else:
            body = np.array2string(self._value, separator=", ", prefix="tensor(", threshold=100)
        extras = [body]
        if self._value is not None and self.dtype not in (float32, int64, bool_):
            extras.append(f"dtype={self.dtype}")
        if self.record is not None:
            extras.append(f"from={self.record.op.name}")
        elif self.requires_grad:
            extras.append("requires_grad=True")
        return f"tensor({', '.join(extras)})"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if self.size == 1 and spec else repr(self)

    # Changing it --------------------------------------------------------------------------------

    def assign(self, value: Any, *, copy: bool = True) -> None:
        """Replace the value by one of the same shape, cast to the tensor's dtype.

        Args:
            value: the new value.
            copy: whether to copy an array that would fit as it is; whoever says no leaves the
                array alone afterwards.

        Raises:
            GradientError: the tensor is the recorded result of an operation.
            ShapeError: the shapes differ.
        """
        if self.record is not None or self._value is None:
            raise GradientError(
                "the recorded result of an operation cannot be changed in place",
                received=repr(self),
                remedy="compute a new tensor, or change a copy: x = x.detach()",
            )
        make = np.array if copy else np.asarray
        array = make(as_array(value), dtype=self.dtype, order="C")
        if array.shape != self.shape:
            raise ShapeError(
                f"a new value has the shape of the old one, {self.shape}", received=array.shape
            )
        self._value = array
        self.version += 1

    def __setitem__(self, key: Any, value: Any) -> None:
        changed = np.array(self.numpy())
        changed[np.asarray(key) if isinstance(key, Tensor) else key] = as_array(value)
        self.assign(changed)

    def detach(self) -> Tensor:
        """The same value as a constant: no derivative flows through."""
        if self._value is None or current_trace() is not None:
            return ops.stop_gradient(self)
        return Tensor(self._value, self.type)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask, or no longer ask, for derivatives with respect to this tensor; returns it."""
        self.requires_grad = requires_grad
        return self

    @property
    def requires_grad(self) -> bool:
        """Whether derivatives with respect to it may be asked for."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, requires_grad: bool) -> None:
        if requires_grad and not is_float(self.dtype):
            raise GradientError(
                "only floating-point tensors have derivatives",
                received=self.type,
                remedy="use x.astype('float32') first",
            )
        self._requires_grad = requires_grad

    def backward(self, gradient: Any = None) -> None:
        """Add the derivatives of this number to ``.grad`` of every leaf it depends on.

        As ``gradus.backward``, which says more.
        """
        assert Tensor.differentiator is not None, "import gradus before differentiating"
        Tensor.differentiator(self, gradient)

    def _in_place(self, changed: Callable[[], Tensor]) -> Any:
        """``w -= …`` under no_grad keeps the parameter w; elsewhere w is bound to a new tensor."""
        parameter = self.requires_grad and self.record is None and not self.is_symbolic
        if is_recording() or not parameter:
            return NotImplemented
        self.assign(changed())
        return self

    def __iadd__(self, other: Any) -> Any:
        return self._in_place(lambda: self + other)

    def __isub__(self, other: Any) -> Any:
        return self._in_place(lambda: self - other)

    def __imul__(self, other: Any) -> Any:
        return self._in_place(lambda: self * other)

    def __itruediv__(self, other: Any) -> Any:
        return self._in_place(lambda: self / other)

    # Operators ----------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Tensor:
        return ops.add(self, other)

    def __radd__(self, other: Any) -> Tensor:
        return ops.add(other, self)

    def __sub__(self, other: Any) -> Tensor:
        return ops.subtract(self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return ops.subtract(other, self)

    def __mul__(self, other: Any) -> Tensor:
        return ops.multiply(self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return ops.multiply(other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return ops.divide(self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return ops.divide(other, self)

    def __pow__(self, other: Any) -> Tensor:
        if type(other) in (int, float) and other == 2:
            return ops.square(self)
        return ops.power(self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return ops.power(other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return ops.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return ops.matmul(other, self)

    def __rshift__(self, other: Any) -> Tensor:
        return ops.bitwise_right_shift(self, other)

    def __neg__(self) -> Tensor:
        return ops.negative(self)

    def __abs__(self) -> Tensor:
        return ops.abs(self)

    def __invert__(self) -> Tensor:
        return ops.logical_not(self)

    def __and__(self, other: Any) -> Tensor:
        return ops.logical_and(self, other)

    def __rand__(self, other: Any) -> Tensor:
        return ops.logical_and(other, self)

    def __or__(self, other: Any) -> Tensor:
        return ops.logical_or(self, other)

    def __ror__(self, other: Any) -> Tensor:
        return ops.logical_or(other, self)

    def __eq__(self, other: Any) -> Tensor:  # type: ignore[override]
        if other is None or isinstance(other, str):
            return NotImplemented  # then Python compares identities
        return ops.equal(self, other)

    def __ne__(self, other: Any) -> Tensor:  # type: ignore[override]
        if other is None or isinstance(other, str):
            return NotImplemented
        return ops.not_equal(self, other)

    def __lt__(self, other: Any) -> Tensor:
        return ops.less(self, other)

    def __le__(self, other: Any) -> Tensor:
        return ops.less_equal(self, other)

    def __gt__(self, other: Any) -> Tensor:
        return ops.greater(self, other)

    def __ge__(self, other: Any) -> Tensor:
        return ops.greater_equal(self, other)

    # Elementwise equality takes __eq__, so tensors are told apart by identity in sets and dicts.
    __hash__ = object.__hash__

    def __getitem__(self, key: Any) -> Tensor:
        return getitem(self, key)

    # Methods ------------------------------------------------------------------------------------

    @property
    def T(self) -> Tensor:  # noqa: N802 - the field's name
        """The transpose of a matrix."""
        if self.ndim != 2:
            raise ShapeError(".T takes a matrix", received=self.type, remedy="use .mT or permute")
        return ops.permute_dims(self)

    @property
    def mT(self) -> Tensor:  # noqa: N802 - the array API's name
        """The last two axes exchanged."""
        return ops.matrix_transpose(self)

    def reshape(self, *shape: Any) -> Tensor:
        """The same elements in another shape; one length may be -1."""
        wanted = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        return ops.reshape(self, shape=wanted)

    def permute(self, *axes: int) -> Tensor:
        """The axes in another order."""
        return ops.permute_dims(self, axes=axes)

    def astype(self, dtype: npt.DTypeLike) -> Tensor:
        """The value in another dtype; itself where it has that dtype."""
        wanted = as_dtype(dtype)
        return self if wanted == self.dtype else ops.astype(self, dtype=wanted)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Sum over axes."""
        return ops.sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Mean over axes."""
        return ops.mean(self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Largest element over axes."""
        return ops.max(self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        """Smallest element over axes."""
        return ops.min(self, axis=axis, keepdims=keepdims)

    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Tensor:
        """Position of the first largest element."""
        return ops.argmax(self, axis=axis, keepdims=keepdims)

    def exp(self) -> Tensor:
        """Elementwise eˣ."""
        return ops.exp(self)

    def log(self) -> Tensor:
        """Elementwise natural logarithm."""
        return ops.log(self)

    def sqrt(self) -> Tensor:
        """Elementwise square root."""
        return ops.sqrt(self)

    def tanh(self) -> Tensor:
        """Elementwise hyperbolic tangent."""
        return ops.tanh(self)

    def sigmoid(self) -> Tensor:
        """Elementwise 1/(1 + e⁻ˣ)."""
        return ops.sigmoid(self)

    def relu(self) -> Tensor:
        """Elementwise max(0, x)."""
        return ops.relu(self)


# ── Making tensors ──────────────────────────────────────────────────────────────────────────────


def as_array(value: Any) -> Array:
    """Array of a value: NumPy's dtype kept, Python floats as float32."""
    if isinstance(value, Tensor):
        return value.numpy()
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
    else:
        array = np.asarray(value)
        if array.dtype == np.float64 and not _holds_numpy(value):
            array = array.astype(np.float32)
    _check_numbers(value, array)
    as_dtype(array.dtype)
    return array


def _check_numbers(value: Any, array: Array) -> None:
    if array.dtype.kind not in "fiub":
        raise DtypeError(
            "a tensor holds numbers or booleans",
            received=f"{type(value).__name__} of dtype {array.dtype}",
            remedy="encode text first (gradus.data), and replace None by a number",
        )


def _holds_numpy(value: Any) -> bool:
    """Whether the first leaf of nested lists is a NumPy value, which keeps its dtype."""
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "__array__")


def tensor(
    value: Any,
    dtype: npt.DTypeLike | None = None,
    *,
    requires_grad: bool = False,
    name: str | None = None,
) -> Tensor:
    """Make a tensor from numbers, nested lists or an array; the data is copied.

    Python floats become float32, Python integers int64; NumPy arrays keep their dtype.

    Args:
        value: a number, nested lists of equal length, an array, or a tensor.
        dtype: the dtype to convert to.
        requires_grad: whether derivatives with respect to it will be asked for.
        name: shown in graphs and drawings.

    Raises:
        DtypeError: text, objects, or a dtype that gradus does not compute in.
        GradientError: ``requires_grad`` for integers or booleans.

    >>> tensor([[1.0, 2.0], [3.0, 4.0]]).shape
    (2, 2)
    """
    try:
        array = as_array(value) if dtype is None or isinstance(value, Tensor) else np.array(value)
    except ValueError as error:
        raise ShapeError(
            "nested lists make a tensor when they are equally long",
            received=str(error),
            remedy="pad the shorter ones",
        ) from error
    _check_numbers(value, array)  # NumPy would read the text "1.5" as a number
    array = np.array(array, dtype=None if dtype is None else as_dtype(dtype), order="C")
    as_dtype(array.dtype)
    made = _made(array, name)
    return made.requires_grad_() if requires_grad else made


def as_tensor(value: Any) -> Tensor:
    """The tensor itself, or one made of an array or of numbers."""
    return value if isinstance(value, Tensor) else tensor(value)


def zeros(shape: int | Shape, dtype: npt.DTypeLike = float32) -> Tensor:
    """Tensor of zeros."""
    return full(shape, 0, dtype)


def ones(shape: int | Shape, dtype: npt.DTypeLike = float32) -> Tensor:
    """Tensor of ones."""
    return full(shape, 1, dtype)


def full(shape: int | Shape, value: Any, dtype: npt.DTypeLike = float32) -> Tensor:
    """Tensor of one number."""
    if not isinstance(dtype, (str, type, np.dtype)):
        raise DtypeError(
            "a shape is one argument", received=f"dtype={dtype!r}", remedy="zeros((3, 4))"
        )
    lengths = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if any(n < 0 for n in lengths):
        raise ShapeError("lengths are at least 0", received=lengths)
    return _made(np.full(lengths, value, as_dtype(dtype)))


def _made(array: Array, name: str | None = None) -> Tensor:
    """Tensor of an array. Made inside a traced function it is a constant of the trace."""
    inside = current_trace() is not None
    return Tensor(array, TensorType(array.shape, array.dtype), name=name, literal=inside)


def constant(array: Array) -> Tensor:
    """Tensor of numbers that never change: a trace keeps them instead of reading them anew."""
    return Tensor(array, TensorType(array.shape, array.dtype), literal=True)


def arange(start: float, stop: float | None = None, step: float = 1) -> Tensor:
    """Evenly spaced numbers in [start, stop), or in [0, start) where only one is given.

    Integers give int64, floats float32.
    """
    found = np.arange(start, stop, step) if stop is not None else np.arange(start)
    return tensor(found, int64 if found.dtype.kind == "i" else float32)
