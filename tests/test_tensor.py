"""The tensor: making one, operators, changing one, showing one, and what is recorded."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import ops
from gradus.errors import DtypeError, GradientError, ShapeError

# ── Making ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "dtype", "shape"),
    [
        (1.5, "float32", ()),
        (1, "int64", ()),
        (True, "bool", ()),
        ([1.0, 2], "float32", (2,)),
        ([[1, 2], [3, 4]], "int64", (2, 2)),
        ([], "float32", (0,)),
        (np.zeros((2, 0)), "float64", (2, 0)),
        (np.float64(1.0), "float64", ()),
        (np.float32(1.0), "float32", ()),
        ([np.float64(1.0), 2.0], "float64", (2,)),
        ([np.zeros(2, np.float32)] * 3, "float32", (3, 2)),
        (gd.tensor([1, 2]), "int64", (2,)),
        ([gd.tensor(1.0), gd.tensor(2.0)], "float32", (2,)),
        (range(3), "int64", (3,)),
    ],
)
def test_python_floats_are_float32_and_arrays_keep_their_dtype(
    value: Any, dtype: str, shape: tuple[int, ...]
) -> None:
    t = gd.tensor(value)
    assert (str(t.dtype), t.shape) == (dtype, shape)


def test_a_named_dtype_converts_without_a_detour_over_float32() -> None:
    assert gd.tensor(0.1, "float64").item() == 0.1
    assert gd.tensor([1.9, -1.9], "int64").tolist() == [1, -1]


def test_the_data_is_copied() -> None:
    array = np.zeros(2)
    t = gd.tensor(array)
    array[0] = 1.0
    assert t.tolist() == [0.0, 0.0]


def test_an_operand_array_may_be_changed_afterwards() -> None:
    x, factor = gd.tensor(np.ones(2), requires_grad=True), np.array([2.0, 3.0])
    y = x * factor
    factor[:] = 0.0
    assert gd.grad(y.sum(), x).tolist() == [2.0, 3.0]


def test_zeros_ones_full_and_arange() -> None:
    assert gd.zeros((2, 1)).tolist() == [[0.0], [0.0]]
    assert gd.ones(2, "int64").tolist() == [1, 1]
    assert gd.full((), 7.0, "float64").item() == 7.0
    assert gd.arange(3).tolist() == [0, 1, 2]
    assert gd.arange(1, 2, 0.25).tolist() == [1.0, 1.25, 1.5, 1.75]


# ── Operators ───────────────────────────────────────────────────────────────────────────────────

ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
COMPARISON = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]
ARRAY = np.array([[0.5, 2.0], [1.0, 3.0]])


@pytest.mark.parametrize("other", [2.0, 3, np.float64(2.0), ARRAY[0], ARRAY, gd.tensor(ARRAY)])
@pytest.mark.parametrize("op", [*ARITHMETIC, *COMPARISON])
def test_operators_work_both_ways_as_in_numpy(op: Callable[[Any, Any], Any], other: Any) -> None:
    t, plain = gd.tensor(ARRAY), np.asarray(other)
    for ours, numpys in ((op(t, other), op(ARRAY, plain)), (op(other, t), op(plain, ARRAY))):
        assert isinstance(ours, gd.Tensor), "NumPy leaves the operation to the tensor"
        assert ours.dtype == numpys.dtype
        # Square, of the exponent 2, may differ from pow by one rounding.
        np.testing.assert_allclose(ours.numpy(), numpys, rtol=1e-15)


def test_matmul_negation_absolute_value_and_logic() -> None:
    t, m = gd.tensor(ARRAY), gd.tensor([True, False])
    assert np.array_equal((t @ ARRAY).numpy(), ARRAY @ ARRAY)
    assert np.array_equal((ARRAY @ t).numpy(), ARRAY @ ARRAY)
    assert np.array_equal((-t).numpy(), -ARRAY)
    assert np.array_equal(abs(-t).numpy(), ARRAY)
    assert (~m).tolist() == [False, True]
    for other in (True, np.array([True, True]), gd.tensor([True, True])):
        assert (m & other).tolist() == (other & m).tolist() == [True, False]
        assert (m | other).tolist() == (other | m).tolist() == [True, True]


def test_augmented_assignment_makes_a_new_tensor() -> None:
    x = before = gd.tensor([1.0], requires_grad=True)
    x += 1.0
    assert before.tolist() == [1.0]
    assert gd.grad(x.sum(), before).tolist() == [1.0]


def test_the_derivative_of_both_operands_of_every_operator() -> None:
    a, b = (gd.tensor(np.array(v), requires_grad=True) for v in (3.0, 2.0))
    expected = {
        operator.add: (1.0, 1.0),
        operator.sub: (1.0, -1.0),
        operator.mul: (2.0, 3.0),
        operator.truediv: (0.5, -0.75),
        operator.pow: (6.0, 9.0 * np.log(3.0)),
    }
    for op, slopes in expected.items():
        assert [g.item() for g in gd.grad(op(a, b), [a, b])] == pytest.approx(slopes, rel=1e-15)


def test_comparison_gives_tensors_and_membership_in_sets_goes_by_identity() -> None:
    t, same = gd.tensor([1.0, 2.0]), gd.tensor([1.0, 2.0])
    assert (t == same).tolist() == [True, True]
    assert t in {t}
    assert t not in {same}
    assert {t: "t"}[t] == "t"
    assert any(t is x for x in [same, t])


def test_membership_in_a_list_asks_for_a_truth_that_several_numbers_have_not() -> None:
    with pytest.raises(ShapeError, match="one element"):
        [gd.tensor([1.0, 2.0])].index(gd.tensor([1.0, 2.0]))


# ── Reading ─────────────────────────────────────────────────────────────────────────────────────


def test_numpy_is_a_read_only_view() -> None:
    t = gd.tensor([1.0, 2.0])
    with pytest.raises(ValueError, match="read-only"):
        t.numpy()[0] = 5.0
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(t)[0] = 5.0
    own = np.array(t)
    own[0] = 5.0
    assert t.tolist() == [1.0, 2.0]


def test_numpy_functions_read_tensors() -> None:
    t = gd.tensor([1.0, 3.0])
    assert np.mean(np.asarray(t)) == 2.0
    assert np.asarray(t, dtype=np.float64).dtype == np.float64
    assert np.stack([t, t]).shape == (2, 2)


def test_numbers_come_out_as_python_numbers() -> None:
    assert type(gd.tensor(2.5).item()) is float
    assert type(gd.tensor([[3]]).item()) is int
    assert (float(gd.tensor(2.5)), int(gd.tensor(2.5)), bool(gd.tensor(0))) == (2.5, 2, False)
    assert f"{gd.tensor(2.5):.3f}" == "2.500"
    assert list(range(gd.tensor(2))) == [0, 1]
    with pytest.raises(DtypeError, match="an index is an integer"):
        range(gd.tensor(2.0))  # type: ignore[arg-type]


def test_iteration_goes_over_the_first_axis_and_keeps_the_record() -> None:
    x = gd.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    first, second = x
    assert (first.tolist(), second.tolist()) == ([1.0, 2.0], [3.0, 4.0])
    assert gd.grad(second.sum(), x).tolist() == [[0.0, 0.0], [1.0, 1.0]]
    assert len(x) == 2


def test_the_text_says_value_dtype_and_origin() -> None:
    x = gd.tensor([1.0, 2.0], requires_grad=True)
    assert repr(x) == "tensor([1., 2.], requires_grad=True)"
    assert repr(x * 2) == "tensor([2., 4.], from=multiply)"
    assert repr(gd.tensor(np.array(1.5))) == "tensor(1.5, dtype=float64)"
    assert repr(gd.tensor([True])) == "tensor([ True])"
    assert len(repr(gd.zeros((1000, 1000)))) < 1000


# ── Changing ────────────────────────────────────────────────────────────────────────────────────


def test_assigning_keeps_identity_dtype_and_role() -> None:
    w = gd.tensor([1.0, 2.0], requires_grad=True)
    w.assign(np.array([3.0, 4.0]))
    w[0] = 5
    w[gd.tensor([False, True])] = 6.0
    assert w.tolist() == [5.0, 6.0]
    assert str(w.dtype) == "float32"
    assert gd.grad((w**2).sum(), w).tolist() == [10.0, 12.0]
    with pytest.raises(ShapeError, match=r"shape of the old one, \(2,\); received \(3,\)"):
        w.assign([1.0, 2.0, 3.0])


def test_a_view_taken_before_an_assignment_keeps_the_old_numbers() -> None:
    w = gd.tensor([[1.0, 2.0]])
    turned, array = w.T, w.numpy()
    w.assign([[3.0, 4.0]])
    assert turned.tolist() == [[1.0], [2.0]]
    assert array.tolist() == [[1.0, 2.0]]


def test_the_recorded_result_of_an_operation_cannot_be_changed() -> None:
    y = gd.tensor([1.0], requires_grad=True) * 2.0
    for change in (lambda: y.assign([5.0]), lambda: operator.setitem(y, 0, 5.0)):
        with pytest.raises(GradientError, match=r"cannot be changed in place.*detach"):
            change()
    free = y.detach()
    free[0] = 5.0
    assert (free.tolist(), y.tolist()) == ([5.0], [2.0])


def test_a_stale_operand_is_refused_when_differentiating() -> None:
    x = gd.tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    x[0] = 10.0
    with pytest.raises(GradientError, match="operand of multiply was changed in place"):
        y.backward()
    assert x.grad is None
    assert gd.grad((x * x).sum(), x).tolist() == [20.0, 4.0], "a new computation is fine"


def test_a_stale_constant_operand_is_refused_as_well() -> None:
    x, c = gd.tensor([1.0], requires_grad=True), gd.tensor([3.0])
    y = (x * c).sum()
    c.assign([4.0])
    with pytest.raises(GradientError, match="changed in place"):
        y.backward()


def test_only_floats_ask_for_derivatives() -> None:
    for make in (
        lambda: gd.tensor([1], requires_grad=True),
        lambda: gd.tensor([True]).requires_grad_(),
    ):
        with pytest.raises(GradientError, match="only floating-point tensors"):
            make()
    assert not gd.tensor([1.0], requires_grad=True).requires_grad_(False).requires_grad


# ── What is recorded ────────────────────────────────────────────────────────────────────────────


def test_a_record_says_operation_inputs_and_parameters() -> None:
    x = gd.tensor([[1.0, 2.0]], requires_grad=True)
    record = ops.sum(x, axis=-1).record
    assert record is not None
    assert (record.op, record.inputs, record.params) == (
        ops.sum,
        (x,),
        {"axis": (1,), "keepdims": False},
    )


def test_nothing_is_recorded_for_constants() -> None:
    y = gd.tensor([1.0]) * gd.tensor([2.0])
    assert y.record is None
    assert not y.requires_grad


def test_no_grad_records_nothing_as_block_and_as_decorator() -> None:
    x = gd.tensor([1.0], requires_grad=True)

    @gd.no_grad()
    def double(t: gd.Tensor, depth: int = 2) -> gd.Tensor:
        return double(t, depth - 1) if depth else t * 2.0

    with gd.no_grad():
        inside = x * 2.0
        with gd.no_grad():
            pass
        still_inside = x * 2.0
    for y in (inside, still_inside, double(x)):
        assert not y.requires_grad
        assert y.record is None
    assert (x * 2.0).requires_grad, "recording goes on afterwards"


def test_recording_goes_on_after_an_error_in_no_grad() -> None:
    with pytest.raises(ZeroDivisionError), gd.no_grad():
        1 / 0
    assert (gd.tensor([1.0], requires_grad=True) * 2.0).requires_grad


def test_no_grad_of_one_thread_does_not_reach_another() -> None:
    x, entered, release = gd.tensor([1.0], requires_grad=True), threading.Event(), threading.Event()

    @gd.no_grad()
    def wait() -> None:
        entered.set()
        release.wait(10)

    thread = threading.Thread(target=wait)
    thread.start()
    assert entered.wait(10)
    assert (x * 2.0).requires_grad
    decorated_here = gd.no_grad()(lambda: (x * 2.0).requires_grad)
    assert decorated_here() is False
    release.set()
    thread.join()
    assert (x * 2.0).requires_grad


def test_one_decorated_function_may_run_in_two_threads() -> None:
    x, inside, leave = gd.tensor([1.0], requires_grad=True), threading.Event(), threading.Event()
    recorded: list[bool] = []

    @gd.no_grad()
    def step(body: Callable[[], object]) -> None:
        body()

    def wait() -> None:
        inside.set()
        leave.wait(10)

    def first_thread() -> None:
        step(wait)
        recorded.append((x * 2.0).requires_grad)

    def let_the_first_leave() -> None:
        leave.set()
        thread.join()

    thread = threading.Thread(target=first_thread)
    thread.start()
    assert inside.wait(10)
    with gd.no_grad():
        step(let_the_first_leave)  # entered last, left last
        assert not (x * 2.0).requires_grad
    assert recorded == [True]


def test_detach_shares_the_value_and_cuts_the_record() -> None:
    x = gd.tensor(3.0, requires_grad=True)
    y = x * x.detach()
    assert gd.grad(y, x).item() == 3.0
    assert not x.detach().requires_grad


@pytest.mark.parametrize("make", [gd.zeros, gd.ones, lambda n: gd.full(n, 2), gd.arange])
def test_every_maker_gives_a_tensor_that_a_compiled_function_reads_anew(make: Any) -> None:
    w = make(3)
    double = gd.compile(lambda x: x + w)
    double(gd.tensor([1.0, 1.0, 1.0]))
    w.assign(np.array([5, 6, 7]))
    assert double(gd.tensor([1.0, 1.0, 1.0])).tolist() == [6, 7, 8]


def test_a_tensor_of_integers_cannot_ask_for_gradients_by_its_field_either() -> None:
    t = gd.tensor([1, 2])
    with pytest.raises(GradientError, match="floating-point"):
        t.requires_grad = True


def test_a_tensor_is_not_equal_to_none_or_text() -> None:
    t = gd.tensor([1.0, 2.0])
    assert (t == None, t != None, t == "a") == (False, True, False)  # noqa: E711


def test_arange_of_python_floats_is_float32() -> None:
    assert gd.arange(0, 1, 0.25).dtype == np.float32
    assert gd.arange(3).dtype == np.int64
