"""A run's folder is whole at its place, or not there at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from gradus.errors import FileError
from gradus.runs import RunDraft, default_place


def listing(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def write_old_run(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"old")
    (folder / "config.toml").write_bytes(b"old")


def break_off(place: Path, error: type[BaseException], *, force: bool = False) -> None:
    with RunDraft(place, force=force) as draft:
        draft.write("model.safetensors", b"new")
        raise error


def make(place: Path, *, force: bool = False, meanwhile: Callable[[], object]) -> None:
    with RunDraft(place, force=force) as draft:
        draft.write("model.safetensors", b"new")
        meanwhile()
        draft.finish()


def test_a_finished_draft_stands_at_its_place_with_nothing_beside_it(tmp_path: Path) -> None:
    with RunDraft(tmp_path / "a" / "b" / "run") as draft:
        draft.write("config.toml", "é")
        assert not draft.place.exists()
        draft.finish()
    assert listing(tmp_path) == {"a/b/run/config.toml": "é".encode()}
    assert [p.name for p in (tmp_path / "a" / "b").iterdir()] == ["run"]


def test_an_abandoned_draft_leaves_no_file_and_no_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        break_off(tmp_path / "a" / "run", KeyboardInterrupt)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with RunDraft(tmp_path / "run") as draft:
        draft.write("config.toml", "x")
        draft.finish()
    assert listing(tmp_path) == {"run/config.toml": b"x"}


def test_a_folder_that_holds_something_is_refused_without_force(tmp_path: Path) -> None:
    write_old_run(tmp_path / "run")
    before = listing(tmp_path)
    with pytest.raises(FileError, match=r"new or empty folder.*model\.safetensors.*--force"):
        RunDraft(tmp_path / "run").__enter__()
    assert listing(tmp_path) == before


def test_force_replaces_a_run_and_all_of_its_files(tmp_path: Path) -> None:
    write_old_run(tmp_path / "run")
    with RunDraft(tmp_path / "run", force=True) as draft:
        draft.write("model.safetensors", b"new")
        assert listing(tmp_path / "run")["model.safetensors"] == b"old"
        draft.finish()
    assert listing(tmp_path) == {"run/model.safetensors": b"new"}


@pytest.mark.parametrize(
    "names", [["thesis.docx"], ["model.safetensors", "notes.txt"], ["config.toml"]]
)
def test_force_never_replaces_a_folder_that_holds_anything_but_a_run(
    tmp_path: Path, names: list[str]
) -> None:
    (tmp_path / "run").mkdir()
    for name in names:
        (tmp_path / "run" / name).write_bytes(b"mine")
    before = listing(tmp_path)
    with pytest.raises(FileError, match="holds a run and nothing else"):
        RunDraft(tmp_path / "run", force=True).__enter__()
    assert listing(tmp_path) == before


def test_an_old_run_survives_when_the_new_one_breaks_off(tmp_path: Path) -> None:
    write_old_run(tmp_path / "run")
    before = listing(tmp_path)
    with pytest.raises(ValueError):
        break_off(tmp_path / "run", ValueError, force=True)
    assert listing(tmp_path) == before


def test_an_old_run_comes_back_when_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_old_run(tmp_path / "run")
    before = listing(tmp_path)
    rename, done = os.rename, []

    def failing(source: Path, target: Path) -> None:
        done.append(source)
        if len(done) == 2:  # the old run has moved aside, the new one is about to move in
            raise OSError(5, "Input/output error")
        rename(source, target)

    with pytest.raises(FileError, match="Input/output error"):
        make(
            tmp_path / "run", force=True,
            meanwhile=lambda: monkeypatch.setattr(os, "rename", failing),
        )  # fmt: skip
    assert listing(tmp_path) == before


def test_a_place_that_was_taken_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="new or empty"):
        make(tmp_path / "run", meanwhile=lambda: write_old_run(tmp_path / "run"))
    assert listing(tmp_path / "run")["config.toml"] == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("place", ["file", "file/run", "file/a/run"])
def test_a_file_in_the_place_of_a_folder_is_an_error_before_any_work(
    tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(FileError, match="a run needs a folder that can be made and written"):
        RunDraft(tmp_path / place, force=True).__enter__()
    assert listing(tmp_path) == {"file": b"mine"}


def test_a_folder_that_may_not_be_made_leaves_no_folder_above_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir = Path.mkdir

    def refused(self: Path, *args: int) -> None:
        if self.name.endswith(".tmp"):
            raise PermissionError(13, "Permission denied")
        mkdir(self, *args)

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(FileError, match=r"Permission denied.*--out"):
        RunDraft(tmp_path / "a" / "run").__enter__()
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_a_run_stands_for_that_run(tmp_path: Path) -> None:
    write_old_run(tmp_path / "run")
    (tmp_path / "link").symlink_to(tmp_path / "run")
    with RunDraft(tmp_path / "link", force=True) as draft:
        draft.write("model.safetensors", b"new")
        draft.finish()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == b"new"


def test_runs_of_the_same_second_get_places_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    now = datetime(2026, 7, 1, 9, 5, 0)
    first = default_place("../x/bad name?.csv", now)
    first.mkdir(parents=True)
    assert first == Path("runs/bad-name-20260701-090500")
    assert default_place("../x/bad name?.csv", now) == Path("runs/bad-name-20260701-090500-2")
