"""The file of results: taken up where it was left, whatever was being written."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.learning.cache import Cache


def test_what_is_put_is_found_by_a_later_run(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "results.jsonl"
    Cache(path).put({"set": "iris", "fold": 0}, {"error": 0.1})
    found = Cache(path)
    assert found.get({"fold": 0, "set": "iris"}) == {"error": 0.1}
    assert found.get({"set": "iris", "fold": 1}) is None


def test_the_later_of_two_counts(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "results.jsonl")
    cache.put({"fold": 0}, {"error": 0.1})
    cache.put({"fold": 0}, {"error": 0.2})
    assert cache.get({"fold": 0}) == Cache(cache.path).get({"fold": 0}) == {"error": 0.2}


@pytest.mark.parametrize("left", [1, 10, 30])
def test_half_a_line_at_the_end_is_forgotten(tmp_path: Path, left: int) -> None:
    path = tmp_path / "results.jsonl"
    cache = Cache(path)
    cache.put({"fold": 0}, {"error": 0.1})
    whole = path.read_bytes()
    cache.put({"fold": 1}, {"error": 0.2})
    path.write_bytes(path.read_bytes()[: len(whole) + left])
    again = Cache(path)
    assert len(again) == 1
    again.put({"fold": 1}, {"error": 0.3})
    assert Cache(path).get({"fold": 1}) == {"error": 0.3}


def test_a_file_of_half_a_line_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text('{"key": ')
    assert len(Cache(path)) == 0
    assert path.read_text() == ""


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text('{"key": {}, "row": {}}\nnonsense\n')
    with pytest.raises(ValueError, match="line 2: not JSON"):
        Cache(path)
