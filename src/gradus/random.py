"""Random numbers from a counter: the same (seed, step, site) gives the same bits everywhere.

A draw is a pure function of its address, so nothing has to be stored to repeat it: a resumed run,
another executor and another number of threads see the same numbers. The generator is
Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011), whose test
vectors the tests check.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradus.errors import ArgumentError
from gradus.types import Array, Shape

try:
    from gradus import _native
except ImportError:  # built without a C++ compiler
    _native = None  # type: ignore[assignment]

random_bits: Callable[[Array, int, Sequence[int], int], None] | None
random_bits = None if _native is None else _native.random_bits

_MASK = np.uint64(0xFFFFFFFF)
_MASK_64 = 0xFFFFFFFFFFFFFFFF
_MULTIPLIER = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
_TOGETHER = 1 << 15  # blocks computed at once: what lies between is several times as large

# Sites of the draws that gradus itself makes. A traced step counts its own sites up from 0.
SITE_SHUFFLE = 0xFFFF0001
SITE_SPLIT = 0xFFFF0002
SITE_TOY = 0xFFFF0003
SITE_SEARCH = 0xFFFF0004
SITE_TEXT = 0xFFFF0005
SITE_COPIES = 0xFFFF0006


def philox(counter: tuple[Array, ...], key: tuple[int, int]) -> tuple[Array, ...]:
    """Philox4x32-10: four words of counter and two of key to four random words.

    The words are uint64 arrays (or scalars) that hold 32-bit values.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        high = _MULTIPLIER[0] * c0
        low = _MULTIPLIER[1] * c2
        c0 = (low >> np.uint64(32)) ^ c1 ^ np.uint64(k0)
        c1 = low & _MASK
        c2 = (high >> np.uint64(32)) ^ c3 ^ np.uint64(k1)
        c3 = high & _MASK
        k0 = (k0 + _WEYL[0]) & 0xFFFFFFFF
        k1 = (k1 + _WEYL[1]) & 0xFFFFFFFF
    return c0, c1, c2, c3


def bits(seed: int, step: int, site: int, shape: Shape) -> Array:
    """Random 32-bit integers, a pure function of (seed, step, site).

    Element number i is word i mod 4 of Philox4x32-10 at counter
    (i div 4, site, step mod 2³², step div 2³²) under the key (seed mod 2³², seed div 2³²).

    >>> bits(0, 0, 0, (4,))
    array([1713891541, 3781805453, 3159862348, 2600524760], dtype=uint32)
    """
    return _bits(seed, [step], site, int(np.prod(shape, dtype=np.int64))).reshape(shape)


def _bits(seed: int, steps: Sequence[int], site: int, size: int) -> Array:
    """What ``bits`` gives at each of the steps, (steps, size)."""
    # int(): NumPy's integers cannot hold the mask.
    key, at = int(seed) & _MASK_64, [int(step) & _MASK_64 for step in steps]
    if random_bits is None:
        return _bits_by_numpy(key, at, site, size)
    found = np.empty((len(at), size), np.uint32)
    random_bits(found, key, at, site)
    return found


def _bits_by_numpy(key: int, at: Sequence[int], site: int, size: int) -> Array:
    """The same without native code, under a key of 64 bits and at steps of as many."""
    low, high = (np.array([n >> shift & 0xFFFFFFFF for n in at], np.uint64) for shift in (0, 32))
    blocks = -(-size // 4)
    found = np.empty((len(at), blocks, 4), np.uint32)
    for start in range(0, blocks, _TOGETHER):
        stop = min(start + _TOGETHER, blocks)
        words = philox(
            (
                np.arange(start, stop, dtype=np.uint64),
                np.array([site], np.uint64),
                low[:, None],
                high[:, None],
            ),
            (key & 0xFFFFFFFF, key >> 32),
        )
        for k, word in enumerate(words):
            found[:, start:stop, k] = word
    return found.reshape(len(at), 4 * blocks)[:, :size]


def uniform(seed: int, step: int, site: int, shape: Shape) -> Array:
    """Numbers evenly spread over [0, 1), float64 with 53 random bits each."""
    words = bits(seed, step, site, (*shape, 2)).astype(np.uint64)
    return ((words[..., 0] >> np.uint64(5)) * 2.0**26 + (words[..., 1] >> np.uint64(6))) * 2.0**-53


def normal(seed: int, step: int, site: int, shape: Shape) -> Array:
    """Standard normal numbers, float64, by the Box-Muller transform: √(−2 ln u) cos 2πv."""
    u = uniform(seed, step, site, (2, *shape))
    return np.sqrt(-2.0 * np.log1p(-u[0])) * np.cos(2.0 * np.pi * u[1])


def permutation(seed: int, step: int, n: int, *, site: int = SITE_SHUFFLE) -> Array:
    """Random order of 0 … n−1: the ranks of n 64-bit draws (ties keep their order).

    >>> sorted(permutation(0, 0, 5).tolist())
    [0, 1, 2, 3, 4]
    """
    return permutations(seed, [step], n, site=site)[0]


def permutations(seed: int, steps: Sequence[int], n: int, *, site: int = SITE_SHUFFLE) -> Array:
    """``permutation`` at each of the steps, (steps, n); together they take less time."""
    # Sorting numbers takes a fraction of the time of sorting their places, so the last bits of each
    # draw give way to its place.
    digits = np.uint64(int(n).bit_length())
    low = (np.uint64(1) << digits) - np.uint64(1)
    drawn = _draws(seed, steps, site, n)
    drawn &= ~low
    drawn |= np.arange(n, dtype=np.uint64)
    drawn.sort(axis=-1)
    first = drawn >> digits
    if (first[:, 1:] == first[:, :-1]).any():  # then the last bits decide
        return np.argsort(_draws(seed, steps, site, n), axis=-1, kind="stable")
    drawn &= low
    return drawn.view(np.int64)


def _draws(seed: int, steps: Sequence[int], site: int, n: int) -> Array:
    """n numbers of 64 bits at each of the steps."""
    words = _bits(seed, steps, site, 2 * n).reshape(len(steps), n, 2)
    found = words[..., 0].astype(np.uint64)
    found <<= np.uint64(32)
    found |= words[..., 1]
    return found


# ── The stream that modules and initialisers draw from ──────────────────────────────────────────


@dataclass
class Stream:
    """Hands out addresses of draws: one seed, one step, and a site that counts up.

    ``seed`` and ``step`` are integers, or scalar tensors inside a traced step.
    """

    seed: Any
    step: Any = 0
    site: int = 0

    def next(self) -> tuple[Any, Any, int]:
        """Address (seed, step, site) of the next draw."""
        self.site += 1
        return self.seed, self.step, self.site - 1


class _Current(threading.local):
    def __init__(self) -> None:
        self.stream = Stream(0)


_current = _Current()


def current_stream() -> Stream:
    """The stream of this thread: the innermost ``use_stream``, else the one of ``manual_seed``."""
    return _current.stream


@contextmanager
def use_stream(stream: Stream) -> Iterator[Stream]:
    """Draw from the given stream inside the block."""
    before, _current.stream = _current.stream, stream
    try:
        yield stream
    finally:
        _current.stream = before


def manual_seed(seed: int) -> None:
    """Start this thread's stream anew; before it is called the seed is 0.

    Args:
        seed: an integer of 64 bits, negative ones included.

    >>> manual_seed(3); current_stream().next()
    (3, 0, 0)
    """
    if not isinstance(seed, (int, np.integer)) or not -(2**63) <= seed < 2**63:
        raise ArgumentError("a seed is an integer from −2⁶³ to 2⁶³ − 1", received=repr(seed))
    _current.stream = Stream(int(seed))
