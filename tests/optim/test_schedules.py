"""Schedules: what every one keeps to, and the loss-driven one. PyTorch's numbers: the oracle."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradus import optim
from gradus.errors import ArgumentError
from gradus.optim import Plateau, PlateauState, Schedule

SCHEDULES: list[Schedule] = [
    optim.Constant(),
    optim.Step(2, gamma=0.5),
    optim.Exponential(0.9),
    optim.Cosine(final=0.1),
    optim.FlatCosine(),
    optim.FlatCosine(flat=1.0),
    optim.CosLog(),
    optim.WarmUp(3, then=optim.CosLog(2)),
    optim.WarmUp(7, start=0.1),
    optim.WarmUp(epochs=2, start=0.0, then=optim.Cosine()),
    optim.OneCycle(),
]
ROWS = [pytest.param(s, id=repr(s)) for s in SCHEDULES]


def factors(schedule: Schedule, total: int, per_epoch: int = 5) -> np.ndarray:
    return schedule.factor(np.arange(float(total)), total, per_epoch)


@pytest.mark.parametrize("schedule", ROWS)
@given(total=st.integers(1, 60), per_epoch=st.integers(1, 20))
def test_factors_are_finite_and_at_most_one(schedule: Schedule, total: int, per_epoch: int) -> None:
    f = factors(schedule, total, per_epoch)
    assert f.shape == (total,)
    assert f.dtype == np.float64
    # 1e-12: a half cosine is rounded.
    assert np.isfinite(f).all()
    assert (f >= 0.0).all()
    assert (f <= 1.0 + 1e-12).all()


@pytest.mark.parametrize("schedule", ROWS)
def test_a_factor_depends_on_its_own_step_alone(schedule: Schedule) -> None:
    # So a resumed run asks for the steps that are left and gets the same numbers.
    whole = factors(schedule, 40)
    assert np.array_equal(schedule.factor(np.arange(13.0, 40.0), 40, 5), whole[13:])
    assert schedule.factor(np.float64(13.0), 40, 5) == whole[13]


def test_step_and_exponential_change_between_epochs_only() -> None:
    assert factors(optim.Step(2, 0.5), 12, 2).tolist() == [1] * 4 + [0.5] * 4 + [0.25] * 4
    assert factors(optim.Exponential(0.5), 6, 2).tolist() == [1, 1, 0.5, 0.5, 0.25, 0.25]


def test_a_warm_up_rises_then_starts_the_next_schedule_anew() -> None:
    warm = optim.WarmUp(4, start=0.0, then=optim.Cosine())
    assert factors(warm, 24)[:5].tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert np.array_equal(factors(warm, 24)[4:], factors(optim.Cosine(), 20))


def test_a_warm_up_in_epochs_is_one_in_steps() -> None:
    assert np.array_equal(
        factors(optim.WarmUp(epochs=2), 30, 5), factors(optim.WarmUp(steps=10), 30, 5)
    )


def test_a_warm_up_longer_than_training_only_rises() -> None:
    assert (np.diff(factors(optim.WarmUp(100), 20)) > 0).all()


def test_a_flat_cosine_stays_at_1_for_its_share_and_ends_at_0() -> None:
    f = optim.FlatCosine(0.25).factor(np.arange(41.0), 40, 5)
    assert (f[:11] == 1.0).all()
    assert (np.diff(f[10:]) < 0).all()
    assert f[[25, 40]] == pytest.approx([0.5, 0.0], abs=1e-12)  # the cosine is rounded
    assert np.array_equal(factors(optim.FlatCosine(0.0), 40), factors(optim.Cosine(), 40))


def test_a_coslog_comes_back_to_0_each_time_after_twice_as_many_steps() -> None:
    f = optim.CosLog(4).factor(np.arange(1501.0), 1500, 5)
    lows = [k for k in range(1, 1500) if f[k] < f[k - 1] and f[k] <= f[k + 1]]
    assert lows == [100, 300, 700]
    assert f[[0, *lows, 1500]] == pytest.approx(np.zeros(5), abs=1e-12)
    assert sum(f[k] > max(f[k - 1], f[k + 1]) for k in range(1, 1500)) == 4
    # t = (√2 − 1)/15: a quarter of the way through the first octave is not its middle.
    assert optim.CosLog(4).factor(np.array((2**0.5 - 1) / 15), 1, 1) == pytest.approx(1.0)


def test_one_cycle_rises_falls_and_ends_at_its_final_factor() -> None:
    f = factors(optim.OneCycle(0.25, start=0.1, final=0.01), 100)
    assert (f[0], f[24], f[-1]) == pytest.approx((0.1, 1.0, 0.01), rel=1e-12)
    assert (np.diff(f[:25]) > 0).all()
    assert (np.diff(f[24:]) < 0).all()


# ── Plateau ─────────────────────────────────────────────────────────────────────────────────────


def course(plateau: Plateau, losses: list[float]) -> list[float]:
    state, found = plateau.init(), []
    for loss in losses:
        state = plateau.next(state, loss)
        found.append(state.factor)
    return found


def test_the_rate_falls_after_patience_epochs_without_improvement() -> None:
    assert course(Plateau(0.5, patience=2), [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]) == [
        1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25,
    ]  # fmt: skip


def test_an_improvement_starts_the_patience_anew() -> None:
    assert course(Plateau(0.5, patience=1), [3.0, 3.0, 2.0, 2.0, 1.0]) == [1.0] * 5


def test_an_improvement_below_the_threshold_is_none() -> None:
    assert course(Plateau(0.5, patience=0, threshold=0.1), [1.0, 0.95, 0.8]) == [1.0, 0.5, 0.5]


def test_the_factor_has_a_floor() -> None:
    assert course(Plateau(0.1, patience=0, min_factor=0.05), [1.0] * 4)[-1] == 0.05


def test_nan_is_no_improvement() -> None:
    assert course(Plateau(0.5, patience=0), [1.0, math.nan, 0.5]) == [1.0, 0.5, 0.5]


def test_next_gives_a_new_state_and_keeps_the_old() -> None:
    plateau, state = Plateau(patience=0), PlateauState(best=1.0)
    assert plateau.next(state, 2.0) == PlateauState(0.1, 1.0, 0)
    assert state == PlateauState(1.0, 1.0, 0)


# ── Misuse ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: optim.Step(0), "epochs must be at least 1; received 0"),
        (lambda: optim.Step(1.5), "epochs must be a whole number"),
        (lambda: optim.Step(True), "epochs must be a whole number"),
        (lambda: optim.Step(1, gamma=0.0), r"gamma must be a finite number in \(0, inf\)"),
        (
            lambda: optim.Exponential(-0.5),
            r"gamma must be a finite number in \(0, inf\); received -0.5",
        ),
        (lambda: optim.Exponential(math.nan), "gamma"),
        (lambda: optim.Exponential(math.inf), "gamma"),
        (
            lambda: optim.Cosine(final=1.5),
            r"final must be a finite number in \[0, 1\]; received 1.5",
        ),
        (lambda: optim.Cosine(final="0"), r"final must be a finite number in \[0, 1\]"),
        (lambda: optim.WarmUp(), "steps= or epochs= says; .* give one of the two"),
        (lambda: optim.WarmUp(3, epochs=1), "give one of the two"),
        (lambda: optim.WarmUp(0), "steps must be at least 1"),
        (lambda: optim.WarmUp(epochs=0), "epochs must be at least 1"),
        (lambda: optim.WarmUp(3, start=-1.0), r"start must be a finite number in \[0, 1\]"),
        (lambda: optim.WarmUp(3, then=Plateau()), "another kind of schedule"),
        (lambda: optim.WarmUp(3, then=optim.WarmUp(3)), "another kind of schedule"),
        (lambda: optim.FlatCosine(1.5), r"flat must be a finite number in \[0, 1\]; received 1.5"),
        (lambda: optim.CosLog(0), "cycles must be at least 1"),
        (lambda: optim.CosLog(33), "cycles is at most 32"),
        (lambda: optim.OneCycle(peak_at=1.0), r"peak_at must be a finite number in \(0, 1\)"),
        (lambda: optim.OneCycle(peak_at=0.0), r"peak_at must be a finite number in \(0, 1\)"),
        (lambda: optim.OneCycle(start=2.0), "start"),
        (lambda: optim.OneCycle(final=-1.0), "final"),
        (lambda: Plateau(factor=1.0), r"factor must be a finite number in \(0, 1\)"),
        (lambda: Plateau(patience=-1), "patience must be at least 0"),
        (lambda: Plateau(threshold=1.0), r"threshold must be a finite number in \[0, 1\)"),
        (lambda: Plateau(min_factor=2.0), r"min_factor must be a finite number in \[0, 1\]"),
    ],
)
def test_settings_without_meaning_are_refused(make: Callable[[], object], says: str) -> None:
    with pytest.raises(ArgumentError, match=says):
        make()


def test_numpy_numbers_as_settings_become_pythons() -> None:
    schedule = optim.WarmUp(np.int64(3), start=np.float32(0.5), then=optim.Cosine(np.float64(0.1)))
    plain = json.dumps(optim.to_config(optim.SGD(0.1, schedule=schedule)))
    assert optim.from_config(json.loads(plain)).schedule == schedule
    assert type(Plateau(patience=np.int32(2)).patience) is int
