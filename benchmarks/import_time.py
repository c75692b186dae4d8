"""What ``import gradus`` costs beside ``import numpy``: fresh processes, in turn, medians.

python benchmarks/import_time.py [rounds]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time


def seconds(code: str) -> float:
    """Wall-clock time of a fresh interpreter that runs the code."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def main(rounds: int = 15) -> None:
    """Measure and print; the interpreter's own start is taken off."""
    codes = ("pass", "import numpy", "import gradus")
    for code in codes:
        seconds(code)  # warm the file cache
    times = {code: [] for code in codes}
    for _ in range(rounds):
        for code in codes:
            times[code].append(seconds(code))
    start = statistics.median(times["pass"])
    numpy, gradus = (statistics.median(times[c]) - start for c in codes[1:])
    print(f"interpreter   {start * 1e3:6.1f} ms")
    print(f"import numpy  {numpy * 1e3:6.1f} ms more")
    print(f"import gradus {gradus * 1e3:6.1f} ms more: {gradus / numpy:.2f} times NumPy")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
