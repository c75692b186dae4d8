"""N-grams: the next character by counting, what a model of language is measured against."""

from __future__ import annotations

import numpy as np

from gradus.checks import whole_number
from gradus.data.text import numbered
from gradus.errors import DataError
from gradus.types import Array

# Strengths that are tried, four to each power of ten.
_STRENGTHS = tuple(float(s) for s in 10.0 ** np.arange(-2.0, 4.25, 0.25))


class NGrams:
    """p(c | context) by counting which characters followed the last order − 1 ones.

    Counts with a context are drawn towards what a context shorter by its first character says:
    p_m(c | x) = (count(x c) + β_m p_{m−1}(c | x′)) / (count(x ·) + β_m), and p_0 = 1/K. Each β_m is
    chosen from a grid, from the shortest context up, by the bits of the validation part.

    Source: MacKay and Peto, "A hierarchical Dirichlet language model" (1995).

    Args:
        training: numbers of the characters that are counted, (n,).
        validation: numbers of those that β is chosen by.
        classes: K, size of the alphabet.
        order: 1 for single characters (unigrams), 2 for pairs (bigrams), …

    Attributes:
        strengths: β of each order.

    Raises:
        ArgumentError: an order below 1, or numbers outside 0 … K − 1.
        DataError: a part with fewer than two characters, or more kinds of n-grams than 2⁶³.

    >>> text = np.array([0, 1] * 50)
    >>> round(NGrams(text, text, 2, order=1).bits(text), 3)
    1.0
    >>> NGrams(text, text, 2, order=2).bits(text) < 0.01
    True
    """

    def __init__(self, training: Array, validation: Array, classes: int, order: int) -> None:
        self.classes = whole_number("classes", classes, least=1)
        self.order = whole_number("order", order, least=1)
        if self.classes**self.order >= 2**63:
            raise DataError(
                "n-grams are numbered in 64 bits",
                received=f"order {order} of {classes} characters",
                remedy="take a lower order",
            )
        training, validation = (numbered(part, self.classes) for part in (training, validation))
        self.strengths: list[float] = []
        self._counts: list[tuple[_Counts, _Counts]] = []
        below = self._probabilities(validation)
        for m in range(1, self.order + 1):
            codes = self._codes(training, m)
            self._counts.append((_Counts(codes), _Counts(codes // self.classes)))
            tried = [self._refined(below, validation, m, s) for s in _STRENGTHS]
            best = int(np.argmin([_bits(p) for p in tried]))
            self.strengths.append(_STRENGTHS[best])
            below = tried[best]

    def bits(self, numbers: Array) -> float:
        """Bits per character of a text: mean of −log₂ p over all its characters but the first.

        The first is given, as it is to other models of language. Contexts begin with the text: its
        second character has a context of one.

        Raises:
            ArgumentError: numbers outside 0 … K − 1.
            DataError: fewer than two.
        """
        return _bits(self._probabilities(numbered(numbers, self.classes)))

    def _probabilities(self, numbers: Array) -> Array:
        """P of every character but the first, by the orders that have a strength so far."""
        if len(numbers) < 2:
            raise DataError(
                "a text to be predicted has two characters or more", received=len(numbers)
            )
        p = np.full(len(numbers) - 1, 1.0 / self.classes)
        for m, strength in enumerate(self.strengths, start=1):
            p = self._refined(p, numbers, m, strength)
        return p

    def _refined(self, below: Array, numbers: Array, m: int, strength: float) -> Array:
        """P by a context of m − 1 characters, from p by one less; where there are so many."""
        codes = self._codes(numbers, m)[1 if m == 1 else 0 :]
        together, context = self._counts[m - 1]
        first = len(below) - len(codes)
        p = below.copy()
        p[first:] = (together.of(codes) + strength * below[first:]) / (
            context.of(codes // self.classes) + strength
        )
        return p

    def _codes(self, numbers: Array, m: int) -> Array:
        """Each m characters in a row as one number, of which the last is the remainder by K."""
        n = max(len(numbers) - m + 1, 0)
        codes = np.zeros(n, np.int64)
        for k in range(m):
            codes = codes * self.classes + numbers[k : k + n]
        return codes


class _Counts:
    """How often each code occurs."""

    def __init__(self, codes: Array) -> None:
        self._codes, self._counts = np.unique(codes, return_counts=True)

    def of(self, codes: Array) -> Array:
        """Number of times each of the codes occurred."""
        if not len(self._codes):
            return np.zeros(len(codes), np.int64)
        places = np.minimum(np.searchsorted(self._codes, codes), len(self._codes) - 1)
        return np.where(self._codes[places] == codes, self._counts[places], 0)


def _bits(p: Array) -> float:
    return float(-np.log2(p).mean())
