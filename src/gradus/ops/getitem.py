"""``x[key]`` as slices, reshapes and takes."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from gradus.errors import ArgumentError, DtypeError, ShapeError
from gradus.ops.index import take
from gradus.ops.movement import reshape
from gradus.ops.slicing import slice

_ALL = builtins.slice(None)


def getitem(x: Any, key: Any) -> Any:
    """Read a part of a tensor with NumPy's indexing.

    Integers, slices, ``None``, ``...``, integer arrays or tensors and boolean masks. Arrays, and
    integers beside them, must stand next to each other; arrays broadcast, and their axes take the
    place of those they index.

    Raises:
        ArgumentError: an index outside its axis, too many indices, or arrays set apart.
        ShapeError: a mask of another shape than the axes it picks from.
        DtypeError: an index that is no integer, slice, array of integers or mask.
    """
    keys = _complete(x, key if isinstance(key, tuple) else (key,))
    slices, shape, arrays = [], [], {}
    axis = 0
    for k in keys:
        if k is None:
            shape.append(1)
            continue
        n = x.shape[axis]
        if isinstance(k, builtins.slice):
            slices.append(k)
            shape.append(len(range(n)[k]))
        elif isinstance(k, int):
            if not -n <= k < n:
                raise ArgumentError(
                    f"an index along an axis of length {n} lies in [{-n}, {n})", received=k
                )
            slices.append(builtins.slice(k % n, k % n + 1))
        else:
            arrays[len(shape)] = k
            slices.append(_ALL)
            shape.append(n)
        axis += 1
    if any(s != _ALL for s in slices):
        x = slice(x, slices=slices)
    if x.shape != tuple(shape):
        x = reshape(x, shape=shape)
    return _take_arrays(x, arrays) if arrays else x


def _complete(x: Any, keys: tuple[Any, ...]) -> list[Any]:
    """Spell out ``...`` and the missing trailing axes; turn masks into integer arrays."""
    given = [_plain(k) for k in keys]
    rank, used = len(x.shape), sum(map(_axes_of, given))
    if used > rank or sum(k is Ellipsis for k in given) > 1:
        raise ArgumentError(f"at most {rank} indices and one '...' for {x.shape}", received=keys)
    _check_together(given)
    at = next((i for i, k in enumerate(given) if k is Ellipsis), len(given))
    found: list[Any] = []
    axis = 0
    for k in [*given[:at], *[_ALL] * (rank - used), *given[at + 1 :]]:
        axis += _axes_of(k)
        if isinstance(k, np.ndarray) and k.dtype == np.bool_:
            lengths = x.shape[axis - k.ndim : axis]
            if k.shape != lengths:
                raise ShapeError(
                    f"a mask has the shape of what it picks from, {lengths}", received=k.shape
                )
            found.extend(np.nonzero(k))
        else:
            found.append(k)
    return found


def _plain(k: Any) -> Any:
    """A key as None, ``...``, slice, integer, array of int64 or bool, or symbolic tensor."""
    if k is None or k is Ellipsis or isinstance(k, builtins.slice):
        return k
    if isinstance(k, (int, np.integer)) and not isinstance(k, bool):
        return int(k)
    if getattr(k, "is_symbolic", False) and k.dtype.kind in "iu":
        return k
    try:
        array = np.asarray(k)
    except ValueError:  # nested lists of unequal lengths
        array = np.empty(1, object)
    if array.dtype == np.bool_ and array.ndim:
        return array
    if array.dtype.kind in "iu" or array.size == 0:
        return array.astype(np.int64)
    raise DtypeError(
        "an index is an integer, a slice, an array of integers, or a mask of booleans",
        received=repr(k)[:100],
        remedy="use indices.astype('int64')"
        if array.dtype.kind == "f"
        else "axes have no names or keys: give positions, which count from 0",
    )


def _axes_of(k: Any) -> int:
    """Number of axes that a key stands for."""
    if k is None or k is Ellipsis:
        return 0
    return k.ndim if isinstance(k, np.ndarray) and k.dtype == np.bool_ else 1


def _check_together(keys: list[Any]) -> None:
    """NumPy moves the axes of arrays to the front when other keys stand between."""
    between = (type(None), type(Ellipsis), builtins.slice)
    chosen = [i for i, k in enumerate(keys) if not isinstance(k, between)]
    apart = chosen and chosen != list(range(chosen[0], chosen[0] + len(chosen)))
    if apart and not all(isinstance(keys[i], int) for i in chosen):
        raise ArgumentError(
            "integers and arrays stand next to each other where an array is among them",
            remedy="index in two steps, as in x[0][:, positions], or permute the axes first",
        )


def _take_arrays(x: Any, arrays: dict[int, Any]) -> Any:
    axes = list(arrays)
    first, count = axes[0], len(axes)
    if count == 1:
        return take(x, arrays[first], axis=first)
    if any(hasattr(k, "is_symbolic") for k in arrays.values()):
        raise ArgumentError(
            "a traced function indexes by one tensor at a time",
            remedy="use gd.ops.take_along_axis",
        )
    lengths = x.shape[first : first + count]
    for k, n in zip(arrays.values(), lengths, strict=True):
        if k.size and not (-n <= k.min() and k.max() < n):
            raise ArgumentError(
                f"positions along an axis of length {n} lie in [{-n}, {n})",
                received=f"{k.min()} to {k.max()}",
            )
    wrapped = [k % n for k, n in zip(arrays.values(), lengths, strict=True)]
    flat = np.ravel_multi_index(np.broadcast_arrays(*wrapped), lengths)
    merged = reshape(x, shape=(*x.shape[:first], math.prod(lengths), *x.shape[first + count :]))
    return take(merged, np.asarray(flat), axis=first)
