"""A workload's step by hand in NumPy and by gradus moves the parameters alike."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.peers import gradus_peer, numpy_peer
from benchmarks.task import Task
from benchmarks.workloads import WORKLOADS, Workload

from gradus.compiler.native import available

pytestmark = pytest.mark.skipif(not available(), reason="built without the native executor")

SMALL = [w.scaled(units=12, batch=8) for w in WORKLOADS.values()]


@pytest.mark.parametrize("workload", SMALL, ids=lambda w: w.name)
@pytest.mark.parametrize("ours", [gradus_peer.Training, gradus_peer.FitTraining])
def test_numpy_and_gradus_agree(workload: Workload, ours: type) -> None:
    task = Task.make(workload)
    trained = ours(task), numpy_peer.Training(task)
    for peer in trained:
        peer.replay(workload.order(20))
    found, expected = (peer.parameters() for peer in trained)
    for p, q, start in zip(found, expected, task.parameters, strict=True):
        # Rounding of 20 steps in float32; Adam divides rounding errors by small gradients.
        assert np.linalg.norm(p - q) <= 1e-4 * np.linalg.norm(q - start)


@pytest.mark.parametrize("peer", [gradus_peer.Training, numpy_peer.Training])
def test_a_reset_forgets_everything(peer: type) -> None:
    task = Task.make(SMALL[1])  # Adam, so that there are moments to forget
    made, order = peer(task), task.workload.order(5)
    made.replay(order)
    first = made.parameters()
    made.reset()
    made.replay(order)
    for p, q in zip(first, made.parameters(), strict=True):
        assert np.array_equal(p, q)


def test_every_epoch_of_an_order_has_every_row_once() -> None:
    workload = SMALL[0]
    epoch = workload.order(2 * workload.rows // workload.batch)[: workload.rows // workload.batch]
    assert np.array_equal(np.sort(epoch.ravel()), np.arange(workload.rows))
