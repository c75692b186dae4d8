"""``x[key]`` as slices, reshapes and takes."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from gradus.errors import ArgumentError, DtypeError
from gradus.ops.index import take
from gradus.ops.movement import reshape, slice

_ALL = builtins.slice(None)


def getitem(x: Any, key: Any) -> Any:
    """Read a part of a tensor with NumPy's indexing.

    Integers, slices, ``None``, ``...``, integer arrays or tensors and boolean masks. Arrays must
    stand next to each other; they broadcast, and their axes take the place of those they index.

    Raises:
        ArgumentError: an index outside its axis, too many indices, or arrays set apart.
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
        elif isinstance(k, (int, np.integer)):
            if not -n <= k < n:
                raise ArgumentError(
                    f"an index along an axis of length {n} lies in [{-n}, {n})", received=int(k)
                )
            slices.append(builtins.slice(int(k) % n, int(k) % n + 1))
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
    """Spell out ``...`` and the missing trailing axes; turn masks and lists into integer arrays."""
    found: list[Any] = []
    for k in keys:
        if k is None or k is Ellipsis or isinstance(k, (builtins.slice, int, np.integer)):
            found.append(k)
        elif isinstance(k, float):
            raise DtypeError("an index is an integer, a slice or an array", received=k)
        else:
            found.extend(_positions(k))
    used = sum(k is not None and k is not Ellipsis for k in found)
    rank = len(x.shape)
    if used > rank or sum(k is Ellipsis for k in found) > 1:
        raise ArgumentError(f"at most {rank} indices and one '...' for {x.shape}", received=keys)
    at = next((i for i, k in enumerate(found) if k is Ellipsis), len(found))
    return [*found[:at], *[_ALL] * (rank - used), *found[at + 1 :]]


def _positions(k: Any) -> list[Any]:
    """Integer positions that an array, a list, a mask or a tensor stands for."""
    if hasattr(k, "is_symbolic"):
        if k.is_symbolic and k.dtype.kind != "b":
            return [k]
        k = k.numpy()
    array = np.asarray(k)
    if array.dtype == np.bool_:
        return list(np.nonzero(array))
    return [array.astype(np.int64) if array.size == 0 else array]


def _take_arrays(x: Any, arrays: dict[int, Any]) -> Any:
    axes = list(arrays)
    first, count = axes[0], len(axes)
    if count == 1:
        return take(x, arrays[first], axis=first)
    if axes != list(range(first, first + count)):
        raise ArgumentError(
            "index arrays stand next to each other", remedy="permute the axes first"
        )
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
    merged = reshape(x, shape=(*x.shape[:first], -1, *x.shape[first + count :]))
    return take(merged, np.asarray(flat), axis=first)
