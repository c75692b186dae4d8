"""From a table to a network: what train_table leaves alone."""

from __future__ import annotations

import gradus as gd
from gradus.data import load
from gradus.estimators.table_run import train_table
from gradus.random import current_stream


def test_the_callers_random_stream_stays_where_it_is() -> None:
    gd.manual_seed(5)
    current_stream().next()
    table, target = load("iris")
    train_table(table, target, max_iter=1, seed=3, progress=False)
    assert current_stream().next() == (5, 0, 1)
