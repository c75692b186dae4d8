"""The scripts in examples/ run, and reach what they say."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def script(name: str) -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


def test_a_convolutional_network_learns_digits_in_two_epochs() -> None:
    # Ten classes, so that chance is 0.1; a broken layer stays there.
    assert script("digits_convolution")["held_out_accuracy"](seed=100, epochs=2) > 0.9


@pytest.mark.long
@pytest.mark.parametrize("seed", [0, 1])
def test_a_convolutional_network_reads_985_of_1000_digits_rightly(seed: int) -> None:
    assert script("digits_convolution")["held_out_accuracy"](seed) >= 0.985
