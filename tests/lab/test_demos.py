"""Demos: what a page holds is what gradus computes, and a page needs nothing but itself."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import approx_fprime
from sklearn.linear_model import LinearRegression

from gradus import data, losses, nn, optim
from gradus.lab import Setting
from gradus.lab.demos import (
    DEMOS,
    Control,
    Demo,
    Figure,
    Recording,
    boundary,
    downhill,
    frames,
    linear,
    packing,
    pages,
    tinker,
    walk,
    write_demo,
    write_demo_index,
)
from gradus.lab.networks import accuracy, column, mlp, outputs
from gradus.tensor import tensor
from gradus.train import Callback, Trainer

QUICK = Setting(seed=4, quick=True)
SCRIPTS = ("plot", "player", "training", *DEMOS)
NODE, CHROMIUM = shutil.which("node"), shutil.which("chromium")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All pages, as the command makes them."""
    place = tmp_path_factory.mktemp("demos")
    for demo in DEMOS.values():
        write_demo(demo, QUICK, place)
    write_demo_index(place)
    return place


def inside(page: Path, element: str) -> str:
    """What a page has in a script element, by its attributes."""
    found = re.search(f"<script {element}>(.*?)</script>", page.read_text(), re.DOTALL)
    assert found
    return found[1]


def recorded(page: Path) -> dict[str, Any]:
    """The JSON that a page holds."""
    return json.loads(inside(page, 'type="application/json" id="recording"'))


def unpacked(packed: dict[str, Any]) -> np.ndarray:
    """Numbers that were packed, as the page's script reads them."""
    shape = packed["shape"]
    if "float32" in packed:
        return np.frombuffer(b64decode(packed["float32"]), "<f4").reshape(shape)
    whole = np.frombuffer(b64decode(packed["int8"]), "i1").reshape(shape)
    return whole * (unpacked(packed["limits"]).astype(float)[..., None, None] / 127)


def value(page: dict[str, Any], name: str, wanted: Any) -> int:
    """Index of a value of a control."""
    control = next(c for c in page["controls"] if c["name"] == name)
    return control["values"].index(wanted)


# What is recorded ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("w", "b", "rate"), [(0.0, 1.0, "good"), (3.0, -2.0, "zigzag"), (-1, 2, "too large")]
)
def test_the_line_walks_as_the_closed_formulas_say(
    folder: Path, w: float, b: float, rate: str
) -> None:
    page = recorded(folder / "linear.html")
    x, y = unpacked(page["data"]["points"]).astype(float).T
    k = value(page, "rate", rate)
    at = (k, value(page, "w", w), value(page, "b", b))
    gamma = page["data"]["rates"][k]
    places, heights, slopes = (
        unpacked(page["data"][name])[at] for name in ("places", "losses", "slopes")
    )
    for place, height, slope in zip(places, heights, slopes, strict=True):
        miss = w * x + b - y
        down = 2 * np.asarray([(miss * x).mean(), miss.mean()])
        # The points above were rounded to float32; "too large" multiplies that by 1.06 a step.
        np.testing.assert_allclose(place, [w, b], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(height, (miss**2).mean(), rtol=1e-4)
        np.testing.assert_allclose(slope, down, rtol=1e-4, atol=1e-4)
        w, b = w - gamma * down[0], b - gamma * down[1]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_rates_of_the_line_do_what_their_names_say(seed: int) -> None:
    page = DEMOS["linear"].record(Setting(seed, True)).data
    above = unpacked(page["losses"]) - page["least"]
    small, good, zigzag, large = above[:, 0, 0]  # by rate, from one corner
    assert small[-1] > 0.1 * small[0]
    assert good[-1] < 0.01 * good[0]
    assert np.all(np.diff(zigzag) < 0)
    assert np.all(np.diff(large)[-10:] > 0)
    # Across the valley and back: every other step of "zigzag" goes the other way.
    turns = np.diff(unpacked(page["places"])[2, 0, 0, :, 0])[:8]
    assert np.all(turns[1:] * turns[:-1] < 0)


def test_the_lowest_place_of_the_line_is_that_of_scikit_learn(folder: Path) -> None:
    page = recorded(folder / "linear.html")["data"]
    x, y = linear.points(QUICK.seed)
    fitted = LinearRegression().fit(x[:, None], y)
    np.testing.assert_allclose(page["lowest"], [fitted.coef_[0], fitted.intercept_], rtol=1e-10)
    assert page["least"] <= unpacked(page["surface"]).min()
    assert page["least"] <= unpacked(page["losses"]).min() * (1 + 1e-6)


@pytest.mark.parametrize("name", downhill.LANDSCAPES)
def test_a_walk_downhill_is_the_same_alone(folder: Path, name: str) -> None:
    page = recorded(folder / "downhill.html")
    landscape = downhill.LANDSCAPES[name]
    at = (
        value(page, "landscape", name),
        value(page, "start", "right"),
        value(page, "rate", "good"),
    )
    start = unpacked(page["data"]["starts"])[at[1]].astype(float).round(6)
    alone = walk.walk(
        landscape.loss, start[None], np.asarray([page["data"]["rates"][at[0]][at[2]]]), 80
    )
    for part, values in zip(("places", "losses", "slopes"), alone, strict=True):
        np.testing.assert_array_equal(
            unpacked(page["data"][part])[at], values[:, 0].astype(np.float32)
        )
    # A difference over 1e-7 is off by 1e-7 times the curvature, which is up to 100, and rounding.
    for place, slope in zip(alone.places[::20, 0], alone.slopes[::20, 0], strict=True):
        numeric = approx_fprime(place, lambda p: landscape.loss(tensor(p[None])).item(), 1e-7)
        np.testing.assert_allclose(slope, numeric, rtol=1e-5, atol=2e-5)


def test_starts_among_the_hollows_end_in_all_three(folder: Path) -> None:
    page = recorded(folder / "downhill.html")
    ends = unpacked(page["data"]["places"])[
        value(page, "landscape", "hollows"), :, value(page, "rate", "good"), -1
    ]
    assert len({tuple(np.round(end, 2)) for end in ends}) == 3


def test_who_walks_too_far_is_lost_for_good() -> None:
    found = walk.walk(downhill.valley, np.asarray([[-1.6, -1.1], [1.0, 1.0]]), np.full(2, 0.06), 9)
    lost = np.isnan(found.places[:, 0]).all(axis=1)
    assert lost[-1]
    assert not lost[0]
    assert np.all(np.diff(lost.astype(int)) >= 0)
    assert np.isnan(found.losses[-1, 0])
    np.testing.assert_array_equal(found.places[:, 1], 1.0)  # the lowest place keeps who is there


def test_a_boundary_is_that_of_the_network_trained_so_far(folder: Path) -> None:
    page = recorded(folder / "boundary.html")
    looks = page["controls"][-1]["values"]
    assert looks == boundary.epochs(QUICK)
    at = (value(page, "data", "moons"), value(page, "hidden", 3))
    given = frames.points("moons", QUICK.seed)
    network = mlp(2, 3, 1, seed=QUICK.seed)
    rule = optim.Adam(boundary.RATE)
    trainer = Trainer(network, losses.binary_cross_entropy_with_logits, rule, seed=QUICK.seed)
    _same_frame(page["data"], (*at, 0), network, given, boundary.SIDE)
    trainer.fit(given.X, column(given.y), epochs=looks[5], batch_size=20, progress=False)
    _same_frame(page["data"], (*at, 5), network, given, boundary.SIDE)


def test_a_network_to_tinker_with_shows_its_units(folder: Path) -> None:
    page = recorded(folder / "tinker.html")
    at = (
        value(page, "data", "spirals"),
        value(page, "activation", "ReLU"),
        value(page, "rate", 0.1),
    )
    kept = page["data"]["networks"][value(page, "hidden", "8-8")]
    given = frames.points("spirals", QUICK.seed)
    network = mlp(2, 8, 8, 1, activation=nn.ReLU, seed=QUICK.seed)
    rule = optim.SGD(0.1)
    trainer = Trainer(network, losses.binary_cross_entropy_with_logits, rule, seed=QUICK.seed)
    trainer.fit(given.X, column(given.y), epochs=12, batch_size=20, progress=False)
    frame = (*at, page["controls"][-1]["values"].index(12))
    _same_frame(kept, frame, network, given, tinker.SIDE)
    places = frames.grid(tinker.UNIT_SIDE)
    shape = (-1, tinker.UNIT_SIDE, tinker.UNIT_SIDE)
    units = np.concatenate([outputs(network[:depth], places).T.reshape(shape) for depth in (2, 4)])
    _same_pictures(kept["units"], frame, units)
    np.testing.assert_array_equal(unpacked(kept["weights"])[frame], network[-1].weight.numpy()[0])


def _same_frame(
    kept: dict[str, Any], at: tuple[int, ...], network: nn.Sequential, given: Any, side: int
) -> None:
    scores = outputs(network, frames.grid(side)).reshape(side, side)
    _same_pictures(kept["scores"], at, scores.clip(-frames.CLEAR, frames.CLEAR))
    for k, (X, y) in enumerate(((given.X, given.y), (given.X_new, given.y_new))):
        each = losses.binary_cross_entropy_with_logits(tensor(outputs(network, X)), column(y))
        assert unpacked(kept["losses"])[at][k] == np.float32(losses.mean(each).item())
        assert unpacked(kept["accuracies"])[at][k] == np.float32(accuracy(network, X, y))


def _same_pictures(packed: dict[str, Any], at: tuple[int, ...], values: np.ndarray) -> None:
    limits = unpacked(packed["limits"])[at][..., None, None].astype(float)
    # Half a step of 127, and the rounding of float32.
    assert np.all(np.abs(unpacked(packed)[at] - values) <= limits / 253.9)
    np.testing.assert_array_equal(limits[..., 0, 0], np.abs(values).max(axis=(-2, -1)))


def test_training_that_diverges_repeats_its_last_frame_and_says_so() -> None:
    given = frames.points("circles", 0)
    network = mlp(2, 4, 1, activation=nn.ReLU)
    found = frames.watch(network, given, optim.SGD(1e12), [0, 1, 5, 20], side=5)
    assert found.ended is not None
    assert found.ended < 20
    assert len(found.scores) == len(found.losses) == 4
    np.testing.assert_array_equal(found.scores[-1], found.scores[-2])
    assert np.all(np.isfinite(found.losses))


def test_ctrl_c_ends_a_recording_and_not_just_one_of_its_trainings(tmp_path: Path) -> None:
    class Interrupts(Callback):
        def on_epoch_end(self, trainer: Trainer, row: dict[str, Any]) -> None:
            signal.raise_signal(signal.SIGINT)

    def record(setting: Setting) -> Recording:
        trainer = Trainer(nn.Linear(2, 2), losses.cross_entropy)
        trainer.fit(*data.xor(20), epochs=9, callbacks=[Interrupts()], progress=False)
        return Recording([], {}, "made")

    with pytest.raises(KeyboardInterrupt):
        write_demo(Demo("linear", "t", "002", "p", "x", [], record), QUICK, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", frames.SETS)
def test_points_lie_inside_their_picture_and_new_ones_are_new(name: str) -> None:
    found = frames.points(name, 7)
    for X in (found.X, found.X_new):
        assert np.mean(np.abs(X).max(axis=1) < frames.EDGE) > 0.98  # noise knows no edge
    assert not {tuple(x) for x in found.X} & {tuple(x) for x in found.X_new}
    assert np.array_equal(found.y, getattr(data, name)(200, seed=14, **frames.SETS[name])[1])


@given(arrays(np.float32, (3, 4, 5), elements=st.floats(-1e6, 1e6, width=32)))
def test_a_byte_a_place_is_right_to_half_a_step(values: np.ndarray) -> None:
    packed = packing.pictures(values)
    limits = np.abs(values).max(axis=(1, 2), keepdims=True).astype(float)
    assert np.all(np.abs(unpacked(packed) - values) <= limits / 253.9)
    assert np.all(unpacked(packed)[values == 0] == 0)


# Pages --------------------------------------------------------------------------------------------


def test_a_page_needs_nothing_but_itself(folder: Path) -> None:
    for page in folder.glob("*.html"):
        text = page.read_text()
        assert not re.search(r"https?:|//[a-z]+\.|@import|url\(|fetch\(|XMLHttp|<link|\ssrc=", text)
        for target in re.findall(r'href="([^"]*)"', text):
            assert (folder / target).is_file()
    assert {p.stem for p in folder.iterdir()} == {"index", *DEMOS}


@pytest.mark.parametrize("name", DEMOS)
def test_every_array_of_a_page_has_the_size_it_says(folder: Path, name: str) -> None:
    found = recorded(folder / f"{name}.html")
    count = 0

    def check(part: Any) -> None:
        nonlocal count
        if isinstance(part, dict) and "shape" in part:
            assert unpacked(part).shape == tuple(part["shape"])
            count += 1
        elif isinstance(part, dict | list):
            for inner in part.values() if isinstance(part, dict) else part:
                check(inner)

    check(found["data"])
    assert count >= 5
    assert [c["kind"] for c in found["controls"]].count("time") == 1
    for control in found["controls"]:
        assert len(control["values"]) == len(control["texts"]) > control["start"] >= 0


def test_axes_of_the_recordings_are_those_of_the_controls(folder: Path) -> None:
    def lengths(page: dict[str, Any], *names: str) -> list[int]:
        return [len(c["values"]) for n in names for c in page["controls"] if c["name"] == n]

    page = recorded(folder / "linear.html")
    assert page["data"]["places"]["shape"] == [*lengths(page, "rate", "w", "b", "step"), 2]
    page = recorded(folder / "downhill.html")
    axes = lengths(page, "landscape", "start", "rate", "step")
    assert page["data"]["places"]["shape"] == [*axes, 2]
    page = recorded(folder / "boundary.html")
    assert page["data"]["scores"]["shape"] == [*lengths(page, "data", "hidden", "epoch"), 41, 41]
    page = recorded(folder / "tinker.html")
    assert len(page["data"]["networks"]) == lengths(page, "hidden")[0]
    for network in page["data"]["networks"]:
        expected = lengths(page, "data", "activation", "rate", "epoch")
        if not network["layers"]:
            expected[1] = 1
        assert network["scores"]["shape"][:4] == expected


def test_the_same_seed_makes_the_same_bytes_and_another_does_not(
    folder: Path, tmp_path: Path
) -> None:
    for name in ("linear", "downhill", "boundary"):
        again = write_demo(DEMOS[name], QUICK, tmp_path)
        assert again.read_bytes() == (folder / f"{name}.html").read_bytes()
    other = recorded(write_demo(DEMOS["linear"], Setting(5, True), tmp_path))
    assert other["data"]["points"] != recorded(folder / "linear.html")["data"]["points"]


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    hostile = "</script><script>alert(1)</script><!-- \" onload='x'"
    made = Recording(
        [Control(hostile, hostile, [hostile]), Control("t", "t", [0, 1], kind="time")],
        {"name": hostile},
        hostile,
    )
    demo = Demo(
        "linear", hostile, hostile, hostile, hostile, [Figure("f", hostile)], lambda _: made
    )
    page = write_demo(demo, QUICK, tmp_path)
    assert recorded(page)["data"]["name"] == recorded(page)["controls"][0]["values"][0] == hostile
    text = page.read_text()
    assert "<script>alert" not in text
    assert text.count("<script") == text.count("</script>") == 2


# Scripts ------------------------------------------------------------------------------------------


@pytest.mark.skipif(NODE is None, reason="needs node to read JavaScript")
@pytest.mark.parametrize("name", DEMOS)
def test_the_script_of_a_page_is_javascript(folder: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "page.mjs").write_text(inside(folder / f"{name}.html", 'type="module"'))
    done = subprocess.run([str(NODE), "--check", "page.mjs"], cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_no_script_ends_the_element_it_stands_in() -> None:
    for name in SCRIPTS:
        assert "</" not in pages.script(name)
        assert "<!--" not in pages.script(name)


@pytest.mark.skipif(NODE is None, reason="needs node to run JavaScript")
def test_the_player_reads_back_what_was_packed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    numbers, shown = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 5, 4))
    given = {"numbers": packing.floats(numbers), "shown": packing.pictures(shown)}
    (tmp_path / "given.json").write_text(json.dumps(given))
    (tmp_path / "read.mjs").write_text(
        pages.script("plot")
        + """
        import { readFileSync } from "node:fs";
        const given = JSON.parse(readFileSync("given.json"));
        const [numbers, shown] = [new Recorded(given.numbers), new Recorded(given.shown)];
        const rest = Array.from(shown.at(1, 2));
        const slope = Array.from({ length: 12 }, (_, k) => (k % 4) + 2 * Math.floor(k / 4));
        console.log(JSON.stringify([
          numbers.at(1, 2, 3), Array.from(numbers.at(0, 1)), rest, levelLine(slope, 4, 2.5),
          [ticks(-1, 3, 4), powers(0.5, 200, 4), number(-0.000012), number(1234.5), number(NaN)],
        ]));
        """
    )
    done = subprocess.run([str(NODE), "read.mjs"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    one, row, picture, line, words = json.loads(done.stdout)
    assert one == np.float32(numbers[1, 2, 3])
    np.testing.assert_array_equal(row, numbers[0, 1].astype(np.float32))
    step = np.abs(shown[1, 2]).max() / 127
    np.testing.assert_allclose(np.reshape(picture, (5, 4)), shown[1, 2], atol=step * 0.5001)
    # A plane's level line is straight: column + 2 · row = 2.5 at both ends of every piece.
    for left, low, right, high in line:
        assert left + 2 * low == pytest.approx(2.5)
        assert right + 2 * high == pytest.approx(2.5)
    assert len(line) == 4
    assert words == [[-1, 0, 1, 2, 3], [1, 10, 100], "−1.2e−5", "1230", "not a number any more"]


@pytest.mark.long
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium to open pages")
@pytest.mark.parametrize(
    ("address", "said"),
    [
        (
            "linear.html#w=1.4&b=-0.4&rate=good&step=0",
            "At the place of the sliders: w = 1.4, b = −0.4",
        ),
        ("linear.html#w=2.93&step=40&rate=too+large", "After 40 steps"),
        ("downhill.html#landscape=bowl&start=top&step=0", "x = −0.2, y = 1.3, loss 8.47"),
        ("downhill.html#landscape=valley&start=left&rate=too+large&step=80", "left for good"),
        ("boundary.html#epoch=100&hidden=3", "After epoch 100: loss"),
        ("tinker.html#hidden=none&activation=ReLU&epoch=40", "After epoch 40: loss"),
        ("tinker.html#hidden=77&epoch=<b>&nonsense&__proto__=1", "Before training: loss"),
    ],
)
def test_an_address_opens_a_page_at_its_place(folder: Path, address: str, said: str) -> None:
    done = subprocess.run(
        [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
         "--virtual-time-budget=3000", f"file://{folder}/{address}"],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    found = re.search(r'<p id="said"[^>]*>(.*?)</p>', done.stdout)
    assert found
    sentence = found[1].replace("&nbsp;", " ")
    assert said in sentence
    assert "NaN" not in sentence
    assert "undefined" not in sentence
