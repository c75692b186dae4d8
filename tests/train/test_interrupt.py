"""Ctrl-C: the first ends after the step and keeps the work, the second ends at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import losses, nn, optim
from gradus.train import Callback, EarlyStopping, StopSignals

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
Y = X.sum(axis=1)


class InterruptAt(Callback):
    """Send ourselves a signal before a step, as a person at the keyboard would."""

    def __init__(self, *steps: int) -> None:
        self.steps = steps

    def on_step(self, trainer: gd.Trainer, step: int) -> None:
        if step in self.steps:
            os.kill(os.getpid(), signal.SIGINT)


def trainer() -> gd.Trainer:
    gd.manual_seed(0)
    # The reference executor calls the hooks before every step, so that a hook can send a signal.
    net = nn.Sequential(nn.Linear(3, 1))
    return gd.Trainer(net, losses.squared_error, optim.SGD(0.01), executor="reference")


def fit(made: gd.Trainer, *callbacks: Callback, **options: Any) -> gd.History:
    arguments = {"epochs": 5, "batch_size": 10, "shuffle": False, "progress": False, **options}
    return made.fit(X, Y, callbacks=callbacks, **arguments)


def test_ctrl_c_ends_after_the_step_and_keeps_the_work() -> None:
    stopped = trainer()
    history = fit(stopped, InterruptAt(6))
    assert history["steps"].tolist() == [4, 6]
    assert history.stop_reason == "stopped by SIGINT"
    short = trainer()
    fit(short, epochs=1)
    short.fit(X[:20], Y[:20], epochs=1, batch_size=10, shuffle=False, progress=False)
    assert np.array_equal(
        stopped.network[0].weight.numpy(),  # type: ignore[index]
        short.network[0].weight.numpy(),  # type: ignore[index]
    )
    assert np.isclose(history["loss"][1], short.history["loss"][1], rtol=1e-6)


def test_ctrl_c_before_the_first_step_of_an_epoch_leaves_no_empty_row() -> None:
    history = fit(trainer(), InterruptAt(4))
    assert history["steps"].tolist() == [4]
    assert history.stop_reason == "stopped by SIGINT"


def test_an_interrupted_epoch_is_measured_like_any_other() -> None:
    history = fit(trainer(), InterruptAt(6), EarlyStopping("val_loss"), validation=(X[:5], Y[:5]))
    assert np.isfinite(history["val_loss"]).all()
    assert history.best_epoch == 2


def test_training_can_go_on_after_ctrl_c() -> None:
    made = trainer()
    fit(made, InterruptAt(6))
    assert fit(made, epochs=1).stop_reason == "all 1 epochs done"


def test_a_second_ctrl_c_ends_at_once_and_leaves_whole_weights() -> None:
    made = trainer()
    with pytest.raises(KeyboardInterrupt):
        fit(made, InterruptAt(5), InterruptAt(5))
    assert np.isfinite(made.predict(X)).all()
    assert made.history.stop_reason == "KeyboardInterrupt"


def test_the_handler_of_before_stands_again_afterwards() -> None:
    before = signal.getsignal(signal.SIGINT)
    fit(trainer())
    assert signal.getsignal(signal.SIGINT) is before
    fit(trainer(), InterruptAt(3))
    assert signal.getsignal(signal.SIGINT) is before


def test_a_program_with_its_own_handler_keeps_it() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: seen.append(number))
    try:
        history = fit(trainer(), InterruptAt(2))
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [signal.SIGINT]
    assert len(history) == 5


def test_training_in_another_thread_leaves_signals_alone() -> None:
    found: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=lambda: found.append(len(fit(trainer()))))
    thread.start()
    thread.join(30)
    assert found == [5]
    assert signal.getsignal(signal.SIGINT) is before


def test_an_outer_block_receives_the_signal_too() -> None:
    with StopSignals([signal.SIGINT, signal.SIGTERM]) as outer:
        history = fit(trainer(), InterruptAt(2))
        assert outer.received is signal.SIGINT
        assert fit(trainer()).rows == [], "nothing is begun once the program is to end"
    assert history["steps"].tolist() == [2]


SCRIPT = """
import sys
import numpy as np
import gradus as gd
from gradus import losses, nn
from gradus.train import Callback
class Tell(Callback):
    told = False
    def on_step(self, trainer, step):
        if step > 0 and not self.told:
            self.told = True
            print("training", flush=True)
        elif self.told and sys.argv[1] == "hang":
            while True:
                pass
X = np.random.default_rng(0).normal(size=(1000, 20))
trainer = gd.Trainer(nn.Sequential(nn.Linear(20, 1)), losses.squared_error)
history = trainer.fit(X, X[:, 0], epochs=100_000, callbacks=[Tell()])
print(history.stop_reason, len(history) > 0, flush=True)
"""


def interrupted(way: str, signals: int) -> tuple[int, str, str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, way],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "training\n"
    for _ in range(signals):
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def test_a_process_that_gets_sigint_ends_its_training_and_goes_on() -> None:
    assert interrupted("run", 1) == (0, "stopped by SIGINT True\n", "")


def test_a_process_that_gets_it_twice_ends_at_once() -> None:
    code, out, err = interrupted("hang", 2)
    assert code != 0
    assert out == ""
    assert "KeyboardInterrupt" in err
