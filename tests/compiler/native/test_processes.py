"""Native programs beside others: in forked children, Python threads and joblib's workers.

Each test runs a program of its own, so that what it does to processes stays there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from gradus.compiler.native import available

pytestmark = pytest.mark.skipif(not available(), reason="built without the native executor")
forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

ROOT = Path(__file__).parents[3]
START = """
import os, sys, threading, time
from gradus.compiler.native import NativeExecutor, thread_limit
from tests.workloads import WORKLOADS

def say(line):  # in one piece, however many write
    os.write(1, line.encode() + os.linesep.encode())

def trained(threads=2, name="mnist"):
    [found] = WORKLOADS[name].hashes([NativeExecutor(threads)], rows=256, epochs=1)
    return found
"""


def output(program: str) -> list[str]:
    """Lines that a Python program prints; it must end well, in time, and complain of nothing."""
    limits = ("OMP_NUM_THREADS", "GRADUS_NUM_THREADS")
    environment = {n: v for n, v in os.environ.items() if n not in limits}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *sys.path])
    # Newer Pythons warn of forking where there are threads, which is what is tested.
    python = [sys.executable, "-W", "ignore::DeprecationWarning", "-c"]
    done = subprocess.run(
        [*python, START + textwrap.dedent(program)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@forking
def test_a_forked_child_trains_to_the_same_bits_and_both_go_on() -> None:
    found = output(
        """
        say(trained())
        child = os.fork()
        say(trained())
        if child:
            _, status = os.waitpid(child, 0)
            say(trained())
            sys.exit(os.waitstatus_to_exitcode(status))
        """
    )
    assert len(found) == 4
    assert len(set(found)) == 1


@forking
def test_a_forked_child_that_runs_nothing_ends() -> None:
    found = output(
        """
        trained()
        child = os.fork()
        if child:
            print(os.waitpid(child, 0)[1])
        sys.exit()
        """
    )
    assert found == ["0"]


@forking
def test_a_child_forked_in_the_middle_of_a_run_may_run_the_same_program() -> None:
    # The parent's thread holds the program and the pool at the moment of forking.
    found = output(
        """
        import numpy as np
        from gradus.compiler import trace
        from gradus.types import TensorType, float32
        graph = trace(lambda x: x @ x, TensorType((1000, 1000), float32)).graph
        program = NativeExecutor(2).prepare(graph)
        x = np.eye(1000, dtype=np.float32)
        begun, ended = threading.Event(), threading.Event()
        def run():
            while not ended.is_set():
                begun.set()
                program.run({"x": x})
        running = threading.Thread(target=run)
        running.start()
        begun.wait()
        time.sleep(0.02)
        child = os.fork()
        if not child:
            same = np.array_equal(program.run({"x": x})["result"], x)
            print("same" if same else "not the same", flush=True)
            os._exit(0)
        print(os.waitpid(child, 0)[1])
        ended.set()
        """
    )
    assert found == ["same", "0"]


@forking
def test_multiprocessing_by_fork_trains_to_the_same_bits() -> None:
    found = output(
        """
        import multiprocessing
        print(trained())
        with multiprocessing.get_context("fork").Pool(2) as pool:
            print("\\n".join(pool.map(trained, [1, 2, 3, 2])))
        """
    )
    assert len(found) == 5
    assert len(set(found)) == 1


def test_programs_of_several_python_threads_at_once_give_what_each_gives_alone() -> None:
    found = output(
        """
        names = ["tiny", "digits", "lecture", "mnist"]
        alone = [trained(2, name) for name in names]
        beside = {}
        def run(name, threads):
            beside[name, threads] = trained(threads, name)
        runs = [threading.Thread(target=run, args=(name, n)) for name in names for n in (1, 2, 3)]
        for run in runs: run.start()
        for run in runs: run.join()
        print([beside[name, n] for name in names for n in (1, 2, 3)]
              == [one for one in alone for _ in range(3)])
        """
    )
    assert found == ["True"]


def test_one_program_called_by_several_python_threads_serves_them_one_by_one() -> None:
    found = output(
        """
        import numpy as np
        from gradus.compiler import trace
        from gradus.types import TensorType, float32
        graph = trace(lambda x: x @ x + x, TensorType((200, 200), float32)).graph
        program = NativeExecutor(2).prepare(graph)
        given = [np.full((200, 200), k, np.float32) for k in range(4)]
        alone = [program.run({"x": x})["result"] for x in given]
        wrong = []
        def run(x, expected):
            for _ in range(20):
                if not np.array_equal(program.run({"x": x})["result"], expected):
                    wrong.append(x)
        runs = [threading.Thread(target=run, args=pair) for pair in zip(given, alone)]
        for run in runs: run.start()
        for run in runs: run.join()
        print(len(wrong))
        """
    )
    assert found == ["0"]


def test_joblib_s_processes_use_no_more_threads_than_joblib_gives_them() -> None:
    found = output(
        """
        import joblib
        def job():
            return trained(None), NativeExecutor().threads
        jobs = joblib.Parallel(n_jobs=2, backend="loky")(joblib.delayed(job)() for _ in range(2))
        print({digest for digest, _ in jobs} == {trained()})
        print({threads for _, threads in jobs} == {max(1, joblib.cpu_count() // 2)})
        """
    )
    assert found == ["True", "True"]


def test_joblib_s_threads_give_the_same_bits() -> None:
    found = output(
        """
        import joblib
        with joblib.parallel_config("threading"):
            jobs = joblib.Parallel(n_jobs=3)(joblib.delayed(trained)(2) for _ in range(6))
        print(set(jobs) == {trained()})
        """
    )
    assert found == ["True"]


@forking
def test_children_forked_in_the_middle_of_predictions_predict_the_same() -> None:
    """The parent's threads hold locks, and write weights, at the moment of forking."""
    found = output(
        """
        import numpy as np
        import gradus as gd
        from gradus import losses, nn

        gd.manual_seed(0)
        net = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 3))
        trainer = gd.Trainer(net, losses.cross_entropy, executor=NativeExecutor(2))
        x = np.random.default_rng(0).normal(size=(500, 64)).astype(np.float32)
        expected = trainer.predict(x).tobytes()
        weights, going = trainer.weights(), True

        def predict():
            while going:
                trainer.restore(weights)
                assert trainer.predict(x).tobytes() == expected

        predicting = [threading.Thread(target=predict) for _ in range(2)]
        for thread in predicting: thread.start()
        for _ in range(20):
            child = os.fork()
            if not child:
                os._exit(0 if trainer.predict(x).tobytes() == expected else 1)
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            time.sleep(0.01)
        going = False
        for thread in predicting: thread.join()
        """
    )
    assert found == ["0"] * 20
