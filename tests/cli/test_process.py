"""The command as a process: exit codes, signals, pipes, and how quickly it starts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gradus.data import load

COMMAND = [sys.executable, "-c", "import sys; from gradus.cli.main import main; sys.exit(main())"]
FILES = {"model.safetensors", "config.toml", "history.jsonl", "metrics.json", "report.html"}
LONG = ["train", "digits", "--epochs", "5000", "--out", "r"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def default_signals() -> None:
    # A parent that runs in the background may have told its children to ignore these.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def start(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=default_signals,
    )  # fmt: skip


def training() -> subprocess.Popen[str]:
    """A process that is in the middle of a training that would take minutes."""
    process = start(*LONG)
    assert process.stdout
    while "Network" not in (line := process.stdout.readline()):
        assert line, process.communicate()[1]
    time.sleep(0.5)
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_training_after_its_step_and_the_run_is_saved(
    here: Path, number: signal.Signals, code: int
) -> None:
    process = training()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in err
    assert f"Stopped by {number.name} after " in out
    assert {p.name for p in (here / "r").iterdir()} == FILES
    assert [p.name for p in here.iterdir()] == ["r"]
    found = json.loads((here / "r" / "metrics.json").read_text())
    assert found["stop_reason"] == f"stopped by {number.name}"
    assert found["steps"] > 0
    table, _ = load("digits")
    table.write(here / "t.csv")
    done = subprocess.run([*COMMAND, "evaluate", "r", "t.csv", "--json"], capture_output=True,
                          check=True)  # fmt: skip
    assert json.loads(done.stdout)["metrics"]["accuracy"] > 0.5


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)]
)
def test_a_second_signal_ends_at_once_without_a_run(
    here: Path, number: signal.Signals, code: int
) -> None:
    process = training()
    process.send_signal(number)
    time.sleep(0.05)  # the first is being obeyed: the run is being evaluated and saved
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in err
    assert not (here / "r").exists()
    if number == signal.SIGINT:
        assert list(here.iterdir()) == []


def test_the_exit_code_of_the_process_is_that_of_the_command(here: Path) -> None:
    done = subprocess.run([*COMMAND, "train", "nothing"], capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_reader_that_goes_away_is_no_traceback(wine_model: Path, wine_csv: Path) -> None:
    with start("predict", str(wine_model), str(wine_csv)) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == ""


def test_a_terminal_without_unicode_gets_the_result_all_the_same(here: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "train", "iris", "--epochs", "1"], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert "Of 30 rows" in done.stdout


def test_help_needs_none_of_the_heavy_libraries(here: Path) -> None:
    code = (
        "import sys; from gradus.cli.main import main; main(['train', '--help']);"
        "print(sorted({'matplotlib', 'jinja2', 'pyarrow', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")
