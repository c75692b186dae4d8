"""The scripts in examples/ run, and reach what they say."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradus.data import Alphabet
from gradus.train import LanguageModel

EXAMPLES = Path(__file__).parents[1] / "examples"


def script(name: str) -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


def test_a_convolutional_network_learns_digits_in_two_epochs() -> None:
    # Ten classes, so that chance is 0.1; a broken layer stays there.
    assert script("digits_convolution")["held_out_accuracy"](seed=100, epochs=2) > 0.9


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_convolutional_network_reads_985_of_1000_digits_rightly() -> None:
    accuracy = script("digits_convolution")["held_out_accuracy"]
    found = [accuracy(seed) for seed in range(5)]
    mean, deviation = np.mean(found), np.std(found, ddof=1)
    print(f"held-out digits: {mean:.4f}, standard deviation {deviation:.4f}, of {found}")
    assert mean >= 0.985


BODIES = script("character_model")["BODIES"]


@pytest.mark.parametrize("name", BODIES)
def test_every_body_sees_the_past_alone_and_scores_the_alphabet(name: str) -> None:
    context = script("character_model")["CONTEXT"]
    model = LanguageModel(BODIES[name](5), Alphabet("abcde"), context)
    assert len(model.sample("abc", 3)) == 3


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("body", BODIES)
def test_a_quick_run_beats_bigrams(body: str) -> None:
    command = [sys.executable, str(EXAMPLES / "character_model.py"), "--quick", "--body", body]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    bits = {n: float(v) for n, v in re.findall(r"^  (\S+) +([\d.]+)$", shown, re.MULTILINE)}
    assert bits[body] < bits["bigrams"] < bits["unigrams"]
