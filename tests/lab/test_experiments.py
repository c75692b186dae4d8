"""Experiments: what they leave, that the seed decides, and that a claim can fall."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from gradus import lab, nn
from gradus.errors import ArgumentError, FileError
from gradus.lab.experiment import Finding
from gradus.lab.experiments import sawtooth, universal_approximation
from gradus.lab.networks import outputs

QUICK = lab.Setting(seed=3, quick=True)
# What mission.md asks for, by the experiment that answers.
SHORT = ("nonlinearity", "against-the-gradient")


@pytest.mark.parametrize("name", SHORT)
def test_an_experiment_leaves_data_a_page_and_pictures_that_agree(
    name: str, tmp_path: Path
) -> None:
    result = lab.run(lab.EXPERIMENTS[name], QUICK, tmp_path / name)
    _check_folder(result, tmp_path / name)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", [n for n in lab.EXPERIMENTS if n not in SHORT])
def test_every_other_experiment_does_so_too(name: str, tmp_path: Path) -> None:
    result = lab.run(lab.EXPERIMENTS[name], QUICK, tmp_path / name)
    _check_folder(result, tmp_path / name)


def _check_folder(result: lab.Result, folder: Path) -> None:
    assert json.loads((folder / "result.json").read_text()) == json.loads(json.dumps(result))
    page = (folder / "index.html").read_text()
    assert f"The claim {result['verdict']}" in page
    assert 'src="http' not in page
    assert result["pictures"]
    for picture in result["pictures"]:
        assert ElementTree.parse(folder / picture["svg"]).getroot().tag.endswith("svg")
        assert (folder / picture["png"]).read_bytes().startswith(b"\x89PNG")
        assert picture["caption"].endswith(".")
    assert result["because"].endswith(".")
    assert any(letter.isdigit() for letter in result["because"]), "a verdict stands on figures"


def test_the_same_seed_measures_the_same_and_another_does_not(tmp_path: Path) -> None:
    kept = []
    for k, seed in enumerate((0, 0, 1)):
        found = lab.run(lab.EXPERIMENTS["nonlinearity"], lab.Setting(seed, True), tmp_path / str(k))
        svg = (tmp_path / str(k) / found["pictures"][0]["svg"]).read_bytes()
        kept.append((found["numbers"], svg))
    assert kept[0] == kept[1]
    assert kept[0][0] != kept[2][0]


def test_a_claim_falls_where_the_measurement_speaks_against_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nn, "Tanh", nn.Identity)  # so that there is no non-linearity to help
    result = lab.run(lab.EXPERIMENTS["nonlinearity"], QUICK, tmp_path)
    assert result["verdict"] == "does not hold"


def test_a_verdict_is_one_of_three() -> None:
    with pytest.raises(ArgumentError, match="holds in part"):
        Finding("perhaps", "because.", "done.", {})


def test_the_sawtooth_by_hand_is_the_sawtooth() -> None:
    x = np.linspace(0, 1, 1000).reshape(-1, 1)
    for folds in (1, 2, 5):
        found = outputs(sawtooth.by_hand(folds), x)
        # 2 x − 4 max(x − ½, 0) is exact but for the rounding of x − ½, doubled at each fold.
        np.testing.assert_allclose(found, sawtooth.teeth(x, folds), atol=2.0 ** (2 * folds - 52))
    teeth = sawtooth.teeth(np.linspace(0, 1, 33), 4)
    np.testing.assert_array_equal(teeth[::2], np.arange(17) % 2)


def test_the_staircase_by_hand_comes_closer_with_every_doubling() -> None:
    x = np.linspace(0, 1, 501).reshape(-1, 1)
    curve = universal_approximation._curve(x)
    errors = [
        np.abs(outputs(universal_approximation._staircase(width), x) - curve).max()
        for width in (16, 32, 64, 128, 256)
    ]
    assert np.all(np.diff(errors) < 0)
    assert errors[-1] < 0.005


def test_the_index_lists_what_lies_in_the_folder(tmp_path: Path) -> None:
    for name in SHORT:
        lab.run(lab.EXPERIMENTS[name], QUICK, tmp_path / name)
    page = lab.write_index(tmp_path).read_text()
    for name in SHORT:
        assert f'href="{name}/index.html"' in page
    assert "sawtooth" not in page
    assert "demos" not in page
    (tmp_path / "demos").mkdir()
    (tmp_path / "demos" / "index.html").write_text("")
    assert 'href="demos/index.html"' in lab.write_index(tmp_path).read_text()


def test_a_damaged_result_says_which_and_how_to_make_it_again(tmp_path: Path) -> None:
    (tmp_path / "sawtooth").mkdir()
    (tmp_path / "sawtooth" / "result.json").write_text("{")
    with pytest.raises(FileError, match="gradus lab run sawtooth"):
        lab.write_index(tmp_path)


def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_measured(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="--out"):
        lab.run(lab.EXPERIMENTS["sawtooth"], QUICK, tmp_path / "file" / "below")
