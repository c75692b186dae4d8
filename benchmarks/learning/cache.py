"""A file of results, one line of JSON a fit, written as soon as the fit is done.

A line is found again by its key alone: set and content, fold, seed, model with settings and
versions, threads, and machine. A changed preset or another processor is another key, so nothing
old is mixed in. Where a key stands twice, the later line counts.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]


class Cache:
    """Results by key.

    Raises:
        ValueError: a line of the file is not JSON.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: dict[str, Row] = {}
        for number, line in enumerate(_whole_lines(path), 1):
            try:
                entry = json.loads(line)
            except ValueError:
                raise ValueError(f"{path}, line {number}: not JSON") from None
            self._rows[_name(entry["key"])] = entry["row"]

    def get(self, key: Row) -> Row | None:
        """The result with this key, if there is one."""
        return self._rows.get(_name(key))

    def put(self, key: Row, row: Row) -> None:
        """Keep a result, on disk before this returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps({"key": key, "row": row}) + "\n")
        self._rows[_name(key)] = row

    def __len__(self) -> int:
        return len(self._rows)


def _name(key: Row) -> str:
    return json.dumps(key, sort_keys=True)


def _whole_lines(path: Path) -> list[str]:
    """Lines of the file; the half one that a run left, which was ended while it wrote, goes."""
    if not path.exists():
        return []
    whole, _, half = path.read_bytes().rpartition(b"\n")
    if half:
        with path.open("r+b") as file:
            file.truncate(len(whole) + bool(whole))
    return whole.decode().splitlines()
