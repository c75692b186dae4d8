"""Experiments: what they leave, that the seed decides, and that a claim can fall."""

from __future__ import annotations

import json
import signal
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from itertools import chain, cycle
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gradus import data, lab, losses, nn
from gradus.errors import ArgumentError, FileError
from gradus.lab.experiment import Finding
from gradus.lab.experiments import (
    convolution,
    hidden_layer,
    learning_rate,
    many_starts,
    perceptron_rule,
    sawtooth,
    templates,
    universal_approximation,
    vanishing_gradients,
)
from gradus.lab.networks import outputs
from gradus.train import Callback, Trainer
from gradus.types import Array

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


def test_ctrl_c_ends_a_measurement_and_not_just_one_of_its_trainings(tmp_path: Path) -> None:
    def measure(setting: lab.Setting) -> Finding:
        X, y = data.xor(20)
        network = nn.Sequential(nn.Linear(2, 2))
        trainer = Trainer(network, losses.cross_entropy)
        stop = Interrupts()
        trainer.fit(X, y, epochs=50, callbacks=[stop], progress=False)
        return Finding("holds", "because 1.", "done.", {})

    asked = lab.Experiment("nonlinearity", "?", "000", ".", measure)
    with pytest.raises(KeyboardInterrupt):
        lab.run(asked, QUICK, tmp_path)
    assert not list(tmp_path.iterdir())


class Interrupts(Callback):
    """Ctrl-C in the second epoch."""

    def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
        if row["epoch"] == 2:
            signal.raise_signal(signal.SIGINT)


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


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"name": "sawtooth"}', '{"name": 1}']
    + [
        json.dumps({"name": "sawtooth", "question": "?", "claim": ".", **rest})
        for rest in ({"verdict": "perhaps", "pictures": []}, {"verdict": "holds", "pictures": []})
    ],
)
def test_a_damaged_result_says_which_and_how_to_make_it_again(text: str, tmp_path: Path) -> None:
    (tmp_path / "sawtooth").mkdir()
    (tmp_path / "sawtooth" / "result.json").write_text(text)
    with pytest.raises(FileError, match="gradus lab run sawtooth"):
        lab.write_index(tmp_path)


def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_measured(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="--out"):
        lab.run(lab.EXPERIMENTS["sawtooth"], QUICK, tmp_path / "file" / "below")


# ── Verdicts and sentences follow what is measured ──────────────────────────────────────────────

Measured = Callable[..., Any]


def measured(module: ModuleType, monkeypatch: pytest.MonkeyPatch, **stand_ins: Measured) -> Finding:
    """What an experiment finds where parts of its measurement are replaced; nothing is trained."""
    for name, stand_in in {"fit": lambda *_, **__: None, **stand_ins}.items():
        monkeypatch.setattr(module, name, stand_in)
    name = module.__name__.rpartition(".")[2].replace("_", "-")
    return lab.EXPERIMENTS[name].measure(QUICK)


def one_after_another(*values: float) -> Measured:
    given = iter(values)
    return lambda *_: next(given)


@pytest.mark.parametrize(("last", "verdict"), [(0.1, "holds"), (0.9, "does not hold")])
def test_rates_that_are_too_small_and_too_large_must_both_fail(
    last: float, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    accuracy = one_after_another(0.1, 0.2, 0.5, 0.9, 0.95, 0.9, last)
    assert measured(learning_rate, monkeypatch, accuracy=accuracy).verdict == verdict


@pytest.mark.parametrize(("moved", "verdict"), [(0.9, "holds"), (0.6, "holds in part")])
def test_convolution_suffers_less_only_if_it_loses_less(
    moved: float, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of 99 % and 90 % as they are; moved, the dense network tells 55 %.
    accuracy = one_after_another(0.99, moved, 0.90, 0.55)
    assert measured(convolution, monkeypatch, accuracy=accuracy).verdict == verdict


def test_a_convex_loss_does_not_rise_between_two_ends() -> None:
    shares = np.linspace(-0.1, 1.1, 61)
    assert many_starts._rise(shares, (shares - 0.5) ** 2) == pytest.approx(0)
    assert many_starts._rise(shares, 3 * shares) == pytest.approx(0)
    assert many_starts._rise(shares, np.sin(np.pi * shares)) == pytest.approx(1)


@pytest.mark.parametrize(
    ("narrow", "verdict"), [((0.1, 2.0), "holds"), ((0.1, 0.1), "holds in part")]
)
def test_that_wide_networks_end_alike_is_for_their_width_only_if_narrow_ones_do_not(
    narrow: tuple[float, float], verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loss(network: nn.Sequential, X: Array, y: Array) -> float:
        hidden = network[0].weight.shape[0]
        return next(ends) if hidden == 2 else next(way) if hidden == 32 else 0.1

    ends = cycle(narrow)
    way = chain([0.1] * 6, [0.1] * 20, [1.0] * 21, [0.1] * 20)  # six ends, then between two
    assert measured(many_starts, monkeypatch, _loss=loss).verdict == verdict


def test_more_units_bend_around_noise_only_where_new_points_gain_less(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def accuracy(network: nn.Module, X: Array, y: Array) -> float:
        new = len(X) == 2000
        return 0.8 + 0.001 * network.parameter_count * (not new or carries_over)

    for carries_over in (False, True):
        remark = measured(hidden_layer, monkeypatch, accuracy=accuracy).remark
        assert ("noise" in remark) == (not carries_over)


def test_sigmoid_gradients_vanish_though_not_by_four_a_layer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def accuracy(network: nn.Sequential, X: Array, y: Array) -> float:
        return 0.1 if isinstance(network[1], nn.Sigmoid) else 0.9

    found = measured(vanishing_gradients, monkeypatch, accuracy=accuracy)
    assert found.numbers["factor_a_layer"]["sigmoid, weights × 4"] < 4
    assert found.verdict == "holds"


def test_a_small_gradient_where_training_has_ended_does_not_explain_the_sawtooth(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fit(network: nn.Sequential, *_: Any, **__: Any) -> None:
        for p in network.parameters():
            p.assign(np.zeros(p.shape))
        network[-1].bias = [0.5]  # the best constant, where every gradient is 0

    found = measured(sawtooth, monkeypatch, fit=fit)
    assert max(found.numbers["gradient_where_they_end"]) < 1e-12
    assert found.numbers["ends_that_are_constant"] == 6
    assert found.verdict == "holds in part"


def test_a_gain_is_clear_beyond_two_standard_errors() -> None:
    assert perceptron_rule._clearly(np.array([1.0, 2.0, 3.0]))
    assert not perceptron_rule._clearly(np.array([-1.0, 1.0, 3.0]))
    assert not perceptron_rule._clearly(-np.array([1.0, 2.0, 3.0]))


def test_the_colour_that_speaks_for_a_class_is_the_one_that_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    picture = measured(templates, monkeypatch).pictures[0]
    image = picture.figure.axes[0].images[0]
    red, _, blue, _ = image.cmap(image.norm(image.norm.vmax))
    assert red > blue
    assert "red pixels speaks for the class" in picture.caption


def test_the_index_counts_verdicts_in_plain_english(tmp_path: Path) -> None:
    lab.run(lab.EXPERIMENTS["against-the-gradient"], QUICK, tmp_path / "against-the-gradient")
    text = " ".join(lab.write_index(tmp_path).read_text().split())
    assert "1 experiment: 1 holds, 0 hold in part, 0 do not hold." in text
