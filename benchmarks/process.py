"""Memory of this process, as the system tells it: bytes, or None where it does not."""

from __future__ import annotations

from pathlib import Path

_STATUS = Path("/proc/self/status")


def resident() -> int | None:
    """The resident size now."""
    return _field("VmRSS")


def peak() -> int | None:
    """The largest resident size so far, or since `forget_peak`.

    ``getrusage`` would count what the process that started this one held, too.
    """
    return _field("VmHWM")


def forget_peak() -> None:
    """Let the peak begin anew at the size of now."""
    Path("/proc/self/clear_refs").write_text("5")


def _field(name: str) -> int | None:
    if not _STATUS.exists():
        return None
    fields = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return int(fields[name].split()[0]) * 1024
