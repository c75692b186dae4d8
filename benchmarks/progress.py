"""What the bench is doing, on standard error."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """Show one line in place of the last, where standard error is a terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="" if text else "\r", file=sys.stderr, flush=True)
