"""How many threads a program may use, and which instruction set, where the caller names none."""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from gradus.checks import whole_number
from gradus.errors import ArgumentError

THREADS_VARIABLE = "GRADUS_NUM_THREADS"
TARGET_VARIABLE = "GRADUS_TARGET"
MOST_THREADS = 256  # more than this many have nothing to share


def thread_limit(environment: Mapping[str, str] = os.environ) -> tuple[int, str]:
    """Threads that a program may use where nobody gave a number, and what says so.

    ``GRADUS_NUM_THREADS`` where it is set. Otherwise the cores of this process, and no more than
    ``OMP_NUM_THREADS``: schedulers set it, and so does joblib for its worker processes, which
    would otherwise use all cores each.

    Raises:
        ArgumentError: a ``GRADUS_NUM_THREADS`` that is no number of threads.

    >>> thread_limit({"GRADUS_NUM_THREADS": "3"})
    (3, 'GRADUS_NUM_THREADS=3')
    """
    wanted = environment.get(THREADS_VARIABLE, "").strip()
    if wanted:
        if not (wanted.isascii() and wanted.isdigit() and int(wanted)):
            raise ArgumentError(
                f"{THREADS_VARIABLE} must be a whole number of at least 1",
                received=repr(wanted),
                remedy=f"set it to a number of threads, or unset {THREADS_VARIABLE}",
            )
        return int(wanted), f"{THREADS_VARIABLE}={wanted}"
    limits = [(cores(), "the processor cores this process may use")]
    share = _processor_share(Path("/sys/fs/cgroup"), Path("/proc/self/cgroup"))
    if share is not None:
        limits.append((share, "the share of processor time this container may use"))
    openmp = environment.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if openmp.isascii() and openmp.isdigit() and int(openmp):  # others are OpenMP's to refuse
        limits.append((int(openmp), f"OMP_NUM_THREADS={openmp}"))
    return min(limits, key=lambda limit: limit[0])


def threads_or_limit(threads: int | None) -> int:
    """The number of threads that was asked for, checked, or ``thread_limit``."""
    if threads is None:
        threads, _ = thread_limit()
    return min(whole_number("threads", threads, least=1), MOST_THREADS)


def target_or_variable(
    target: str, usable: Sequence[str], environment: Mapping[str, str] = os.environ
) -> str:
    """The instruction set that was asked for, or ``GRADUS_TARGET``, or ``"auto"``.

    Args:
        target: one of the usable ones, or ``"auto"``.
        usable: instruction sets that there is code for and this processor can run.
        environment: where the variable stands.

    Raises:
        ArgumentError: neither of them.

    >>> target_or_variable("auto", ["v3", "plain"], {"GRADUS_TARGET": "plain"})
    'plain'
    """
    name = "target"
    if target == "auto":
        name, target = TARGET_VARIABLE, environment.get(TARGET_VARIABLE, "").strip() or "auto"
    if target not in ("auto", *usable):
        raise ArgumentError(
            f"{name} names an instruction set that this processor and this installation have",
            received=repr(target),
            remedy=f"choose one of auto, {', '.join(usable)}",
        )
    return target


def cores() -> int:
    """Cores that the operating system lets this process use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache  # a limit of the process's surroundings, which executors ask for again and again
def _processor_share(groups: Path, own: Path) -> int | None:
    """Processors that the control group of this process may keep busy, rounded up; None: all.

    Source: Linux kernel, "Control Group v2", cpu.max; version 1, cpu.cfs_quota_us.
    """
    try:
        path = next(line[3:] for line in own.read_text().split() if line.startswith("0::"))
    except (OSError, StopIteration):
        path = "/"
    for place in (groups / path.strip("/"), groups):
        quota = _words(place / "cpu.max")
        if len(quota) == 2:
            return _processors(*quota)
    old = [_words(groups / "cpu" / f"cpu.cfs_{n}_us") for n in ("quota", "period")]
    return _processors(old[0][0], old[1][0]) if all(old) else None


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []


def _processors(quota: str, period: str) -> int | None:
    """Quota over period; None where there is no limit: "max" in version 2, −1 in version 1."""
    if not (quota.isdigit() and period.isdigit() and int(period)):
        return None
    return max(1, math.ceil(int(quota) / int(period)))
