"""The C++ tests hold, as compiled for this processor; ``make native-test`` runs them at length."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

NATIVE = Path(__file__).parents[3] / "native"
COMPILER = shutil.which("c++")


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
@pytest.mark.parametrize("test", ["gemm_test", "threads_test"])
def test_cpp_test_compiles_and_passes(test: str, tmp_path: Path) -> None:
    flags = ["-std=c++20", "-O1", "-march=native", "-fno-strict-aliasing", "-pthread"]
    source, program = NATIVE / "tests" / f"{test}.cpp", tmp_path / test
    subprocess.run([str(COMPILER), *flags, str(source), "-o", str(program)], check=True)
    done = subprocess.run([str(program), "--few"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
