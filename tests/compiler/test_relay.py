"""Several programs in turn, round after round: the same bits as one run after another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import ops
from gradus.compiler import Executor, Leg, Program, ReferenceExecutor, Relayed, relay, trace
from gradus.compiler.native import NativeExecutor, available
from gradus.errors import ArgumentError, ShapeError
from gradus.types import Array, TensorType, float32

ROWS, INPUTS, UNITS = 300, 24, 20
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, INPUTS)).astype(float32)
Y = RNG.normal(size=(ROWS, UNITS)).astype(float32)
START = {
    "w": RNG.normal(size=(UNITS, INPUTS)).astype(float32),
    "b": np.zeros(UNITS, float32),
    "empty": np.zeros((0, 3), float32),
}
SIZES = {"full": 200, "middle": 37, "single": 1}

needs_native = pytest.mark.skipif(not available(), reason="built without the native executor")
EXECUTORS = ["reference", pytest.param("native", marks=needs_native)]


def step(
    w: gd.Tensor,
    b: gd.Tensor,
    empty: gd.Tensor,
    x: gd.Tensor,
    y: gd.Tensor,
    rate: gd.Tensor,
    shift: gd.Tensor,
) -> dict[str, gd.Tensor]:
    loss = ops.square(ops.tanh(x @ w.T + b) - y + shift).mean()
    slope_w, slope_b = gd.grad(loss, [w, b])
    return {
        "w": w - rate * slope_w,
        "b": b - rate * slope_b,
        "empty": empty * 2.0,
        "loss": loss,
        "norm": ops.square(slope_w).sum(axis=1),
    }


def program(executor: Executor, batch: int) -> Program:
    carry = {n: gd.tensor(a).requires_grad_(a.size > 0) for n, a in START.items()}
    types = {
        "x": TensorType((batch, INPUTS), float32),
        "y": TensorType((batch, UNITS), float32),
        "rate": TensorType((), float32),
        "shift": TensorType((UNITS,), float32),
    }
    return executor.prepare(trace(step, **carry, **types).graph)


def programs(executor: str) -> dict[str, Program]:
    made = ReferenceExecutor() if executor == "reference" else NativeExecutor(2)
    return {name: program(made, batch) for name, batch in SIZES.items()}


def leg(program: Program, batch: int, rounds: int, steps: int, seed: int = 1) -> Leg:
    rng = np.random.default_rng(seed)
    order = rng.integers(0, ROWS, size=(rounds, steps, batch))
    rates = rng.uniform(0.1, 0.5, size=(rounds, steps)).astype(float32)
    shift = rng.normal(size=UNITS).astype(float32)  # of each leg its own
    return Leg(program, order, {"rate": rates}, {"shift": shift})


def run(legs: list[Leg], **changed: Any) -> Relayed:
    given: dict[str, Any] = {
        "data": {"x": X, "y": Y},
        "watch": "loss",
        "stop": lambda _: False,
        **changed,
    }
    return relay(legs, given.pop("carry", START), **given)


def by_hand(legs: list[Leg], most: int) -> tuple[dict[str, Array], list[dict[str, Array]]]:
    """What is carried after so many steps, and what each leg records of them."""
    carry, done = dict(START), 0
    records = [
        {n: np.zeros((*one.order.shape[:2], *s), float32) for n, s in SHAPES} for one in legs
    ]
    for k in range(len(legs[0].order)):
        for one, record in zip(legs, records, strict=True):
            for i, rows in enumerate(one.order[k]):
                if done == most:
                    return carry, records
                found = one.program.run(
                    {
                        **carry,
                        **one.fixed,
                        "x": X[rows],
                        "y": Y[rows],
                        "rate": one.per_step["rate"][k, i],
                    }
                )
                for name, _ in SHAPES:
                    record[name][k, i] = found[name]
                carry, done = {n: found[n] for n in carry}, done + 1
    return carry, records


SHAPES: list[tuple[str, tuple[int, ...]]] = [("loss", ()), ("norm", (UNITS,))]


def three(made: dict[str, Program], rounds: int = 4) -> list[Leg]:
    steps = {"full": 3, "middle": 2, "single": 1}
    return [leg(made[n], SIZES[n], rounds, steps[n], seed) for seed, n in enumerate(SIZES)]


def same(found: Relayed, carry: dict[str, Array], records: list[dict[str, Array]]) -> None:
    for name, array in carry.items():
        assert np.array_equal(found.carry[name], array, equal_nan=True), name
    for ours, theirs in zip(found.records, records, strict=True):
        assert ours.keys() == theirs.keys()
        assert all(np.array_equal(ours[n], a, equal_nan=True) for n, a in theirs.items())


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("rounds", [1, 4])
def test_a_relay_gives_the_bits_of_one_run_after_another(executor: str, rounds: int) -> None:
    legs = three(programs(executor), rounds)
    before = {n: a.copy() for n, a in START.items()}
    found = run(legs)
    assert found.done == 6 * rounds
    same(found, *by_hand(legs, 6 * rounds))
    assert np.all(np.diff(found.ended, prepend=0.0) > 0)
    assert all(np.array_equal(START[n], a) for n, a in before.items()), "what is given stays"


@needs_native
def test_weights_are_handed_on_between_programs_that_store_them_in_other_orders() -> None:
    made: Any = programs("native")
    assert len({frozenset(p._turned & START.keys()) for p in made.values()}) > 1
    for names in (["full", "single"], ["single", "full"], ["middle", "single", "full"]):
        legs = [leg(made[n], SIZES[n], 3, 2, k) for k, n in enumerate(names)]
        same(run(legs), *by_hand(legs, 100))


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_program_may_have_several_legs(executor: str) -> None:
    made = programs(executor)
    legs = [leg(made[n], SIZES[n], 2, 2, k) for k, n in enumerate(["full", "middle", "full"])]
    same(run(legs), *by_hand(legs, 100))


def test_stop_is_asked_before_each_step_of_all_legs() -> None:
    legs = three(programs("reference"))
    asked: list[int] = []
    run(legs, stop=lambda done: bool(asked.append(done)))
    assert asked == list(range(24))
    for most in (0, 1, 3, 4, 5, 6, 9, 23):
        found = run(legs, stop=lambda done, most=most: done >= most)
        assert found.done == most
        same(found, *by_hand(legs, most))
        assert np.count_nonzero(found.ended) == most // 6 + 1


@needs_native
def test_a_native_relay_is_asked_before_its_first_step() -> None:
    found = run(three(programs("native")), stop=lambda _: True)
    assert found.done == 0
    same(found, START, [{n: 0 * a for n, a in record.items()} for record in found.records])


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize(
    "at", [(0, 0, 0), (0, 0, 2), (1, 0, 2), (2, 0, 0), (2, 1, 1), (3, 1, 0), (3, 2, 0)]
)
def test_a_relay_ends_after_the_step_whose_watched_output_is_not_finite(
    executor: str, at: tuple[int, int, int]
) -> None:
    legs = three(programs(executor))
    k, which, i = at
    legs[which].per_step["rate"][k, i] = np.nan  # so that the loss of the next step is NaN
    found = run(legs)
    done = min(24, 6 * k + (0, 3, 5)[which] + i + 2)
    assert found.done == done
    with np.errstate(invalid="ignore"):
        same(found, *by_hand(legs, done))


@needs_native
def test_a_relay_over_executors_is_taken_step_by_step() -> None:
    one, other = programs("native"), programs("reference")
    legs = [leg(one["full"], 200, 2, 2), leg(other["single"], 1, 2, 1)]
    same(run(legs), *by_hand(legs, 100))


@needs_native
def test_threads_whose_relays_share_programs_do_not_wait_for_each_other_for_ever() -> None:
    made = programs("native")
    ways = [["full", "single", "middle"], ["middle", "full", "single"], ["single", "middle"]]
    relays = [[leg(made[n], SIZES[n], 2, 1, k) for k, n in enumerate(way)] for way in ways] * 20
    alone = [run(legs).carry["w"] for legs in relays]
    with ThreadPoolExecutor(4) as pool:
        for found, expected in zip(pool.map(run, relays, timeout=60), alone, strict=True):
            assert np.array_equal(found.carry["w"], expected)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_what_does_not_fit_is_refused(executor: str) -> None:
    made = programs(executor)
    first, other = leg(made["full"], 200, 2, 1), leg(made["single"], 1, 3, 1)
    with pytest.raises(ShapeError, match=r"as many rounds.*\[2, 3\]"):
        run([first, other])
    with pytest.raises(ShapeError, match="there is a leg at least"):
        run([])
    with pytest.raises(ShapeError, match=r"x is float32\[1, 24\]"):
        run([first, leg(made["single"], 2, 2, 1)])
    far = Leg(made["full"], np.full((2, 1, 200), 300), first.per_step, first.fixed)
    with pytest.raises(ArgumentError, match=r"lie in \[0, 300\)"):
        run([first, far])
