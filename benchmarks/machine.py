"""The machine, the versions, and the environment in which workers run."""

from __future__ import annotations

import os
import platform
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("gradus", "numpy", "scikit-learn", "torch", "jax", "onnxruntime")


def cores(threads: int) -> list[int]:
    """The last so many of the cores that this process may use; fewer where there are fewer."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))[-threads:]
    return list(range(os.cpu_count() or 1))[-threads:]


def environment(threads: int) -> dict[str, str]:
    """This environment, with every library held to the number of threads."""
    # Where these two stand, OpenBLAS runs its kernels for an old processor.
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    single = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    return {
        **kept,
        **dict.fromkeys(names, str(threads)),
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": single if threads == 1 else "",
        "TORCHINDUCTOR_COMPILE_THREADS": "1",  # otherwise a pool of compilers stays around
    }


def description() -> dict[str, Any]:
    """Processor, memory, system, versions and date, for the report."""
    return {
        "processor": _processor(),
        "cores": len(cores(1024)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"python": platform.python_version(), **_versions()},
        "targets": _targets(),
        "date": datetime.now(UTC).date().isoformat(),
    }


class Others:
    """How busy other programs keep the cores of this process from now on."""

    def __init__(self) -> None:
        self._before = _busy(), time.perf_counter()

    def share(self) -> float | None:
        """Cores that they took so far, on average; None where the system does not tell."""
        (busy, own), start = self._before
        busy_now, own_now = _busy()
        if busy_now is None or busy is None:
            return None
        return max(0.0, (busy_now - busy) - (own_now - own)) / (time.perf_counter() - start)


def _busy() -> tuple[float | None, float]:
    """Seconds for which its cores worked, and for which this process and its ended children did."""
    own = sum(os.times()[:4])
    path = Path("/proc/stat")
    if not path.exists():
        return None, own
    names = {f"cpu{core}" for core in cores(1024)}
    ticks = 0
    for line in path.read_text().splitlines():
        name, *times = line.split()
        if name in names:
            user, nice, system, _, _, irq, soft, steal = map(int, times[:8])
            ticks += user + nice + system + irq + soft + steal
    return ticks / os.sysconf("SC_CLK_TCK"), own


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _targets() -> list[str]:
    from gradus.compiler.native import targets

    return targets()
