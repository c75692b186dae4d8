"""The example of a model of language: its bodies are models of language, and it beats counting."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gradus.data import Alphabet
from gradus.train import LanguageModel

PATH = Path(__file__).parents[2] / "examples" / "character_model.py"


def example() -> Any:
    spec = importlib.util.spec_from_file_location("character_model", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", example().BODIES)
def test_every_body_sees_the_past_alone_and_scores_the_alphabet(name: str) -> None:
    found = example()
    alphabet = Alphabet("abcde")
    model = LanguageModel(found.BODIES[name](5), alphabet, found.CONTEXT)
    assert len(model.sample("abc", 3)) == 3


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("body", example().BODIES)
def test_a_quick_run_beats_bigrams(body: str) -> None:
    command = [sys.executable, str(PATH), "--quick", "--body", body]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    bits = {n: float(v) for n, v in re.findall(r"^  (\S+) +([\d.]+)$", shown, re.MULTILINE)}
    assert bits[body] < bits["bigrams"] < bits["unigrams"]
