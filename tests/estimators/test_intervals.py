"""Prediction intervals cover what they say, out of sample; quantiles are quantiles."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from gradus import optim
from gradus.errors import ArgumentError, DataError, FileError
from gradus.estimators import MLPRegressor, load
from gradus.estimators.conformal import Conformity

Array = np.ndarray
NOISES = ("normal", "heavy")  # heavy: Student's t of 3 degrees
SPREADS = ("equal", "growing")
FRESH = 20_000
# 8,000 rows to fit, of which 3,200 calibrate: the coverage of fresh rows then varies by
# √(0.09 / 3,200) = 0.0053 with those rows and by √(0.09 / 20,000) = 0.0021 with the fresh ones,
# 0.0057 in all: 0.88 to 0.92 are 3.5 deviations on either side, missed once in 2,000 times.
ROWS, HELD = 8000, 0.4


def generated(
    n: int, seed: int, noise: str = "normal", spread: str = "equal"
) -> tuple[Array, Array, Array]:
    """Rows, targets f(x) + σ(x) ε, and σ(x)."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, 2))
    sigma = 0.1 + 0.5 * np.abs(X[:, 0]) if spread == "growing" else np.full(n, 0.3)
    epsilon = rng.normal(size=n) if noise == "normal" else rng.standard_t(3, size=n)
    return X, np.sin(3 * X[:, 0]) + 0.5 * X[:, 1] ** 2 + sigma * epsilon, sigma


def regressor(**options: Any) -> MLPRegressor:
    small: dict[str, Any] = {
        "preset": "classic",
        "hidden_layer_sizes": (32,),
        "learning_rate_init": 5e-3,
        "max_iter": 20,
        "random_state": 0,
        "validation_fraction": HELD,
        "calibrate": True,
    }
    return MLPRegressor(**small | options)


def covered(interval: Array, y: Array) -> Array:
    return np.asarray((interval[..., 0] <= y) & (y <= interval[..., 1]))


# ── Coverage ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("loss", ["squared_error", "quantile"])
@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("noise", NOISES)
def test_intervals_of_90_percent_cover_88_to_92(
    noise: str, spread: str, loss: str, seed: int
) -> None:
    X, y, _ = generated(ROWS, seed, noise, spread)
    model = regressor(loss=loss, random_state=seed).fit(X, y)
    X, y, _ = generated(FRESH, 1000 + seed, noise, spread)
    assert 0.88 <= covered(model.predict_interval(X), y).mean() <= 0.92


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.98])
def test_any_coverage_can_be_asked_for(coverage: float) -> None:
    X, y, _ = generated(ROWS, 2, "heavy", "growing")
    fresh, truth, _ = generated(FRESH, 3, "heavy", "growing")
    for loss in ("absolute_error", "quantile"):
        found = covered(regressor(loss=loss).fit(X, y).predict_interval(fresh, coverage), truth)
        spread = math.sqrt(coverage * (1 - coverage) * (1 / (HELD * ROWS) + 1 / FRESH))
        assert abs(found.mean() - coverage) <= 3.5 * spread


@pytest.mark.parametrize("watching", [False, True])
def test_intervals_of_a_network_that_knows_its_rows_by_heart_cover_all_the_same(
    watching: bool,
) -> None:
    """Its own quantiles, and the errors on rows of training, promise far too much."""
    X, y, _ = generated(150, 4)
    known = {"hidden_layer_sizes": (128, 128), "n_iter_no_change": np.inf}
    known["max_iter"] = 30 if watching else 200
    fresh, truth, _ = generated(FRESH, 5)
    X_val, y_val, _ = generated(6400 if watching else 3200, 6)
    for loss in ("squared_error", "quantile"):
        model = regressor(loss=loss, early_stopping=watching, monitor="loss", **known)
        model.fit(X, y, X_val=X_val, y_val=y_val)
        assert len(model.conformity_.scores) == 3200
        assert 0.88 <= covered(model.predict_interval(fresh), truth).mean() <= 0.92
        if watching:
            continue  # the best weights are those of an early pass
        if loss == "quantile":
            assert covered(model.predict_quantiles(fresh)[:, [0, -1]], truth).mean() < 0.8
        else:
            margin = np.quantile(np.abs(y - model.predict(X)), 0.9)
            assert np.mean(np.abs(truth - model.predict(fresh)) <= margin) < 0.8


@pytest.mark.parametrize("noise", NOISES)
def test_intervals_of_quantiles_are_narrow_where_the_noise_is_small(noise: str) -> None:
    X, y, _ = generated(ROWS, 7, noise, "growing")
    fresh, truth, sigma = generated(FRESH, 8, noise, "growing")
    quiet, loud = sigma < np.quantile(sigma, 0.25), sigma > np.quantile(sigma, 0.75)

    model = regressor(loss="quantile").fit(X, y)
    interval = model.predict_interval(fresh)
    width = interval[:, 1] - interval[:, 0]
    assert width[quiet].mean() < 0.6 * width[loud].mean(), "σ: 0.16 and 0.54 on average"
    assert covered(interval, truth)[quiet].mean() > 0.85
    assert 0.85 < covered(interval, truth)[loud].mean() < 0.95

    # ± 1.645 deviations, which is as wide everywhere, is too wide there and too narrow here.
    model = regressor(calibrate=False).fit(X, y)
    inside = np.abs(truth - model.predict(fresh)) <= 1.645 * np.std(y - model.predict(X))
    assert inside[quiet].mean() > 0.97
    assert inside[loud].mean() < 0.87
    if noise == "heavy":
        assert inside.mean() > 0.92, "nor is a normal distribution's factor right on average"


def test_each_of_several_values_has_an_interval() -> None:
    X, y, sigma = generated(ROWS, 9)
    fresh, truth, _ = generated(FRESH, 10)
    for loss in ("squared_error", "quantile"):
        model = regressor(loss=loss).fit(X, np.stack([y, 100 * sigma * y], axis=1))
        interval = model.predict_interval(fresh)
        assert interval.shape == (FRESH, 2, 2)
        found = covered(interval, np.stack([truth, 30 * truth], axis=1)).mean(axis=0)
        assert np.all((found >= 0.88) & (found <= 0.92))


def test_rows_count_by_their_weight() -> None:
    """Half the rows are quiet and weigh 9, half are loud and weigh 1.

    Of a source with nine quiet rows to a loud one the interval covers 0.9; had the weights not
    counted in the margin, it would cover 0.98.
    """
    rng = np.random.default_rng(11)

    def draw(n: int, loud: float) -> tuple[Array, Array, Array]:
        is_loud = rng.random(n) < loud
        return rng.normal(size=(n, 1)), np.where(is_loud, 1.0, 0.1) * rng.normal(size=n), is_loud

    X, y, is_loud = draw(ROWS, 0.5)
    weight = np.where(is_loud, 1.0, 9.0)
    fresh, truth, _ = draw(FRESH, 0.1)
    weighted = regressor().fit(X, y, sample_weight=weight).predict_interval(fresh)
    assert 0.88 <= covered(weighted, truth).mean() <= 0.92
    assert covered(regressor().fit(X, y).predict_interval(fresh), truth).mean() > 0.97


# ── The rule ────────────────────────────────────────────────────────────────────────────────────


@given(n=st.integers(2, 60), coverage=st.floats(0.01, 0.95))
def test_a_fresh_score_is_covered_as_often_as_asked_for_any_number_of_rows(
    n: int, coverage: float
) -> None:
    """Any of n + 1 scores may be the fresh one: c ≤ the share covered ≤ c + 1 / (n + 1)."""
    scores = np.random.default_rng(n).normal(size=n + 1)
    if n < coverage / (1 - coverage):
        with pytest.raises(DataError, match="rows held out"):
            Conformity(scores[1:, None]).margin(coverage)
        return
    rest = [Conformity(np.delete(scores, i)[:, None]).margin(coverage) for i in range(n + 1)]
    share = np.mean(scores <= np.concatenate(rest))
    assert coverage - 1e-9 <= share <= coverage + 1 / (n + 1) + 1e-9


@given(weight=st.lists(st.integers(1, 5), min_size=12, max_size=40), coverage=st.floats(0.05, 0.9))
def test_the_margin_is_the_least_score_that_holds_enough_weight(
    weight: list[int], coverage: float
) -> None:
    w = np.array(weight, float)
    scores = np.random.default_rng(len(w)).normal(size=len(w)).round(1)  # with ties
    found = Conformity(scores[:, None], w).margin(coverage)
    enough = [
        s for s in scores if w[scores <= s].sum() >= coverage * (w.sum() + w.mean()) * (1 - 1e-9)
    ]
    assert found.tolist() == [min(enough)]
    assert Conformity(scores[:, None], 0.1 * w).margin(coverage) == found
    alike = Conformity(scores[:, None], np.full(len(w), 3.0)).margin(coverage)
    assert alike == Conformity(scores[:, None]).margin(coverage)


def test_each_row_held_out_chooses_the_weights_or_calibrates_and_none_does_both() -> None:
    X, y, _ = generated(80, 12)
    X_val, y_val, _ = generated(12, 13)

    def fitted(targets: Array) -> MLPRegressor:
        model = regressor(early_stopping=True, hidden_layer_sizes=(4,), max_iter=5)
        return model.fit(X, y, X_val=X_val, y_val=targets)

    before, calibrating = fitted(y_val), 0
    for row in range(12):
        after = fitted(np.where(np.arange(12) == row, 50.0, y_val))
        if np.array_equal(after.history_["val_loss"], before.history_["val_loss"]):
            calibrating += 1
            assert after.conformity_.scores.max() > 40
            assert np.array_equal(after.predict(X), before.predict(X))
        else:
            assert after.conformity_.scores.max() < 40
    assert calibrating == 6


def test_where_nothing_is_watched_all_rows_held_out_calibrate_and_training_sees_none() -> None:
    X, y, _ = generated(80, 12)
    X_val, y_val, _ = generated(12, 13)
    model = regressor(max_iter=8, learning_rate=optim.Plateau(patience=0))  # watches what it can
    one = clone(model).fit(X, y, X_val=X_val, y_val=y_val)
    other = clone(model).fit(X, y, X_val=X_val, y_val=-10 * y_val)
    assert "val_loss" not in one.history_.rows[0]
    assert len(one.conformity_.scores) == 12
    assert np.array_equal(one.predict(X), other.predict(X))
    np.testing.assert_allclose(one.conformity_.scores[:, 0], np.abs(y_val - one.predict(X_val)))
    assert len(regressor().fit(X, y).conformity_.scores) == HELD * 80
    assert len(regressor(early_stopping=True).fit(X, y).conformity_.scores) == HELD * 80 / 2


# ── What it takes ───────────────────────────────────────────────────────────────────────────────


def test_intervals_need_calibration() -> None:
    X, y, _ = generated(60, 14)
    model = regressor(max_iter=2, warm_start=True).fit(X, y)
    assert model.predict_interval(X).shape == (60, 2)
    for without in (regressor(calibrate=False).fit(X, y), model.set_params(calibrate=False)):
        with pytest.raises(ArgumentError, match="set calibrate=True and fit again"):
            without.fit(X, y).predict_interval(X)
    with pytest.raises(ArgumentError, match="calibrate must be True, False or 'auto'"):
        regressor(calibrate="yes").fit(X, y)


def test_too_few_rows_held_out_are_told_when_the_coverage_is_asked_for() -> None:
    X, y, _ = generated(40, 15)
    for count in (8, 9):
        model = regressor(max_iter=2).fit(X, y, X_val=X[:count], y_val=y[:count])
        assert model.predict_interval(X, 0.8).shape == (40, 2)
    assert model.predict_interval(X, 0.9).shape == (40, 2)
    says = r"cover 0\.95 need at least 19 rows held out; received 9\. What to do: .*X_val"
    with pytest.raises(DataError, match=says):
        model.predict_interval(X, 0.95)
    for coverage in (0.0, 1.0, 1.5, float("nan"), "0.9", None):
        with pytest.raises(ArgumentError, match="coverage must be a finite number"):
            model.predict_interval(X, coverage)


def test_the_lower_end_is_never_above_the_upper_one() -> None:
    X, y, _ = generated(2000, 16)
    model = regressor(loss="quantile", quantiles=[0.4, 0.6]).fit(X, y)
    for coverage in (0.005, 0.05, 0.2, 0.9):
        interval = model.predict_interval(X, coverage)
        assert np.all(interval[:, 0] <= interval[:, 1])


def test_a_further_call_calibrates_anew() -> None:
    X, y, _ = generated(400, 17)
    held = {"X_val": X[:100], "y_val": y[:100]}
    model = regressor(max_iter=1, warm_start=True).fit(X[100:], y[100:], **held)
    for go_on in (model.fit, model.partial_fit):
        before = model.conformity_.margin(0.9)
        for _ in range(5):
            go_on(X[100:], y[100:], **held)
        assert model.conformity_.margin(0.9) < before
        expected = np.abs(y[:100] - model.predict(X[:100]))
        np.testing.assert_allclose(model.conformity_.scores[:, 0], expected)
    with pytest.raises(ArgumentError, match="pass X_val and y_val, or set calibrate=False"):
        model.partial_fit(X, y)


def test_intervals_end_with_training_that_does_not_calibrate() -> None:
    X, y, _ = generated(200, 17)
    model = regressor(max_iter=2).fit(X, y)
    before = model.predict_interval(X)
    with pytest.raises(ArgumentError, match="pass X_val and y_val"):
        model.partial_fit(X, y)
    assert np.array_equal(model.predict_interval(X), before)
    model.set_params(calibrate=False).partial_fit(X, y)
    with pytest.raises(ArgumentError, match="set calibrate=True and fit again"):
        model.predict_interval(X)


def test_rows_that_a_network_has_learnt_from_do_not_calibrate_it() -> None:
    X, y, _ = generated(200, 17)
    model = regressor(max_iter=2, calibrate=False, warm_start=True).fit(X, y)
    model.set_params(calibrate=True)
    with pytest.raises(ArgumentError, match="after training that held out none"):
        model.fit(X, y)
    assert model.fit(X, y, X_val=X[:50], y_val=y[:50]).predict_interval(X).shape == (200, 2)
    built = regressor(max_iter=2, warm_start=True).build(X, y)
    assert built.fit(X, y).predict_interval(X).shape == (200, 2)
    assert built.fit(X, y).predict_interval(X).shape == (200, 2), "by the same rows again"


@pytest.mark.parametrize("weight", [None, np.linspace(1, 2, 200)])
def test_a_file_keeps_what_intervals_need(weight: Array | None, tmp_path: Path) -> None:
    X, y, _ = generated(200, 18)
    model = regressor(max_iter=2).fit(X, y, sample_weight=weight)
    model.save(tmp_path / "model")
    assert np.array_equal(load(tmp_path / "model").predict_interval(X), model.predict_interval(X))


@pytest.mark.parametrize(
    "damage",
    [
        {"scores": "none"},
        {"scores": [["a"]]},
        {"scores": [[1.0], [2.0, 3.0]]},
        {"scores": [[float("nan")]]},
        {"scores": []},
        {"weight": [1.0, -1.0]},
        {"weight": [1.0]},
        {"weight": "heavy"},
    ],
)
def test_damaged_scores_are_refused(damage: dict[str, Any]) -> None:
    config = Conformity(np.ones((2, 1)), np.ones(2)).to_config()
    assert Conformity.from_config(config).to_config() == config
    with pytest.raises(FileError, match=r"conformity scores|preprocessing config"):
        Conformity.from_config(config | damage)


# ── Quantiles ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("noise", NOISES)
def test_below_each_quantile_lies_its_share_of_fresh_rows(noise: str) -> None:
    X, y, _ = generated(ROWS, 19, noise, "growing")
    fresh, truth, sigma = generated(FRESH, 20, noise, "growing")
    levels = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    model = regressor(loss="quantile", quantiles=levels[::-1], calibrate=False, max_iter=30)
    found = model.fit(X, y).predict_quantiles(fresh)
    assert found.shape == (FRESH, 5)
    assert np.all(np.diff(found, axis=1) >= 0)
    for part in (sigma > 0, sigma > np.median(sigma)):
        below = np.mean(truth[part, None] <= found[part], axis=0)
        np.testing.assert_allclose(below, levels, atol=0.05)  # 30 passes leave some hundredths
    assert np.array_equal(model.predict(fresh), found[:, 2])


def test_the_quantile_nearest_to_the_median_is_predicted_and_judged() -> None:
    X, y, _ = generated(300, 21)
    model = regressor(
        loss="quantile", quantiles=[0.9, 0.5, 0.95], calibrate=False, early_stopping=True
    )
    model.fit(X, y, X_val=X, y_val=y)
    assert np.array_equal(model.predict(X), model.predict_quantiles(X)[:, 0])
    assert model.score(X, y) == pytest.approx(max(model.validation_scores_), abs=1e-5)


def test_quantiles_of_several_values_and_of_one_level() -> None:
    X, y, _ = generated(100, 22)
    model = regressor(loss="quantile", quantiles=0.3, calibrate=False, max_iter=2)
    assert model.fit(X, y).predict_quantiles(X).shape == (100, 1)
    model.set_params(quantiles=[0.1, 0.9]).fit(X, np.stack([y, y], axis=1))
    assert model.predict_quantiles(X).shape == (100, 2, 2)
    assert model.predict(X).shape == (100, 2)


def test_quantiles_without_meaning_are_refused() -> None:
    X, y, _ = generated(50, 23)
    for quantiles, says in [
        ([], "quantiles are one number or more"),
        ([0.5, 1.0], "each of quantiles must be a finite number in"),
        ("median", "each of quantiles must be a finite number in"),
    ]:
        with pytest.raises(ArgumentError, match=says):
            regressor(loss="quantile", quantiles=quantiles).fit(X, y)
    with pytest.raises(ArgumentError, match='fit with loss="quantile"'):
        regressor(max_iter=1).fit(X, y).predict_quantiles(X)
