"""Settings of a run: from a file, to a file, and as the command that repeats it."""

from __future__ import annotations

import inspect
import shlex
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from gradus.errors import ArgumentError, FileError
from gradus.estimators.presets import PRESETS, settled
from gradus.estimators.table_run import train_table
from gradus.runs import RunConfig, read_config

FULL = RunConfig(
    "my data.csv", "y = 2", "regression", "classic", (8, 4), "tanh", "SGD", 0.5, 2.0, 3, 7, 0.25,
    -1, 2, "w", ("zip=categorical", "a=b=date"),
)  # fmt: skip


def test_the_defaults_are_those_of_train_table() -> None:
    theirs = inspect.signature(train_table).parameters
    mine = {f.name: f.default for f in fields(RunConfig)}
    for name in ("task", "preset", "validation", "seed", "threads", "weight"):
        assert mine[name] == theirs[name].default, name


def test_what_is_not_given_is_for_the_preset_to_say() -> None:
    given = RunConfig("wine").arguments()
    for name in ("hidden_layer_sizes", "activation", "solver", "learning_rate_init", "clip_norm",
                 "max_iter", "batch_size"):  # fmt: skip
        assert given[name] is None, name
    for preset in PRESETS:
        recipe = settled(preset, "classification", RunConfig("wine", preset=preset).arguments())
        assert recipe == settled(preset, "classification", {})


def test_what_is_given_goes_before_the_preset() -> None:
    recipe = settled("classic", "regression", FULL.arguments())
    assert (recipe.hidden_layer_sizes, recipe.activation, recipe.solver) == ((8, 4), "tanh", "sgd")
    assert (recipe.learning_rate_init, recipe.clip_norm) == (0.5, 2.0)
    assert (recipe.max_iter, recipe.batch_size) == (3, 7)
    linear = RunConfig("wine", layers=()).arguments()
    assert settled("default", "regression", linear).hidden_layer_sizes == ()


@pytest.mark.parametrize("config", [RunConfig("wine"), FULL])
def test_a_config_comes_back_from_its_file(config: RunConfig, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(config.to_toml(), encoding="utf-8")
    assert RunConfig(**read_config(path)) == config


def test_a_config_file_holds_only_what_is_set() -> None:
    assert tomllib.loads(RunConfig("wine").to_toml()) == {
        "source": "wine", "preset": "default", "validation": 0.2, "seed": 0, "kinds": [],
    }  # fmt: skip


def test_the_command_is_quoted_for_a_shell() -> None:
    words = shlex.split(FULL.command())
    assert words[:3] == ["gradus", "train", "my data.csv"]
    assert words[words.index("--target") + 1] == "y = 2"
    assert words[words.index("--layers") + 1] == "8,4"
    assert [words[i + 1] for i, w in enumerate(words) if w == "--kind"] == [*FULL.kinds]


def test_a_file_whose_name_begins_with_a_dash_is_no_option_in_the_command() -> None:
    assert shlex.split(RunConfig("-x.csv").command())[2] == "./-x.csv"


def test_a_columns_name_may_hold_an_equals_sign() -> None:
    assert FULL.kind_of_columns() == {"zip": "categorical", "a=b": "date"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "adamm"}, "the optimizer is one of SGD"),
        ({"preset": "best"}, "preset is one of classic, default, strong, ensemble"),
        ({"activation": "rellu"}, "activation is one of identity"),
        ({"layers": (4, 0)}, "hidden layers have 1 unit or more"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"validation": 1.0}, r"validation is a share in \[0, 1\)"),
        ({"weight": "w\udce9"}, "valid Unicode"),
        ({"task": "guess"}, "task is one of classification, regression"),
        ({"kinds": ("zip",)}, "COLUMN=KIND"),
        ({"kinds": ("zip=text",)}, "numeric, boolean, categorical"),
        ({"seed": 2**70}, "64 bits"),
        ({"learning_rate": 0.0}, "learning_rate is a finite number above 0.*--learning-rate 0.01"),
        ({"learning_rate": float("nan")}, "learning_rate is a finite number"),
        ({"clip_norm": -1.0}, "clip_norm is a finite number above 0.*--clip-norm 1"),
        ({"source": "caf\udce9.csv"}, "valid Unicode"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        RunConfig(**{"source": "wine", **settings})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'source = "wine"\nepoch = 3\n',
            "keys of a config file are source, target.*'epoch'.*line 2",
        ),
        ('\n\nepochs = "3"', "epochs is a whole number; received '3' in .*line 3"),
        ("epochs = true", "epochs is a whole number"),
        ("layers = [1.5]", "layers is a list of whole numbers"),
        ("learning_rate = nan", "learning_rate is a finite number"),
        ("learning_rate = [1]", "learning_rate is a finite number"),
        ("kinds = 3", "column=kind"),
        ('target = ""', "target is a text"),
        ("[optimizer]\nlr = 1", "optimizer is a text.*line 1"),
        ("source = wine", "written in TOML.*line 1"),
        ("source = 'a'\nsource = 'b'", "written in TOML"),
        (b"source = '\xff'", "written in TOML"),
    ],
)
def test_a_wrong_config_file_is_refused_with_its_key_and_line(
    text: str | bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(FileError, match=f"(?s){message}"):
        read_config(path)


def test_a_missing_config_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"must be readable.*none\.toml"):
        read_config(tmp_path / "none.toml")
