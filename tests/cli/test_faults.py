"""Bad input: a clear message, exit code 2, and nothing overwritten or left half-written."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gradus.cli import train
from gradus.cli.main import main
from gradus.data import Table
from gradus.runs import RunConfig

if TYPE_CHECKING:
    from tests.cli.conftest import Gradus

Files = Callable[[], dict[str, bytes]]

GOOD = "a,b,y\n" + "".join(f"{i},{i % 3},{'uv'[i % 2]}\n" for i in range(30))


def with_cell(row: int, text: str) -> str:
    """The good table with another first cell in a row, counted from 1."""
    lines = GOOD.splitlines()
    lines[row] = f"{text},{lines[row].split(',', 1)[1]}"
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("content", "messages"),
    [
        (with_cell(7, "inf"), ["'a'", "row 7", "inf"]),
        (with_cell(7, "-inf"), ["'a'", "row 7"]),
        (with_cell(7, "1,2"), ["4 cells in line 8", "every row needs the 3 cells"]),
        (GOOD.encode() + b"\xff,1,u\n", ["UTF-8", "byte 0xff", "line 32"]),
        (GOOD.replace("a,b,y", "a,a,y"), ["column names must differ", "'a'"]),
        ("", ["empty file"]),
        ("a,b,y\n", ["only the column names"]),
        ("a,b,y", ["only the column names"]),
        (GOOD.replace("v\n", "u\n"), ["at least two classes", "only 'u'"]),
        ("a,y\n1,u\n2,v\n3,w\n", ["fewer rows than classes"]),
        ("y\nu\nv\n", ["column beside the target"]),
        (GOOD + "4,4,\n", ["every row needs a target", "the first in row 31"]),
        ("a,b,y\n,,u\n,,v\n,,u\n,,v\n,,u\n", ["column to learn from", "every cell is missing"]),
    ],
)
def test_a_table_that_cannot_be_learnt_from_is_refused(
    gradus: Gradus, here: Path, files: Files, content: str | bytes, messages: list[str]
) -> None:
    data = content if isinstance(content, bytes) else content.encode()
    (here / "t.csv").write_bytes(data)
    before = files()
    done = gradus("train", "t.csv", "--target", "y", "--out", "new/run")
    assert done.code == 2
    assert done.out == ""
    for message in messages:
        assert message in done.err
    assert files() == before
    error = gradus("train", "t.csv", "--target", "y", "--json").error
    assert set(error) == {"error", "received", "remedy"}
    assert files() == before


@pytest.mark.parametrize(
    ("words", "messages"),
    [
        (["train"], ["something to learn from", "digits, iris"]),
        (["train", "nothing"], ["'nothing'", "bundled set", "digits, iris"]),
        (["train", "none.csv", "--target", "y"], ["must exist", "none.csv"]),
        (["train", "t.csv"], ["needs --target", "'a', 'b', 'y'"]),
        (["train", "t.csv", "--target", "Y"], ["'Y'", "choose one of 'a', 'b', 'y'"]),
        (["train", "iris", "--layers", "10,x"], ["whole numbers with commas", "'10,x'"]),
        (["train", "iris", "--layers", "-1"], ["hidden layers have 1 unit or more"]),
        (["train", "iris", "--activation", "rellu"], ["activation is one of", "relu"]),
        (["train", "iris", "--optimizer", "adan"], ["optimizer is one of", "AdamW"]),
        (["train", "iris", "--task", "guess"], ["task is one of"]),
        (["train", "iris", "--epochs", "0"], ["epochs must be at least 1"]),
        (["train", "iris", "--epochs", "x"], ["--epochs", "see gradus train --help"]),
        (["train", "iris", "--batch-size", "0"], ["batch_size must be at least 1"]),
        (["train", "iris", "--learning-rate", "nan"], ["nan"]),
        (
            ["train", "iris", "--learning-rate", "-1"],
            ["learning_rate is a finite number above 0; received -1", "--learning-rate 0.01"],
        ),
        (["train", "iris", "--clip-norm", "0"], ["clip_norm", "--clip-norm 1"]),
        (["train", "iris", "--activation", "sign"], ["activation is one of", "sign"]),
        (["train", "iris", "--activation", "logistic"], ["activation is one of", "sigmoid"]),
        (["train", "iris", "--validation", "1"], ["validation", "1"]),
        (["train", "iris", "--validation", "nan"], ["validation", "nan"]),
        (["train", "iris", "--threads", "0"], ["threads"]),
        (["train", "iris", "--seed", str(2**70)], ["64 bits"]),
        (["train", "iris", "--kind", "x"], ["COLUMN=KIND"]),
        (["train", "iris", "--kind", "x=numeric"], ["'x'", "choose one of"]),
        (["train", "t.csv", "--target", "y", "--kind", "y=numeric"], ["'y'", "choose one of"]),
        (["train", "iris", "--config", "none.toml"], ["config file", "none.toml"]),
        (["train", "t.csv", "--target", "y", "--task", "regression"], ["must be a number", "'u'"]),
        (["train", "iris", "--bogus"], ["--bogus"]),
        (["bogus"], ["bogus"]),
        (["predict", "nowhere", "t.csv"], ["does not exist"]),
        (["evaluate", "nowhere", "t.csv"], ["does not exist"]),
        (["info", "nowhere"], ["does not exist"]),
        (["predict", "t.csv"], ["see gradus predict --help"]),
    ],
)
def test_a_mistake_in_the_command_is_explained(
    gradus: Gradus, here: Path, files: Files, words: list[str], messages: list[str]
) -> None:
    (here / "t.csv").write_text(GOOD)
    before = files()
    done = gradus(*words)
    assert done.code == 2
    assert done.out == ""
    for message in messages:
        assert message in done.err
    assert files() == before


def test_a_target_that_is_infinite_is_named_by_its_column(gradus: Gradus, here: Path) -> None:
    rows = "".join(f"{i},{i * 0.5}\n" for i in range(30))
    (here / "t.csv").write_text("a,price\n" + rows + "1,inf\n")
    done = gradus("train", "t.csv", "--target", "price", "--out", "r")
    assert done.code == 2
    assert "target 'price' must be finite; received inf in row 31" in done.err
    (here / "good.csv").write_text("a,price\n" + rows)
    assert gradus("train", "good.csv", "--target", "price", "--epochs", 1, "--out", "r").code == 0
    done = gradus("evaluate", "r", "t.csv")
    assert done.code == 2
    assert "target 'price' must be finite" in done.err


def test_nan_in_numbers_is_a_missing_value_and_a_constant_column_does_no_harm(
    gradus: Gradus, here: Path
) -> None:
    rows = GOOD.replace("a,b,y", "a,b,same,y").replace("\n0,", "\nNaN,")
    lines = [rows.splitlines()[0], *(f"{r[:-1]}5,{r[-1]}" for r in rows.splitlines()[1:])]
    (here / "t.csv").write_text("\n".join(lines) + "\n")
    done = gradus("train", "t.csv", "--target", "y", "--epochs", 2, "--out", "r")
    assert done.code == 0
    assert "'same' (numeric): every cell that is not missing is the same" in done.err
    predicted = gradus("predict", "r", "t.csv")
    assert predicted.code == 0
    assert "nan" not in predicted.out


@pytest.mark.parametrize("place", ["file", "file/run"])
@pytest.mark.parametrize("force", [[], ["--force"]])
def test_an_unwritable_place_is_found_before_training(
    gradus: Gradus, here: Path, files: Files, place: str, force: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def never(*_: object, **__: object) -> None:
        raise AssertionError("training began")

    monkeypatch.setattr("gradus.runs.train_table", never)
    (here / "file").write_bytes(b"mine")
    before = files()
    done = gradus("train", "iris", "--out", place, *force)
    assert done.code == 2
    assert "folder" in done.err
    assert files() == before


def test_predictions_to_a_file_that_is_no_table_are_refused_before_predicting(
    gradus: Gradus, wine_model: Path, wine_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("a prediction began")

    monkeypatch.setattr("gradus.cli.predict.read_model_of", never)
    done = gradus("predict", wine_model, wine_csv, "--out", "x.txt")
    assert done.code == 2
    assert ".csv, .tsv, .parquet; received x.txt" in done.err


def test_predictions_to_a_folder_that_does_not_exist_are_refused(
    gradus: Gradus, wine_model: Path, wine_csv: Path, files: Files
) -> None:
    before = files()
    done = gradus("predict", wine_model, wine_csv, "--out", "none/p.csv")
    assert done.code == 2
    assert "folder that exists" in done.err
    done = gradus("predict", wine_model, wine_csv, "--out", "p.xls")
    assert done.code == 2
    assert ".csv, .tsv, .parquet" in done.err
    assert files() == before


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("force", [True, False])
def test_a_full_disk_leaves_nothing_new_and_the_old_run_as_it_was(
    gradus: Gradus, files: Files, monkeypatch: pytest.MonkeyPatch, force: bool
) -> None:
    if force:
        assert gradus("train", "iris", "--epochs", 1, "--out", "r").code == 0
    before = files()
    monkeypatch.setattr(os, "fsync", full)
    words = ["train", "iris", "--epochs", 1, "--out", "r", *(["--force"] if force else [])]
    done = gradus(*words)
    assert done.code == 2
    assert "No space left on device" in done.err
    assert files() == before


def test_a_full_disk_leaves_the_old_predictions(
    gradus: Gradus, wine_model: Path, wine_csv: Path, here: Path, files: Files,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (here / "p.csv").write_text("old")
    before = files()
    monkeypatch.setattr(os, "fsync", full)
    done = gradus("predict", wine_model, wine_csv, "--out", "p.csv", "--force")
    assert done.code == 2
    assert "No space left on device" in done.err
    assert files() == before


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
@pytest.mark.parametrize("limit", [1000, 20_000, 40_000])
def test_a_write_that_fails_midway_leaves_nothing(here: Path, files: Files, limit: int) -> None:
    import resource

    code = "import sys; from gradus.cli.main import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "train", "iris", "--preset", "classic", "--out", "new/r"],
        capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    assert done.returncode == 2
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert files() == {}


@pytest.fixture
def copied(wine_model: Path, here: Path) -> Path:
    shutil.copytree(wine_model, here / "run")
    return here / "run" / "model.safetensors"


def test_a_truncated_model_is_refused_wherever_it_was_cut(
    gradus: Gradus, copied: Path, wine_csv: Path
) -> None:
    data = copied.read_bytes()
    for length in (0, 1, 7, 8, 9, *range(100, len(data), 611), len(data) - 1):
        copied.write_bytes(data[:length])
        done = gradus("predict", "run", wine_csv, "--out", "p.csv")
        assert done.code == 2, length
        assert "model.safetensors" in done.err
        assert "Traceback" not in done.err
    assert not Path("p.csv").exists()


def test_a_flipped_bit_is_found_wherever_it_is(
    copied: Path, wine_csv: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = copied.read_bytes()
    places = [*range(16), *range(16, len(data), len(data) // 200), len(data) - 1]
    for k, place in enumerate(places):
        changed = bytearray(data)
        changed[place] ^= 1 << (k % 8)
        copied.write_bytes(changed)
        assert main(["predict", "run", str(wine_csv), "--out", "p.csv"]) == 2, place
        assert "model.safetensors" in capfd.readouterr().err
    assert not Path("p.csv").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_before_the_first_step_leaves_nothing(
    gradus: Gradus, files: Files, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    read = train.read_source

    def interrupted(config: RunConfig) -> tuple[Table, str]:
        signal.raise_signal(number)
        return read(config)

    monkeypatch.setattr(train, "read_source", interrupted)
    assert gradus("train", "iris", "--out", "new/r", "--quiet").code == code
    assert files() == {}
    stopped = gradus("train", "iris", "--out", "new/r", "--json")
    assert stopped.code == code
    assert stopped.json == {"run": None, "stopped_by": signal.Signals(number).name}
    assert files() == {}


def test_too_little_memory_is_a_message(
    gradus: Gradus, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("gradus.runs.train_table", out_of_memory)
    done = gradus("train", "iris", "--out", "r")
    assert done.code == 1
    assert "not enough memory" in done.err
    assert files() == {}
