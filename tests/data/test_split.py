"""A split loses no row, keeps its sizes, and leaves every class something to train on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradus.data import split_indices
from gradus.errors import ArgumentError, DataError


@given(st.integers(4, 200), st.floats(0.2, 0.8), st.integers(-(2**63), 2**63 - 1))
def test_every_row_is_in_exactly_one_part(n, fraction, seed):
    train, held = split_indices(n, fraction, seed)
    assert sorted([*train, *held]) == list(range(n))
    assert abs(len(held) - n * fraction) <= 0.5
    assert (np.diff(train) > 0).all()
    assert (np.diff(held) > 0).all()


def test_the_seed_alone_decides():
    first, again, other = (split_indices(100, 0.3, seed)[1] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert first.tolist() != other.tolist()


@given(st.lists(st.sampled_from("abcd"), min_size=8, max_size=100), st.floats(0.1, 0.5))
def test_a_stratified_split_keeps_sizes_proportions_and_classes(labels, fraction):
    n = len(labels)
    train, held = split_indices(n, fraction, 0, stratify=labels)
    cells = np.array(labels)
    assert sorted([*train, *held]) == list(range(n))
    assert abs(len(held) - n * fraction) <= 0.5
    assert set(cells[train]) == set(labels)
    for label in set(labels):
        ideal = (cells == label).sum() * len(held) / n
        # One row from rounding, and what the classes of a single row could not give.
        assert abs((cells[held] == label).sum() - ideal) <= 1 + len(set(labels))


def test_proportions_are_exact_where_they_can_be():
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    _, held = split_indices(100, 0.2, 7, stratify=labels)
    assert np.bincount(labels[held]).tolist() == [10, 6, 4]


def test_a_class_of_one_row_is_trained_on():
    labels = ["rare"] + ["often"] * 9
    for seed in range(20):
        assert 0 in split_indices(10, 0.5, seed, stratify=labels)[0]


@pytest.mark.parametrize("fraction", [0, 1, 0.0, 1.0, -0.1, 1.5, float("nan"), "half", None])
def test_a_fraction_outside_is_refused(fraction):
    with pytest.raises(ArgumentError, match="between 0 and 1, both excluded; received"):
        split_indices(10, fraction, 0)


@pytest.mark.parametrize(("n", "fraction"), [(0, 0.5), (1, 0.5), (4, 0.1), (4, 0.9)])
def test_an_empty_part_is_refused_with_both_sizes(n, fraction):
    with pytest.raises(DataError, match=rf"received n_samples={n}, .* to train, \d held out"):
        split_indices(n, fraction, 0)


def test_fewer_rows_than_classes_are_refused():
    message = "fewer rows than classes: 2 rows to train for 3 classes"
    with pytest.raises(DataError, match=message):
        split_indices(4, 0.5, 0, stratify=[0, 1, 2, 0])


def test_labels_of_another_length_are_refused():
    with pytest.raises(ArgumentError, match=r"each of the 4 rows; received shape \(3,\)"):
        split_indices(4, 0.5, 0, stratify=[0, 1, 0])
