"""Progress: on standard error, and only where somebody watches."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import gradus as gd
from gradus import losses, nn
from gradus.train.progress import Progress

X = np.random.default_rng(0).normal(size=(20, 2))


def fit(progress: bool | None) -> None:
    trainer = gd.Trainer(nn.Sequential(nn.Linear(2, 1)), losses.squared_error)
    trainer.fit(X, X[:, 0], epochs=3, progress=progress)


def test_nothing_is_written_where_no_terminal_is(capfd: pytest.CaptureFixture[str]) -> None:
    fit(None)
    fit(False)
    assert capfd.readouterr() == ("", "")


def test_progress_that_is_asked_for_goes_to_standard_error(
    capfd: pytest.CaptureFixture[str],
) -> None:
    fit(True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "3/3" in err
    assert "loss" in err


def test_one_of_several_trainings_is_named_and_the_bar_alone_gives_way(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def accuracy_of_something_long(*_: object) -> float:
        return 0.5

    monkeypatch.setenv("COLUMNS", "70")
    metrics = [accuracy_of_something_long]
    trainer = gd.Trainer(nn.Sequential(nn.Linear(2, 1)), losses.squared_error, metrics=metrics)
    trainer.fit(X, X[:, 0], epochs=3, callbacks=[Progress("copy 2/4")], progress=False)
    *_, line = capfd.readouterr().err.strip().split("\n")
    assert len(line) <= 70
    assert line.startswith("copy 2/4 epoch 3/3 ")
    assert line.endswith("accuracy_of_something_long 0.5")
    assert "…" not in line


SCRIPT = """
import sys
import numpy as np
import gradus as gd
from gradus import losses, nn
X = np.random.default_rng(0).normal(size=(20, 2))
gd.Trainer(nn.Sequential(nn.Linear(2, 1)), losses.squared_error).fit(X, X[:, 0], epochs=3)
print("result")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_is_shown_epochs_and_losses() -> None:
    import os
    import pty

    outer, inner = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=inner,
        text=True,
        env=environment,
    )
    out, _ = process.communicate(timeout=60)
    os.close(inner)
    os.set_blocking(outer, False)
    shown = os.read(outer, 100_000).decode()
    os.close(outer)
    assert out == "result\n"
    assert "3/3" in shown
    assert "loss" in shown
