"""The settings of a run: what repeats it, as a file, as a command, and as arguments."""

from __future__ import annotations

import math
import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from gradus import nn
from gradus.checks import whole_number
from gradus.data import KINDS
from gradus.data.target import TASKS, Task
from gradus.errors import ArgumentError, FileError
from gradus.optim import OPTIMIZERS
from gradus.runs.recipe_words import PRESETS
from gradus.runs.toml import to_toml

# Hidden activations: a network with sign units cannot be trained, and logistic is the sigmoid.
ACTIVATIONS = tuple(name for name in nn.ACTIVATIONS if name not in ("sign", "logistic"))


@dataclass(frozen=True)
class RunConfig:
    """Settings of ``gradus train``; those that are None are for the preset or gradus to choose.

    source: name of a bundled set, or a table file. target: column to predict. task:
    "classification" or "regression". preset: name of a recipe. layers: units of each hidden layer;
    none for a linear model. activation: of the hidden layers. optimizer: its name. learning_rate:
    size of a step. clip_norm: largest norm of all gradients together. epochs: passes over the
    training rows. batch_size: rows a step. validation: share of the rows to hold out. seed: of
    everything random. threads: the most to use. weight: column that says how often a row counts.
    kinds: "column=kind" for columns whose kind is not to be inferred.

    Raises:
        ArgumentError: a setting that is unknown or outside its range, or a text that is no valid
            Unicode.
    """

    source: str
    target: str | None = None
    task: Task | None = None
    preset: str = "default"
    layers: tuple[int, ...] | None = None
    activation: str | None = None
    optimizer: str | None = None
    learning_rate: float | None = None
    clip_norm: float | None = None
    epochs: int | None = None
    batch_size: int | None = None
    validation: float = 0.2
    seed: int = 0
    threads: int | None = None
    weight: str | None = None
    kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for text in (self.source, self.target or "", self.weight or "", *self.kinds):
            try:
                text.encode()
            except UnicodeEncodeError:
                raise ArgumentError(
                    "names of files and columns are valid Unicode",
                    received=ascii(text),
                    remedy="rename the file",
                ) from None
        choices = {"task": TASKS, "preset": tuple(PRESETS), "activation": ACTIVATIONS}
        for name, known in choices.items():
            value = getattr(self, name)
            if value is not None and value not in known:
                raise ArgumentError(f"{name} is one of {', '.join(known)}", received=value)
        if any(n < 1 for n in self.layers or ()):
            raise ArgumentError(
                "hidden layers have 1 unit or more", received=list(self.layers or ())
            )
        whole_number("seed", self.seed)
        for name in ("epochs", "batch_size", "threads"):
            if getattr(self, name) is not None:
                whole_number(name, getattr(self, name), least=1)
        if not 0 <= self.validation < 1:
            raise ArgumentError("validation is a share in [0, 1)", received=self.validation)
        for name, example in (("learning_rate", 0.01), ("clip_norm", 1)):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ArgumentError(
                    f"{name} is a finite number above 0",
                    received=value,
                    remedy=f"for example {_option(name)} {example}",
                )
        if self.optimizer is not None:
            names = {name.lower(): name for name in OPTIMIZERS}
            if self.optimizer.lower() not in names:
                raise ArgumentError(
                    f"the optimizer is one of {', '.join(OPTIMIZERS)}", received=self.optimizer
                )
            object.__setattr__(self, "optimizer", names[self.optimizer.lower()])
        self.kind_of_columns()

    def arguments(self) -> dict[str, Any]:
        """What ``train_table`` takes beside the table and the name of its target.

        >>> RunConfig("wine", epochs=5).arguments()["max_iter"]
        5
        """
        same = ("task", "preset", "validation", "seed", "threads", "weight", "activation",
                "clip_norm", "batch_size")  # fmt: skip
        return {
            **{name: getattr(self, name) for name in same},
            "kinds": self.kind_of_columns(),
            "hidden_layer_sizes": self.layers,
            "solver": self.optimizer and self.optimizer.lower(),
            "learning_rate_init": self.learning_rate,
            "max_iter": self.epochs,
        }

    def kind_of_columns(self) -> dict[str, str]:
        """Kinds that are not to be inferred, by column.

        >>> RunConfig("people.csv", kinds=("zip=categorical",)).kind_of_columns()
        {'zip': 'categorical'}
        """
        found = {}
        for text in self.kinds:
            column, sign, kind = text.rpartition("=")  # a column's name may hold "="
            if not (sign and column) or kind not in KINDS:
                raise ArgumentError(
                    f"a column's kind is given as COLUMN=KIND, with a kind of {', '.join(KINDS)}",
                    received=repr(text),
                )
            found[column] = kind
        return found

    def to_toml(self) -> str:
        """Settings as the text of a config file; those that are None are left out."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        head = "# Repeat this run: gradus train --config FILE, with the path of this file.\n"
        return head + to_toml({n: v for n, v in values.items() if v is not None})

    def command(self) -> str:
        """The command that repeats the run, quoted for a shell.

        >>> RunConfig("my data.csv", "y", layers=()).command()[:52]
        "gradus train 'my data.csv' --target y --preset defau"
        """
        # A file whose name begins with a dash would be taken for an option.
        words = ["gradus", "train", f"./{self.source}" if self.source[0] == "-" else self.source]
        for f in fields(self):
            value = getattr(self, f.name)
            option = _option(f.name)
            if f.name == "layers":
                words += [] if value is None else [option, ",".join(map(str, value)) or "none"]
            elif f.name == "kinds":
                words += [word for kind in value for word in ("--kind", kind)]
            elif f.name != "source" and value is not None:
                words += [option, str(value)]
        return shlex.join(words)


def read_config(path: str | Path) -> dict[str, Any]:
    """Settings that a config file gives, checked for their types, under the names of RunConfig.

    Raises:
        FileError: no such file, not TOML (with its line), an unknown key, or a wrong type.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except OSError as error:
        raise FileError(
            "the config file must be readable", received=f"{str(path)!r}: {error.strerror}"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FileError(
            "a config file is written in TOML",
            received=f"{str(path)!r}: {error}",
            remedy='write texts in quotes, as in source = "wine"',
        ) from None
    return {
        name: _setting(name, value, f"{str(path)!r}, {_line(text, name)}")
        for name, value in values.items()
    }


def _option(name: str) -> str:
    """How a setting is called at the command line."""
    return "--" + name.replace("_", "-")


def _setting(name: str, value: Any, place: str) -> Any:
    """One value of a config file, as RunConfig has it."""
    if name not in _TYPES:
        raise FileError(
            f"the keys of a config file are {', '.join(_TYPES)}", received=f"{name!r} in {place}"
        )
    what, fits = _TYPES[name]
    if not fits(value):
        raise FileError(f"{name} is {what}", received=f"{value!r} in {place}")
    if what == _NUMBER[0]:
        return float(value)
    return tuple(value) if isinstance(value, list) else value


def _line(text: str, name: str) -> str:
    """Where a key of the top level stands, in words."""
    key = re.escape(name)
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(rf"""\s*(\[+\s*)?["']?{key}["']?\s*[\].=]""", line):
            return f"line {number}"
    return "at a line that its spelling hides"


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_list_of(kind: type, value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is kind for item in value)


_TEXT = ("a text", lambda v: isinstance(v, str) and v != "")
_WHOLE = ("a whole number", lambda v: type(v) is int)
_NUMBER = ("a finite number", _is_number)
_TYPES: Mapping[str, tuple[str, Any]] = {
    "source": _TEXT,
    "target": _TEXT,
    "task": _TEXT,
    "preset": _TEXT,
    "layers": ("a list of whole numbers", lambda v: _is_list_of(int, v)),
    "activation": _TEXT,
    "optimizer": _TEXT,
    "learning_rate": _NUMBER,
    "clip_norm": _NUMBER,
    "epochs": _WHOLE,
    "batch_size": _WHOLE,
    "validation": _NUMBER,
    "seed": _WHOLE,
    "threads": _WHOLE,
    "weight": _TEXT,
    "kinds": ('a list of texts "column=kind"', lambda v: _is_list_of(str, v)),
}
