"""From the options of ``gradus train`` and a config file to the settings of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradus.data import BUNDLED, Table, load
from gradus.data.checks import listing
from gradus.errors import ArgumentError, DataError
from gradus.runs import RunConfig, read_config


def settings(options: Mapping[str, Any], file: Path | None) -> RunConfig:
    """Settings of a run: options that were given, then what the file says, then the defaults.

    Raises:
        ArgumentError, FileError: settings that are unknown or wrong.
    """
    given = {name: value for name, value in options.items() if value is not None}
    before = read_config(file) if file else {}
    # Column by column: an option for one column leaves the file's kinds of others alone.
    kinds = (*before.get("kinds", ()), *given.pop("kinds", ()))
    if "layers" in given:
        given["layers"] = layers(given["layers"])
    merged = {**before, **given, "kinds": kinds}
    if "source" not in merged:
        raise ArgumentError(
            "gradus train needs something to learn from",
            remedy=f"name a bundled set ({', '.join(BUNDLED)}), or a table file with --target",
        )
    return RunConfig(**merged)


def layers(text: str) -> tuple[int, ...]:
    """Units of each hidden layer, from how they are typed.

    >>> layers("100,50"), layers("none")
    ((100, 50), ())
    """
    if text.strip().lower() in ("", "none"):
        return ()
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ArgumentError(
            "layers are whole numbers with commas between them",
            received=repr(text),
            remedy="write --layers 100,50, or --layers none for a linear model",
        ) from None


def read_source(config: RunConfig) -> tuple[Table, str]:
    """Table to learn from, and the name of its target column.

    Raises:
        DataError, ArgumentError: no such set or file, or no target named.
    """
    if config.source in BUNDLED:
        table, target = load(config.source)
        return table, config.target or target
    if not Path(config.source).suffix and not Path(config.source).exists():
        raise DataError(
            "gradus learns from a bundled set or from a .csv, .tsv or .parquet file",
            received=repr(config.source),
            remedy=f"choose one of {', '.join(BUNDLED)}, or name a file",
        )
    # What is to be categories stays as written: "01" is not 1.
    text = [name for name, kind in config.kind_of_columns().items() if kind == "categorical"]
    table = Table.read(config.source, text=text)
    if config.target is None:
        raise ArgumentError(
            "a table file needs --target COLUMN, the column to predict",
            received=f"{config.source!r} with the columns {listing(table.names)}",
            remedy=f"for example --target {table.names[-1]!r}",
        )
    return table, config.target
