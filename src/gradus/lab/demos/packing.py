"""Arrays inside a page: as base64 of float32, or of bytes where a picture needs no more."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import numpy as np

from gradus.types import Array

Packed = dict[str, Any]


def floats(values: Any) -> Packed:
    """Numbers as float32, little-endian; what is not finite stays so.

    >>> floats([[1.0, 2.0]])
    {'shape': [1, 2], 'float32': 'AACAPwAAAEA='}
    """
    array = np.asarray(values, "<f4")
    return {"shape": list(array.shape), "float32": _base64(array)}


def pictures(values: Array) -> Packed:
    """Pictures, (…, rows, columns), as one signed byte a place.

    Each picture has a limit, its largest magnitude: value = byte · limit / 127, which is right to
    limit / 254, and 0 stays 0.

    >>> packed = pictures(np.asarray([[[0.0, -2.0], [1.0, 2.0]]]))
    >>> packed["shape"], packed["limits"]["shape"]
    ([1, 2, 2], [1])
    """
    limits = np.abs(values).max(axis=(-2, -1)).astype("<f4")
    scale = np.where(limits > 0, limits, 1).astype(np.float64)[..., None, None]
    whole = np.rint(values / scale * 127).astype(np.int8)
    return {"shape": list(values.shape), "limits": floats(limits), "int8": _base64(whole)}


def _base64(array: Array) -> str:
    return b64encode(array.tobytes()).decode("ascii")
