"""Writing files so that each is either whole or untouched."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from gradus.errors import FileError


@contextlib.contextmanager
def replacing(path: Path, what: str = "file") -> Iterator[IO[bytes]]:
    """Open a temporary file beside ``path`` that takes its place when all went well.

    A full disk, a signal or an error leaves the old file as it was.

    Args:
        path: the file to make or replace.
        what: what the file is, for the error.

    Raises:
        FileError: the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            with open(temporary, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            # After a success it is gone; after a failure it must not stay.
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise FileError(
            f"the {what} must be written to a folder that exists, is writable and has room",
            received=f"{str(path)!r}: {error.strerror or error}",
            remedy="choose another folder, or change its permissions",
        ) from None


def write_bytes(path: Path, content: bytes, what: str = "file") -> None:
    """Write a whole file, or leave the old one as it was; see ``replacing``."""
    with replacing(path, what) as file:
        file.write(content)
