"""The same bits for any number of threads, in the five workloads that speed is claimed for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.workloads import WORKLOADS

from gradus.compiler.native import NativeExecutor, available

pytestmark = pytest.mark.skipif(not available(), reason="built without the native executor")

FEW = {
    "tiny": (200, 20),
    "digits": (320, 2),
    "lecture": (64, 10),
    "mnist": (640, 1),
    "wide": (512, 1),
}
WHOLE = {"tiny": 50, "digits": 3, "lecture": 20, "mnist": 1, "wide": 1}


@pytest.mark.parametrize("name", WORKLOADS)
def test_one_two_and_three_threads_leave_the_same_parameters(name: str) -> None:
    workload = WORKLOADS[name]
    if name == "wide":  # a quarter as wide it still takes packed blocks, in a hundredth of the time
        workload = replace(workload, widths=tuple(n // 4 for n in workload.widths))
    rows, epochs = FEW[name]
    executors = [NativeExecutor(n) for n in (1, 2, 3, 1)]
    assert len(set(workload.hashes(executors, rows=rows, epochs=epochs))) == 1


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", WORKLOADS)
def test_twenty_whole_runs_on_one_and_on_two_threads_leave_the_same_parameters(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    workload = WORKLOADS[name]
    executors = [NativeExecutor(n) for n in (1, 2)] * 20
    found = list(workload.hashes(executors, rows=workload.rows, epochs=WHOLE[name]))
    with capsys.disabled():
        print(f"\n{name}: {', '.join(sorted(set(found)))} in {len(found)} runs", flush=True)
    assert len(set(found)) == 1
