"""N-grams: distributions, the formula by hand, and the bits of texts whose bits are known."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from gradus.data import NGrams
from gradus.errors import ArgumentError, DataError
from gradus.random import uniform

K = 4
CHAIN = np.array([[0.7, 0.1, 0.1, 0.1], [0.0, 0.5, 0.5, 0.0], [0.9, 0.0, 0.0, 0.1], [0.25] * 4])


def text(n: int, seed: int) -> np.ndarray:
    """A Markov chain: what follows depends on the last character alone."""
    draws, found = uniform(seed, 0, 0, (n,)), [0]
    for u in draws[1:]:
        found.append(int(np.searchsorted(CHAIN[found[-1]].cumsum(), u, side="right")))
    return np.array(found)


TRAINING, VALIDATION, HELD = text(20_000, 0), text(4000, 1), text(20_000, 2)


def by_hand(model: NGrams, numbers: np.ndarray) -> float:
    """Bits by the formula of the docstring, character by character."""
    grams = [
        Counter(tuple(TRAINING[i : i + m]) for i in range(len(TRAINING) - m + 1)) for m in range(4)
    ]

    def p(c: int, context: tuple[int, ...]) -> float:
        if context is None:
            return 1 / K
        m, beta = len(context), model.strengths[len(context)]
        follows = sum(grams[m + 1][(*context, k)] for k in range(K))
        below = p(c, context[1:]) if m else 1 / K
        return (grams[m + 1][(*context, c)] + beta * below) / (follows + beta)

    bits = 0.0
    for i in range(1, len(numbers)):
        context = tuple(numbers[max(0, i - model.order + 1) : i])
        bits -= np.log2(p(numbers[i], context))
    return bits / (len(numbers) - 1)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_bits_are_those_of_the_formula(order: int) -> None:
    model = NGrams(TRAINING, VALIDATION, K, order)
    assert model.bits(HELD[:300]) == pytest.approx(by_hand(model, HELD[:300]), rel=1e-12)


def test_bigrams_reach_the_entropy_of_a_chain_and_unigrams_that_of_its_characters() -> None:
    weights, vectors = np.linalg.eig(CHAIN.T)
    still = np.real(vectors[:, np.argmax(np.real(weights))])
    still /= still.sum()
    logs = np.where(CHAIN > 0, np.log2(np.where(CHAIN > 0, CHAIN, 1.0)), 0.0)
    # 20,000 characters: figures spread by about 1 / √20000 bits.
    unigrams, bigrams, trigrams = (NGrams(TRAINING, VALIDATION, K, m).bits(HELD) for m in (1, 2, 3))
    assert unigrams == pytest.approx(-(still * np.log2(still)).sum(), abs=0.03)
    assert bigrams == pytest.approx(-(still[:, None] * CHAIN * logs).sum(), abs=0.03)
    assert trigrams == pytest.approx(bigrams, abs=0.01)


def test_what_was_never_seen_is_possible() -> None:
    model = NGrams(np.array([0, 0, 1, 0]), np.array([0, 3, 3, 1]), K, 3)
    assert np.isfinite(model.bits(np.array([3, 3, 2, 1])))
    assert np.isfinite(NGrams(np.array([0, 0]), np.array([0, 1]), K, 9).bits(np.array([1, 2])))


def test_misuse_is_refused() -> None:
    with pytest.raises(ArgumentError, match="order must be at least 1"):
        NGrams(TRAINING, VALIDATION, K, 0)
    with pytest.raises(DataError, match="lower order"):
        NGrams(TRAINING, VALIDATION, K, 32)
    for short in ([], [1]):
        with pytest.raises(DataError, match="two characters"):
            NGrams(TRAINING, VALIDATION, K, 2).bits(np.array(short, int))


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ("abab", "a row of whole numbers"),
        ([0.0, 0.5], "a row of whole numbers"),
        ([[0, 1], [1, 0]], "a row of whole numbers"),
        ([0, K], f"between 0 and {K - 1}"),  # as from another alphabet: its n-grams would collide
        ([0, -1], f"between 0 and {K - 1}"),
    ],
)
def test_what_is_no_text_in_this_alphabet_is_refused(wrong: Any, rule: str) -> None:
    for parts in ((wrong, VALIDATION), (TRAINING, wrong)):
        with pytest.raises(ArgumentError, match=rule):
            NGrams(*parts, K, 2)
    with pytest.raises(ArgumentError, match=rule):
        NGrams(TRAINING, VALIDATION, K, 2).bits(wrong)
