"""Fits in a loop: what a fit has made goes with its trainer, and memory stays as it is."""

from __future__ import annotations

import gc
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import gradus as gd
from gradus import losses, nn, optim
from gradus.compiler import Graph
from gradus.compiler.native import available, executor

pytestmark = pytest.mark.skipif(not available(), reason="built without the native executor")

X = np.linspace(-1, 1, 20, dtype=np.float32).reshape(-1, 2)
STATM = Path("/proc/self/statm")


def fit() -> gd.Trainer:
    network = nn.Sequential(nn.Linear(2, 1))
    trainer = gd.Trainer(network, losses.squared_error, optim.SGD(0.1), executor="native")
    trainer.fit(X, X[:, :1], epochs=1, batch_size=10, validation=0.2, progress=False)
    return trainer


@contextmanager
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def test_programs_and_arenas_go_with_their_trainer(monkeypatch: pytest.MonkeyPatch) -> None:
    # At once, not when the collector comes by: an arena may be hundreds of megabytes.
    made: list[weakref.ref[object]] = []

    class Watched(executor.NativeProgram):
        def __init__(self, graph: Graph, threads: int, target: str) -> None:
            super().__init__(graph, threads, target)
            made.append(weakref.ref(self))

    monkeypatch.setattr(executor, "NativeProgram", Watched)
    with without_collector():
        trainer = fit()
        assert made
        assert all(program() is not None for program in made)
        del trainer
        assert all(program() is None for program in made)


def test_fits_leave_no_objects_behind() -> None:
    def objects(fits: int) -> int:
        for _ in range(fits):
            fit()
        gc.collect()
        return len(gc.get_objects())

    after_few = objects(20)
    # Caches may still fill up, but not by an object a fit.
    assert objects(100) - after_few < 100


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not STATM.exists(), reason="memory is read from /proc")
def test_ten_thousand_fits_do_not_grow_memory(capsys: pytest.CaptureFixture[str]) -> None:
    def kilobytes_after(fits: int) -> int:
        for _ in range(fits):
            fit()
        return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024

    early, late = kilobytes_after(1000), kilobytes_after(9000)
    with capsys.disabled():
        print(f"\nresident after 1,000 fits: {early:,} KB; after 10,000: {late:,} KB", flush=True)
    # Less than half a kilobyte a fit; the smallest program has more than ten.
    assert late - early < 4_000
