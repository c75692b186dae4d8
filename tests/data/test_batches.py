"""An epoch shows every example once, in an order that (seed, epoch) alone decides."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradus.data import batch_bounds, epoch_order
from gradus.errors import ArgumentError
from gradus.random import permutation


@given(st.integers(0, 300), st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**40))
def test_every_example_comes_once_an_epoch(n, seed, epoch):
    order = epoch_order(n, seed, epoch)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(n))


def test_the_order_follows_from_seed_and_epoch():
    assert epoch_order(50, 1, 2).tolist() == epoch_order(50, 1, 2).tolist()
    orders = {tuple(epoch_order(50, seed, epoch)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9


@given(st.integers(0, 9000), st.integers(0, 2**40))
def test_the_order_is_the_permutation_of_the_epoch_however_many_are_drawn_together(n, epoch):
    assert epoch_order(n, 3, epoch).tolist() == permutation(3, epoch, n).tolist()


def test_an_order_is_the_callers_own():
    epoch_order(10, 0, 0)[:] = 0
    assert sorted(epoch_order(10, 0, 0).tolist()) == list(range(10))


def test_without_shuffling_the_order_is_the_tables():
    assert epoch_order(4, 0, 7, shuffle=False).tolist() == [0, 1, 2, 3]


@given(st.integers(0, 200), st.integers(1, 250))
def test_batches_follow_each_other_without_gap_or_overlap(n, batch_size):
    bounds = batch_bounds(n, batch_size)
    assert [i for start, stop in bounds for i in range(start, stop)] == list(range(n))
    assert all(stop - start == batch_size for start, stop in bounds[:-1])


def test_a_batch_size_beyond_the_rows_gives_one_batch():
    assert batch_bounds(3, 100) == [(0, 3)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: epoch_order(-1, 0, 0), "n must be at least 0"),
        (lambda: epoch_order(5, 0, -1), "epoch must be at least 0"),
        (lambda: epoch_order(5, 0.5, 0), "seed must be a whole number"),
        (lambda: batch_bounds(5, 0), "batch_size must be at least 1; received 0"),
        (lambda: batch_bounds(5, 2.0), "batch_size must be a whole number; received 2.0"),
        (lambda: batch_bounds(-1, 2), "n must be at least 0"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()
