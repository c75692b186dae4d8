"""gradus train: what it makes, what it prints, and that it can be repeated."""

from __future__ import annotations

import functools
import json
import shlex
import signal
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gradus import runs
from gradus.data import Table, load
from gradus.estimators.table_run import train_table
from gradus.runs import RunConfig
from gradus.train import Callback, Trainer

if TYPE_CHECKING:
    from tests.cli.conftest import Gradus

FILES = {"model.safetensors", "config.toml", "history.jsonl", "metrics.json", "report.html"}


def test_a_bundled_set_is_trained_by_name_into_a_run_of_five_files(
    gradus: Gradus, here: Path
) -> None:
    done = gradus("train", "wine", "--epochs", 3)
    assert (done.code, done.err) == (0, "")
    (run,) = (here / "runs").iterdir()
    assert run.name.startswith("wine-2")
    assert {p.name for p in run.iterdir()} == FILES
    for text in (
        "wine: 178 rows, 13 columns to learn from; classification into 3 classes by 'cultivar'",
        "Preset default: three layers, robust scaling, tuned rates; quick and good.",
        "Network: ScalingLayer → NTKLinear(13 → 256) → SELU → 2 × [NTKLinear(256 → 256) → SELU] → "
        "NTKLinear(256 → 3) → Temperature; 135,952 parameters",
        "Of 36 rows that training never saw, ",
        f"Run: runs/{run.name}\n",
        f"gradus predict runs/{run.name} NEW.csv",
    ):
        assert text in done.out


def test_the_set_by_name_and_its_csv_give_the_same_metrics_and_the_same_bits(
    gradus: Gradus, wine_csv: Path, here: Path
) -> None:
    by_name = gradus("train", "wine", "--epochs", 5, "--seed", 3, "--out", "a", "--json").json
    words = ["--target", "cultivar", "--epochs", 5, "--seed", 3, "--out", "b", "--json"]
    by_file = gradus("train", wine_csv, *words).json
    assert by_name["metrics"] == by_file["metrics"]
    model = [(here / run / "model.safetensors").read_bytes() for run in "ab"]
    assert model[0] == model[1]


def test_another_seed_gives_other_weights(gradus: Gradus, here: Path) -> None:
    for seed in (0, 1):
        assert gradus("train", "iris", "--epochs", 1, "--seed", seed, "--out", seed).code == 0
    model = [(here / run / "model.safetensors").read_bytes() for run in "01"]
    assert model[0] != model[1]


def test_json_is_one_object_on_stdout_and_nothing_on_stderr(gradus: Gradus) -> None:
    done = gradus("train", "digits", "--epochs", 2, "--out", "r", "--json")
    assert done.err == ""
    found = done.json
    assert found["run"] == "r"
    assert found["stopped_by"] is None
    assert found["task"] == "classification"
    assert found["rows"] == {"training": 1438, "validation": 216, "held_out": 359, "left_out": 0}
    assert found["preset"] == "default"
    assert found["recipe"]["hidden_layer_sizes"] == [256, 256, 256]
    assert found["columns"] == 64
    assert set(found["metrics"]) == {"accuracy", "log_loss"}
    assert found["epochs"] == 2
    assert found["parameters"] == 150_858


def test_quiet_prints_nothing(gradus: Gradus) -> None:
    done = gradus("train", "digits", "--epochs", 1, "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_columns_that_are_not_used_are_reported(gradus: Gradus, here: Path) -> None:
    columns = {"id": [f"u{i}" for i in range(300)], "x": range(300), "y": [0, 1] * 150}
    Table.from_arrays({k: list(v) for k, v in columns.items()}).write(here / "t.csv")
    done = gradus("train", "t.csv", "--target", "y", "--epochs", 1)
    assert "'id' (ignored): 300 different texts in 300 rows look like an id" in done.err


def test_metrics_and_history_are_json_that_every_reader_takes(gradus: Gradus, here: Path) -> None:
    gradus("train", "diabetes", "--epochs", 3, "--out", "r")

    def strict(text: str) -> object:
        raise AssertionError(text)

    metrics = json.loads((here / "r" / "metrics.json").read_text(), parse_constant=strict)
    assert set(metrics["metrics"]) == {"rmse", "mae", "r2"}
    assert [c["name"] for c in metrics["columns"]][:2] == ["age", "sex"]
    lines = (here / "r" / "history.jsonl").read_text().splitlines()
    assert [json.loads(line, parse_constant=strict)["epoch"] for line in lines] == [1, 2, 3]


def test_the_recorded_config_and_the_recorded_command_repeat_the_run(
    gradus: Gradus, wine_csv: Path, here: Path
) -> None:
    words = ["--target", "cultivar", "--layers", "7,5", "--activation", "tanh", "--epochs", 4,
             "--batch-size", 50, "--optimizer", "sgd", "--learning-rate", 0.05, "--seed", 9,
             "--validation", 0.3, "--kind", "ash=categorical", "--threads", 1]  # fmt: skip
    assert gradus("train", "wine.csv", *words, "--out", "a").code == 0
    assert gradus("train", "--config", "a/config.toml", "--out", "b").code == 0
    config = tomllib.loads((here / "a" / "config.toml").read_text())
    assert config["task"] == "classification"
    command = RunConfig(**{n: tuple(v) if isinstance(v, list) else v for n, v in config.items()})
    assert gradus(*shlex.split(command.command())[1:], "--out", "c").code == 0
    model = [(here / run / "model.safetensors").read_bytes() for run in "abc"]
    assert model[0] == model[1] == model[2]


def test_options_win_over_the_config_file_and_the_file_over_the_defaults(
    gradus: Gradus, here: Path
) -> None:
    (here / "c.toml").write_text('source = "wine"\nepochs = 2\nlayers = [4]\nseed = 5\n')
    assert gradus("train", "iris", "--config", "c.toml", "--epochs", 1, "--out", "r").code == 0
    config = tomllib.loads((here / "r" / "config.toml").read_text())
    assert (config["source"], config["epochs"]) == ("iris", 1)
    assert (config["layers"], config["seed"]) == ([4], 5)
    assert "batch_size" not in config
    assert config["preset"] == "default"


def test_kinds_of_single_columns_win_over_those_of_the_file(gradus: Gradus, here: Path) -> None:
    (here / "c.toml").write_text(
        'source = "wine"\nepochs = 1\nkinds = ["ash=ignored", "hue=ignored"]\n'
    )
    gradus("train", "--config", "c.toml", "--kind", "hue=numeric", "--out", "r")
    found = json.loads((here / "r" / "metrics.json").read_text())
    kinds = {c["name"]: c["kind"] for c in found["columns"]}
    assert (kinds["ash"], kinds["hue"]) == ("ignored", "numeric")


def test_categories_stay_as_they_are_written(gradus: Gradus, here: Path) -> None:
    rows = "".join(f"{zip_code},{i % 2}\n" for i, zip_code in enumerate(["01", "1"] * 20))
    (here / "t.csv").write_text("zip,y\n" + rows)
    gradus("train", "t.csv", "--target", "y", "--kind", "zip=categorical", "--epochs", 1,
           "--out", "r")  # fmt: skip
    found = json.loads((here / "r" / "metrics.json").read_text())
    assert found["columns"][0]["distinct"] == 2
    assert gradus("evaluate", "r", "t.csv").err == ""


@pytest.mark.parametrize("layers", ["none", ""])
def test_no_layers_make_a_linear_model(gradus: Gradus, layers: str) -> None:
    done = gradus("train", "iris", "--layers", layers, "--epochs", 1, "--json")
    assert done.json["parameters"] == 19  # 15, and a factor for each of the four columns


def test_no_held_out_rows_are_said_to_prove_nothing(gradus: Gradus) -> None:
    done = gradus("train", "iris", "--validation", 0, "--epochs", 1)
    assert "No rows were held out" in done.out


def test_a_bundled_set_may_be_asked_for_another_of_its_columns(gradus: Gradus) -> None:
    done = gradus("train", "wine", "--target", "alcohol", "--epochs", 1, "--json")
    assert (done.json["target"], done.json["task"]) == ("alcohol", "regression")


def test_diverged_training_saves_the_last_good_weights_and_exits_with_1(
    gradus: Gradus, here: Path
) -> None:
    words = ["train", "diabetes", "--optimizer", "SGD", "--learning-rate", 1e30]
    done = gradus(*words, "--out", "r")
    assert done.code == 1
    assert "training left the finite numbers at step" in done.err
    assert "saved in r" in done.err
    assert {p.name for p in (here / "r").iterdir()} == FILES
    found = json.loads((here / "r" / "metrics.json").read_text())
    assert "training left the finite numbers" in found["failure"]
    assert gradus("info", "r").code == 0
    again = gradus(*words, "--out", "s", "--json")
    assert again.code == 1
    assert "step" in again.error["error"]


def test_a_loss_that_explodes_is_training_that_broke_down(gradus: Gradus, here: Path) -> None:
    words = ["--preset", "classic", "--learning-rate", 1e6]
    done = gradus("train", "wine", *words, "--out", "r")
    assert done.code == 1
    assert "the loss exploded in epoch 2" in done.err
    assert {p.name for p in (here / "r").iterdir()} == FILES
    assert "exploded" in json.loads((here / "r" / "metrics.json").read_text())["failure"]


def test_the_remedies_for_training_that_broke_down_exist_at_the_command_line(
    gradus: Gradus, here: Path
) -> None:
    words = ["train", "diabetes", "--preset", "classic", "--optimizer", "SGD",
             "--learning-rate", 0.5, "--epochs", 5]  # fmt: skip
    done = gradus(*words, "--out", "r")
    assert done.code == 1
    assert "lower --learning-rate, or clip the gradients with --clip-norm 1" in done.err
    assert "clip_norm=1" not in (here / "r" / "report.html").read_text()
    assert gradus(*words, "--clip-norm", 1, "--out", "s").code == 0
    config = tomllib.loads((here / "s" / "config.toml").read_text())
    assert config["clip_norm"] == 1.0
    assert "--clip-norm 1.0" in gradus("info", "s").out


class Stop(Callback):
    """Ctrl-C in the second epoch."""

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        if row["epoch"] == 2:
            signal.raise_signal(signal.SIGINT)


def test_with_json_a_stopped_run_is_one_object_too(
    gradus: Gradus, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = functools.partial(train_table, callbacks=[Stop()])
    monkeypatch.setattr(runs, "train_table", lambda *a, callbacks, **o: stopped(*a, **o))
    done = gradus("train", "wine", "--out", "r", "--json")
    assert (done.code, done.err) == (130, "")
    assert (done.json["stopped_by"], done.json["run"]) == ("SIGINT", "r")
    assert 2 <= done.json["epochs"] <= 3
    assert {p.name for p in (here / "r").iterdir()} == FILES


@pytest.mark.parametrize("config", [True, False])
def test_a_run_on_a_file_is_repeated_from_any_folder(
    gradus: Gradus, wine_csv: Path, here: Path, monkeypatch: pytest.MonkeyPatch, config: bool
) -> None:
    gradus("train", "wine.csv", "--target", "cultivar", "--epochs", 1, "--out", "a")
    command = gradus("info", here / "a", "--json").json["command"]
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    words = ["train", "--config", here / "a" / "config.toml"]
    words = words if config else shlex.split(command)[1:]
    assert gradus(*words, "--out", "b").code == 0
    model = [Path(run, "model.safetensors").read_bytes() for run in ("../a", "b")]
    assert model[0] == model[1]


@pytest.mark.parametrize("place", ["r", "deep/er/r"])
def test_a_run_goes_where_it_is_told(gradus: Gradus, here: Path, place: str) -> None:
    assert gradus("train", "iris", "--epochs", 1, "--out", place).code == 0
    assert {p.name for p in (here / place).iterdir()} == FILES


def test_an_existing_run_is_refused_and_replaced_with_force(
    gradus: Gradus, files: Callable[[], dict[str, bytes]]
) -> None:
    gradus("train", "iris", "--epochs", 1, "--out", "r")
    before = files()
    done = gradus("train", "iris", "--epochs", 2, "--out", "r")
    assert done.code == 2
    assert "--force" in done.err
    assert files() == before
    assert gradus("train", "iris", "--epochs", 2, "--out", "r", "--force").code == 0
    assert files().keys() == before.keys()
    assert all(files()[f"r/{name}"] != before[f"r/{name}"] for name in FILES)


def test_every_bundled_set_trains(gradus: Gradus) -> None:
    for name in ("iris", "breast_cancer"):
        assert gradus("train", name, "--epochs", 1, "--quiet").code == 0


def test_parquet_and_tsv_train_like_csv(gradus: Gradus, here: Path) -> None:
    table, target = load("iris")
    models = []
    for suffix in ("csv", "tsv", "parquet"):
        table.write(here / f"t.{suffix}")
        gradus("train", f"t.{suffix}", "--target", target, "--epochs", 1, "--out", suffix)
        models.append((here / suffix / "model.safetensors").read_bytes())
    assert models[0] == models[1] == models[2]


def test_a_fault_is_told_with_its_evidence_and_remedy(gradus: Gradus, here: Path) -> None:
    words = ["train", "iris", "--preset", "classic", "--layers", "none", "--learning-rate", "1e-6",
             "--epochs", 5]  # fmt: skip
    done = gradus(*words, "--out", "r")
    assert "Problem: rate too small. The loss went from" in done.out
    assert "What to do: raise the learning rate (from 1e-06 to 1e-05, say)" in done.out
    assert "Good:" not in done.out
    stored = json.loads((here / "r" / "metrics.json").read_text())["diagnosis"]
    assert stored["verdicts"][0]["name"] == "rate_too_small"
    told = gradus(*words, "--out", "r", "--force", "--json").json["diagnosis"]
    assert told == stored
    page = (here / "r" / "report.html").read_text()
    assert stored["verdicts"][0]["evidence"] in page
    assert page.index("Problem: rate too small") < page.index("<h2>The task</h2>")


def test_of_a_healthy_run_it_is_told_what_went_well(gradus: Gradus) -> None:
    done = gradus("train", "wine", "--out", "r")
    assert "Good: learning. The training loss fell from" in done.out
    assert "Good: generalising. On validation rows" in done.out
    assert "Problem" not in done.out


def test_what_led_to_a_breakdown_is_told_beside_it(gradus: Gradus, here: Path) -> None:
    rows = "".join(f"{i},{(i * 37) % 11},{'yes' if i % 50 else 'no'}\n" for i in range(200))
    (here / "t.csv").write_text("a,b,y\n" + rows)
    words = ["train", "t.csv", "--target", "y", "--optimizer", "sgd", "--learning-rate", 1e30]
    done = gradus(*words, "--out", "r")
    assert done.code == 1
    assert (
        "Warning: label imbalance. 97.8\N{NO-BREAK SPACE}% of the rows belong to “yes”" in done.out
    )
    assert "Problem: diverged" not in done.out
    assert "lower --learning-rate" in done.err
    page = (here / "r" / "report.html").read_text()
    assert "Warning: label imbalance" in page
    assert "Problem: diverged" not in page
    assert "Training broke off." in page
