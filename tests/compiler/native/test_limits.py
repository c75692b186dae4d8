"""How many threads and which instruction set, where the caller names none."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import gradus as gd
from gradus.compiler import executor_named, trace
from gradus.compiler.native import (
    NativeExecutor,
    available,
    cores,
    limits,
    target_or_variable,
    targets,
    thread_limit,
)
from gradus.errors import ArgumentError

native = pytest.mark.skipif(not available(), reason="built without the native executor")


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four cores, and no share of their time."""
    monkeypatch.setattr(limits, "cores", lambda: 4)
    monkeypatch.setattr(limits, "_processor_share", lambda *_: None)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (4, "the processor cores this process may use")),
        ({"OMP_NUM_THREADS": "2"}, (2, "OMP_NUM_THREADS=2")),
        ({"OMP_NUM_THREADS": "3,2"}, (3, "OMP_NUM_THREADS=3")),
        ({"OMP_NUM_THREADS": "64"}, (4, "the processor cores this process may use")),
        ({"OMP_NUM_THREADS": "0"}, (4, "the processor cores this process may use")),
        ({"OMP_NUM_THREADS": "all"}, (4, "the processor cores this process may use")),
        ({"GRADUS_NUM_THREADS": "8", "OMP_NUM_THREADS": "2"}, (8, "GRADUS_NUM_THREADS=8")),
        ({"GRADUS_NUM_THREADS": ""}, (4, "the processor cores this process may use")),
    ],
)
def test_the_number_of_threads_says_where_it_comes_from(
    environment: dict[str, str], expected: tuple[int, str]
) -> None:
    assert thread_limit(environment) == expected


@pytest.mark.parametrize("value", ["0", "-1", "2.5", "two"])
def test_an_impossible_number_of_threads_in_the_environment_is_refused_by_name(value: str) -> None:
    with pytest.raises(ArgumentError, match=f"GRADUS_NUM_THREADS must be .* '{value}'.*unset"):
        thread_limit({"GRADUS_NUM_THREADS": value})


def test_a_process_is_held_to_the_cores_of_its_mask() -> None:
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("no affinity masks here")
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, [min(before)])
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(
    ("files", "own", "expected"),
    [
        ({"cpu.max": "150000 100000"}, "0::/\n", 2),
        ({"cpu.max": "max 100000"}, "0::/\n", None),
        ({"cpu.max": "max 100000", "jobs/a/cpu.max": "50000 100000"}, "0::/jobs/a\n", 1),
        ({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, "4:cpu:/\n", 3),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, "4:cpu:/\n", None),
        ({}, "0::/\n", None),
    ],
)
def test_a_container_s_share_of_processor_time_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], own: str,
    expected: int | None,
) -> None:  # fmt: skip
    monkeypatch.undo()
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "own").write_text(own)
    assert limits._processor_share(tmp_path, tmp_path / "own") == expected


def test_a_share_below_the_cores_is_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_processor_share", lambda *_: 1)
    assert thread_limit({}) == (1, "the share of processor time this container may use")


def test_an_executor_takes_the_number_that_it_is_given_and_else_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert NativeExecutor().threads == 2
    assert NativeExecutor(3).threads == 3
    assert NativeExecutor(10**6).threads == limits.MOST_THREADS
    for wrong in (0, -1, 1.5, True):
        with pytest.raises(ArgumentError, match="threads must"):
            NativeExecutor(wrong)


@native
@pytest.mark.parametrize("target", targets())
def test_the_environment_chooses_the_instruction_set(
    target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = trace(lambda x: x + 1.0, gd.tensor([1.0])).graph
    monkeypatch.setenv("GRADUS_TARGET", target)
    program = executor_named("auto").prepare(graph)
    assert program._program.target == target
    assert program.run({"x": np.ones(1, np.float32)})["result"].tolist() == [2.0]
    for other in targets():  # what the code says wins
        assert NativeExecutor(target=other).prepare(graph)._program.target == other


@native
@pytest.mark.parametrize("executor", ["auto", "native"])
def test_an_unknown_instruction_set_in_the_environment_is_refused(
    executor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADUS_TARGET", "v9")
    with pytest.raises(ArgumentError, match=r"GRADUS_TARGET names .* 'v9'.*auto, .*plain"):
        executor_named(executor)


def test_an_unknown_instruction_set_in_the_code_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"target names .* 'v9'.*auto, v3, plain"):
        target_or_variable("v9", ["v3", "plain"])
    assert target_or_variable("auto", ["v3"], {"GRADUS_TARGET": "auto"}) == "auto"
    assert target_or_variable("auto", [], {}) == "auto"
