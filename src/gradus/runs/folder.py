"""Making the folder of a run: whole at its place, or not there at all."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from gradus.errors import FileError
from gradus.files import write_bytes

MODEL, CONFIG, HISTORY, SUMMARY, REPORT = FILES = (
    "model.safetensors",
    "config.toml",
    "history.jsonl",
    "metrics.json",
    "report.html",
)
EXPLANATIONS = "explain"


def default_place(source: str, now: datetime | None = None) -> Path:
    """Where a run goes that was given no place: ``runs/<source>-<date>-<time>``.

    >>> default_place("data/my table.csv", datetime(2026, 7, 1, 9, 5, 0)).as_posix()
    'runs/my-table-20260701-090500'
    """
    stem = re.sub(r"[^\w.-]+", "-", Path(source).stem).strip("-.")[:60] or "run"
    place = Path("runs") / f"{stem}-{now or datetime.now():%Y%m%d-%H%M%S}"
    free, number = place, 2
    while free.exists():
        free, number = place.with_name(f"{place.name}-{number}"), number + 1
    return free


def save_explanation(run: Path, row: int, html: str) -> Path:
    """Write the page on a row into the folder of its run, in the place of an older one.

    Args:
        run: the folder of a run, or a model file, beside which the page then goes.
        row: number of the row.
        html: the page.

    Raises:
        FileError: the folder cannot be made or written.
    """
    folder = (run if run.is_dir() else run.parent) / EXPLANATIONS
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise FileError(
            "an explanation needs a folder that can be made and written",
            received=f"{str(folder)!r}: {error.strerror}",
            remedy="name the page with --out",
        ) from None
    place = folder / f"row-{row}.html"
    try:
        write_bytes(place, html.encode(), "page")
    finally:
        with contextlib.suppress(OSError):  # a page is in it: it stays
            folder.rmdir()
    return place


class RunDraft:
    """A run in the making: a hidden folder beside its place, which it takes when all is written.

    Entering makes that folder, so a place that cannot be written is found before any work is
    done. Leaving without ``finish`` removes it, and an older run at the place stays as it was.

    Args:
        place: the folder of the run.
        force: whether to replace a run that is there. A folder that holds anything but the files
            of a run is never replaced.

    Raises:
        FileError: on entering, where the place is taken or cannot be written; on writing and
            finishing, where the disk is full.
    """

    def __init__(self, place: str | Path, *, force: bool = False) -> None:
        self.place, self.force = Path(place), force
        self._made: list[Path] = []  # folders above that were not there before

    def __enter__(self) -> Self:
        self._check_place()
        try:
            # A link to a run stands for that run.
            self._target = self.place.resolve()
            for parent in reversed(self._target.parents):
                if not parent.exists():
                    parent.mkdir()
                    self._made.append(parent)
            self.folder = self._target.parent / f".gradus-{secrets.token_hex(6)}.tmp"
            self.folder.mkdir()
        except (OSError, RuntimeError) as error:
            self._remove_parents()
            raise self._unwritable(error) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.folder.exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            self._remove_parents()

    def write(self, name: str, content: str | bytes) -> None:
        """Write one file of the run."""
        data = content.encode() if isinstance(content, str) else content
        write_bytes(self.folder / name, data, "run")

    def finish(self) -> None:
        """Move the run to its place; an older one there goes only when the new one stands."""
        self._check_place()  # hours may have passed
        old = self._target.parent / f".gradus-{secrets.token_hex(6)}.old"
        try:
            if not self._target.exists():
                os.rename(self.folder, self._target)
                return
            os.rename(self._target, old)
            try:
                os.rename(self.folder, self._target)
            except BaseException:
                os.rename(old, self._target)
                raise
        except OSError as error:
            raise self._unwritable(error) from None
        shutil.rmtree(old, ignore_errors=True)

    def _check_place(self) -> None:
        """Raise ``FileError`` where something stands that must not be replaced."""
        try:
            if not self.place.exists():
                return
            found = sorted(p.name for p in self.place.iterdir())
        except OSError as error:
            raise self._unwritable(error) from None
        if found and not self.force:
            raise FileError(
                "a run is written to a new or empty folder",
                received=f"{str(self.place)!r}, which holds {_listing(found)}",
                remedy="name another folder with --out, or replace that run with --force",
            )
        foreign = [n for n in found if n not in FILES and not _is_explanations(self.place / n)]
        if found and (foreign or MODEL not in found):
            raise FileError(
                "--force replaces a folder that holds a run and nothing else",
                received=f"{str(self.place)!r}, which holds {_listing(foreign or found)}",
                remedy="move these files away, or name another folder with --out",
            )

    def _unwritable(self, error: Exception) -> FileError:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return FileError(
            "a run needs a folder that can be made and written",
            received=f"{str(self.place)!r}: {reason}",
            remedy="name another folder with --out, or change its permissions",
        )

    def _remove_parents(self) -> None:
        while self._made:
            try:
                self._made.pop().rmdir()
            except OSError:
                return  # somebody else uses it by now


def _is_explanations(folder: Path) -> bool:
    """Whether it is the folder of a run's explanations, and holds nothing else."""
    return (
        folder.name == EXPLANATIONS
        and folder.is_dir()
        and all(re.fullmatch(r"row-\d+\.html", path.name) for path in folder.iterdir())
    )


def _listing(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:5]))
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
