"""Differentiation: orders, errors, memory, and the checker itself."""

from __future__ import annotations

import gc
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import ops
from gradus.compiler import trace
from gradus.errors import DtypeError, GradientError, ShapeError, TraceError
from gradus.ops.primitive import Draw


def leaf(value: Any) -> gd.Tensor:
    return gd.tensor(np.array(value, dtype=float), requires_grad=True)


# ── backward ────────────────────────────────────────────────────────────────────────────────────


def test_the_lectures_example() -> None:
    a, b, w, t = (gd.tensor(v, requires_grad=True) for v in (1.0, 2.0, 2.0, 4.0))
    L = ((a + b) * w - t) ** 2 + w**2
    L.backward()
    assert [x.grad.item() for x in (a, b, w, t)] == [8.0, 8.0, 16.0, -4.0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_have_the_type_of_what_they_belong_to(dtype: str) -> None:
    w, b = gd.ones((3, 2), dtype).requires_grad_(), gd.ones((), dtype).requires_grad_()
    ((gd.ones((4, 3), dtype) @ w + b) ** 2).mean().backward()
    assert w.grad is not None
    assert b.grad is not None
    assert (w.grad.type, b.grad.type) == (w.type, b.type)


def test_a_float32_leaf_of_a_float64_result_gets_a_float32_gradient() -> None:
    x = gd.tensor([1.0, 2.0], requires_grad=True)
    (x * np.array([0.1, 0.2])).sum().backward()
    assert x.grad is not None
    assert x.grad.numpy() == pytest.approx(np.float32([0.1, 0.2]), rel=0)
    assert str(x.grad.dtype) == "float32"


def test_backward_adds_up_until_grad_is_taken_away() -> None:
    x = leaf(3.0)
    (x**2).backward()
    (x**2).backward()
    assert x.grad is not None
    assert x.grad.item() == 12.0
    x.grad = None
    y = x**2
    y.backward()
    y.backward()  # the record is kept: twice is allowed
    assert x.grad.item() == 12.0


def test_backward_reaches_leaves_only_and_leaves_no_record_in_grad() -> None:
    x = leaf(2.0)
    middle = x * x
    (middle * 3.0).backward()
    assert middle.grad is None
    assert x.grad is not None
    assert x.grad.record is None


def test_backward_of_a_leaf_is_one() -> None:
    x = leaf(2.0)
    x.backward()
    assert x.grad is not None
    assert x.grad.item() == 1.0
    assert gd.grad(x, x).item() == 1.0


def test_a_given_gradient_starts_the_chain() -> None:
    x = leaf([1.0, 2.0])
    (x * 3.0).backward([1.0, 10.0])
    assert x.grad is not None
    assert x.grad.tolist() == [3.0, 30.0]
    with pytest.raises(ShapeError, match=r"output's type, float64\[2\]; received float64\[3\]"):
        (x * 3.0).backward([1.0, 2.0, 3.0])


# ── Errors ──────────────────────────────────────────────────────────────────────────────────────


def test_several_numbers_are_not_a_loss() -> None:
    x = leaf([1.0, 2.0])
    for run in (lambda: (x * 2).backward(), lambda: gd.grad(x * 2, x)):
        with pytest.raises(ShapeError, match=r"single number.*float64\[2\].*\.sum\(\)"):
            run()
    assert gd.grad((x * 2).sum().reshape(1, 1), x).tolist() == [2.0, 2.0]


def test_an_output_of_constants_has_no_gradient() -> None:
    with pytest.raises(GradientError, match="requires_grad=True"):
        (gd.tensor(1.0) * 2).backward()
    with gd.no_grad():
        y = leaf(1.0) * 2
    with pytest.raises(GradientError, match="outside no_grad"):
        y.backward()


def test_what_has_no_derivative_says_so_and_the_remedies_work() -> None:
    x = leaf([0.3, -2.0])
    with pytest.raises(GradientError, match=r"sign has no derivative.*tanh.*x\.detach\(\)"):
        ops.sign(x).sum().backward()
    assert np.isfinite(gd.grad(ops.tanh(x).sum(), x).numpy()).all()
    assert gd.grad((x * ops.sign(x.detach())).sum(), x).tolist() == [1.0, -1.0]


def test_positions_comparisons_and_integers_end_the_chain() -> None:
    x = leaf([0.3, -2.0])
    for y in (x.argmax(), x > 0, x.astype("int64"), ops.isfinite(x)):
        assert not y.requires_grad
        with pytest.raises(GradientError, match="detach, comparisons and integers"):
            y.sum().backward()
    # The remedy: take the element at the position.
    assert gd.grad(x[x.argmax()], x).tolist() == [1.0, 0.0]


def test_inputs_that_ask_for_no_derivative_are_named() -> None:
    x, c = leaf(1.0), gd.tensor(2.0)
    with pytest.raises(GradientError, match=r"input 1: tensor\(2\.\).*requires_grad=True"):
        gd.grad(x * c, [x, c])


def test_unused_inputs_are_an_error_or_zeros() -> None:
    x, unused = leaf(1.0), leaf([1.0, 2.0])
    with pytest.raises(GradientError, match=r"does not depend on input 1.*allow_unused"):
        gd.grad(x * 2, [x, unused])
    gx, gu = gd.grad(x * 2, [x, unused], allow_unused=True)
    assert (gx.item(), gu.tolist()) == (2.0, [0.0, 0.0])
    assert gd.grad(gd.tensor(1.0), x, allow_unused=True).item() == 0.0


# ── Orders ──────────────────────────────────────────────────────────────────────────────────────


def test_the_derivatives_of_x_to_the_fourth() -> None:
    x = leaf(2.0)
    y = x**4
    for expected in (32.0, 48.0, 48.0, 24.0, 0.0):
        y = gd.grad(y, x, create_graph=True, allow_unused=True)
        assert y.item() == pytest.approx(expected, rel=1e-14)


def test_without_create_graph_a_gradient_is_a_constant() -> None:
    x = leaf(2.0)
    assert not gd.grad(x**3, x).requires_grad
    assert gd.grad(x**3, x, create_graph=True).requires_grad


def test_gradients_of_intermediate_results_and_of_leaves_together() -> None:
    x = leaf(2.0)
    middle = x**2
    out = middle**3 + x
    by_middle, by_x, again = gd.grad(out, [middle, x, x])
    assert by_middle.item() == 3 * 4.0**2
    assert by_x.item() == again.item() == 3 * 4.0**2 * 4.0 + 1.0
    assert gd.grad(out, out).item() == 1.0


def rosenbrock(x: gd.Tensor) -> gd.Tensor:
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


def hessian(function: Any, x: gd.Tensor) -> np.ndarray:
    slope = gd.grad(function(x), x, create_graph=True)
    return np.stack([gd.grad(slope[i], x).numpy() for i in range(x.size)])


def test_hessian_vector_products_agree_with_the_explicit_hessian() -> None:
    x = leaf([0.5, -1.0, 2.0, 0.1])
    H = hessian(rosenbrock, x)
    a, b = 0.5, -1.0
    assert H[0, 0] == pytest.approx(1200 * a**2 - 400 * b + 2, rel=1e-13)
    assert pytest.approx(H.T, rel=1e-13) == H
    for v in (*np.eye(4), np.array([1.0, -2.0, 0.5, 3.0])):
        assert gd.hvp(rosenbrock(x), [x], [v])[0].numpy() == pytest.approx(H @ v, rel=1e-12)


def test_hessian_vector_products_over_several_inputs() -> None:
    a, b = leaf(2.0), leaf([1.0, 3.0])
    Hv = gd.hvp((a * b**2).sum(), [a, b], [1.0, [1.0, 0.0]])
    # L = a Σ b²: ∂a∂a = 0, ∂a∂b = 2b, ∂b∂b = 2a.
    assert Hv[0].item() == 2.0
    assert Hv[1].tolist() == [2.0 + 4.0, 6.0]
    assert gd.hvp(a * 3.0, [a], [1.0])[0].item() == 0.0, "a straight line does not bend"


# ── Work done once, memory given back ───────────────────────────────────────────────────────────


def test_shared_computations_of_a_diamond_are_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: Counter[str] = Counter()
    for name in ("tanh", "sin"):
        op = getattr(ops, name)
        forward, rule = op.forward, op.gradient_rule

        def counted_forward(*a: Any, f: Any = forward, n: str = name, **k: Any) -> Any:
            calls[f"{n} forward"] += 1
            return f(*a, **k)

        def counted_rule(*a: Any, f: Any = rule, n: str = name, **k: Any) -> Any:
            calls[f"{n} gradient"] += 1
            return f(*a, **k)

        monkeypatch.setattr(op, "forward", counted_forward)
        monkeypatch.setattr(op, "gradient_rule", counted_rule)
    x = leaf(0.5)
    y = ops.tanh(x)
    for _ in range(10):  # 2¹⁰ ways lead from the top to the bottom
        y = y + y
    z = ops.sin(y) * y
    gd.grad(z, x)
    assert calls == {"tanh forward": 1, "tanh gradient": 1, "sin forward": 1, "sin gradient": 1}


def test_branches_that_reach_no_input_are_not_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    x, other = leaf(0.5), leaf(0.5)
    y = x * 2.0 + ops.sin(other)
    monkeypatch.setattr(ops.sin, "gradient_rule", lambda *_: pytest.fail("walked"))
    assert gd.grad(y, x).item() == 2.0


def test_a_chain_of_a_hundred_thousand_nodes_is_differentiated_and_freed() -> None:
    x = gd.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = -y
    first = weakref.ref(y.record.inputs[0])
    assert gd.grad(y, x).item() == 1.0
    del y
    gc.collect()
    assert first() is None


def test_intermediate_results_die_with_the_output_without_the_collector() -> None:
    x = leaf([1.0, 2.0])
    middle = ops.exp(x)
    seen = weakref.ref(middle)
    y = (middle * middle).sum()
    del middle
    assert seen() is not None
    gd.grad(y, x)
    gc.disable()  # no cycle may hold them: memory comes back at once
    try:
        del y
        assert seen() is None
    finally:
        gc.enable()


def test_nothing_is_kept_under_no_grad() -> None:
    x = leaf([1.0, 2.0])
    with gd.no_grad():
        middle = ops.exp(x)
        seen = weakref.ref(middle)
        y = middle * 2.0
        del middle
    assert seen() is None
    assert y.record is None


def test_a_gradient_without_create_graph_keeps_nothing() -> None:
    x = leaf([1.0, 2.0])
    y = (x**2).sum()
    gradient, output = gd.grad(y, x), weakref.ref(y)
    del y
    assert output() is None
    assert gradient.record is None


# ── Broadcasting ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("shape", [(), (1,), (4,), (1, 4), (3, 1), (3, 4), (1, 1, 1), (2, 1, 4)])
def test_a_gradient_is_summed_back_to_the_operands_shape(shape: tuple[int, ...]) -> None:
    x = gd.ones(shape, "float64").requires_grad_()
    wide = np.broadcast_shapes(shape, (2, 3, 4))
    gradient = gd.grad((x + np.zeros((2, 3, 4))).sum(), x)
    assert gradient.shape == shape
    assert gradient.numpy() == pytest.approx(np.full(shape, np.prod(wide) / max(x.size, 1)))


def test_an_empty_batch_gives_zero_gradients() -> None:
    w = gd.ones((3, 2)).requires_grad_()
    assert gd.grad((gd.zeros((0, 3)) @ w).sum(), w).tolist() == [[0.0, 0.0]] * 3


# ── Slices ──────────────────────────────────────────────────────────────────────────────────────

# How a (4, 6) tensor is cut up, and by which operation its gradient is put together.
CUTS: dict[str, tuple[Callable[[gd.Tensor], list[gd.Tensor]], str]] = {
    "in columns": (lambda x: [x[:, k] for k in range(6)], "concat"),
    "in unequal pieces, last first": (lambda x: [x[3:], x[:1], x[1:3]], "concat"),
    "a piece twice": (lambda x: [x[:2], x[2:], x[:2] * 3.0], "concat"),
    "all columns but the last": (lambda x: [x[:, k] for k in range(5)], "concat unslice"),
    "a single piece": (lambda x: [x[:, 1:]], "unslice"),
    "with a gap": (lambda x: [x[:, :2], x[:, 3:]], "unslice"),
    "overlapping": (lambda x: [x[:, :4], x[:, 3:]], "unslice"),
    "every other": (lambda x: [x[:, ::2], x[:, 1::2]], "unslice"),
    "backwards": (lambda x: [x[1::-1], x[2:]], "unslice"),
    "along both axes": (lambda x: [x[:2, :3], x[:2, 3:], x[2:]], "unslice"),
    "and whole": (lambda x: [x[:2], x, x[2:]], "concat"),
    "an empty one, too": (lambda x: [x[:0], x[:2], x[2:], x[4:]], "concat"),
}


@pytest.mark.parametrize("name", CUTS)
def test_gradients_of_slices_are_put_together_again(name: str) -> None:
    cut, expected = CUTS[name]
    x = Draw()(4, 6)

    def function(t: gd.Tensor) -> gd.Tensor:
        return ops.concat([((k + 1.0) * p * p).reshape(-1) for k, p in enumerate(cut(t))])

    assert gd.gradcheck(function, [x], order=2, rtol=1e-6, atol=1e-8)
    leaf = gd.tensor(x, requires_grad=True)
    graph = trace(lambda t: gd.grad(function(t).sum(), t), leaf).graph
    used = {n.op.name for n in graph.nodes if n.op is not None}
    assert used & {"concat", "unslice"} == set(expected.split())


def test_the_gradient_of_a_sequence_read_step_by_step_grows_with_its_length_alone() -> None:
    def numbers(steps: int) -> int:
        leaf = gd.zeros((2, steps), "float64").requires_grad_()

        def slope(x: gd.Tensor) -> gd.Tensor:
            return gd.grad(sum((ops.sin(x[:, t]).sum() for t in range(steps)), gd.zeros(())), x)

        return sum(n.type.size for n in trace(slope, leaf).graph.nodes)

    assert numbers(400) < 4.5 * numbers(100)


# ── The checker ─────────────────────────────────────────────────────────────────────────────────


def test_the_checker_agrees_with_right_gradients() -> None:
    assert gd.gradcheck(lambda a, b: (a @ b).tanh(), [np.eye(2), np.full((2, 1), 0.3)], order=2)
    assert gd.gradcheck(lambda x: ops.exp(x).sum(), [np.array([0.1, 0.2])], order=3, rtol=1e-5)
    assert gd.gradcheck(lambda x: x * 2.0, [gd.tensor(np.zeros((0, 3)))])


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (lambda dy, y, a, b: (dy * b, dy * b), "the other operand"),
        (lambda dy, y, a, b: (dy, dy), "a forgotten factor"),
        (lambda dy, y, a, b: (dy * b, -(dy * a)), "a sign"),
        (lambda dy, y, a, b: (dy * b, None), "a missing part"),
        (lambda dy, y, a, b: (dy * b * (1.0 + 1e-7), dy * a), "one part in ten million"),
        (lambda dy, y, a, b: (dy * b * np.nan, dy * a), "not a number"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_the_checker_finds_planted_wrong_gradients(
    monkeypatch: pytest.MonkeyPatch, wrong: Any, what: str
) -> None:
    monkeypatch.setattr(ops.multiply, "gradient_rule", wrong)
    with pytest.raises(GradientError, match=r"finite differences.*input \d, place \(\d,\)"):
        gd.gradcheck(lambda a, b: a * b, [np.array([0.5, 2.0]), np.array([3.0, -1.0])])


def test_the_checker_finds_a_gradient_of_the_wrong_order(monkeypatch: pytest.MonkeyPatch) -> None:
    # Right at first order; its own derivative is lost, because y is a constant to it.
    monkeypatch.setattr(ops.exp, "gradient_rule", lambda dy, y, x: dy * y.detach())
    assert gd.gradcheck(ops.exp, [np.array([0.3])])
    with pytest.raises(GradientError):
        gd.gradcheck(ops.exp, [np.array([0.3])], order=2)


def test_the_checker_finds_a_kink_nearby() -> None:
    with pytest.raises(GradientError, match="move the input away from a kink"):
        gd.gradcheck(ops.abs, [np.array([1e-4])])


def test_the_checker_refuses_float32_and_integers() -> None:
    for x in (np.float32([1.0]), np.array([1])):
        with pytest.raises(DtypeError, match="need float64"):
            gd.gradcheck(ops.exp, [x])


def test_the_checker_leaves_its_inputs_alone() -> None:
    x = np.array([0.3, 0.4])
    gd.gradcheck(ops.exp, [x])
    assert x.tolist() == [0.3, 0.4]


def test_a_loop_of_gradients_does_not_walk_its_whole_past() -> None:
    theta = gd.tensor(4.0, requires_grad=True)
    for _ in range(50):
        theta = theta - 0.1 * gd.grad(theta**2, theta)
    loss = theta**2
    assert len(gd.autodiff._path(loss, {theta})) == 1  # the square alone
    assert abs(theta.item()) < 1e-3


def test_an_update_in_place_keeps_the_parameter_that_pytorchs_idiom_updates() -> None:
    w = gd.tensor([2.0], requires_grad=True)
    same = w
    for _ in range(3):
        (w * w).sum().backward()
        assert w.grad is not None
        with gd.no_grad():
            w -= 0.25 * w.grad
        w.grad = None
    assert w is same
    assert w.tolist() == [0.25]


def test_backward_inside_a_compiled_function_is_refused_with_the_remedy() -> None:
    w = gd.tensor([2.0], requires_grad=True)
    with pytest.raises(TraceError, match=r"return gd\.grad"):
        gd.compile(lambda x: (w * x).sum().backward())(gd.tensor([1.0]))
    assert w.grad is None


def test_the_gradient_of_something_that_is_no_tensor_is_refused() -> None:
    x = gd.tensor(1.0, requires_grad=True)
    with pytest.raises(GradientError, match="input 0"):
        gd.grad(x * 2.0, [np.ones(3)])


def test_the_operation_that_made_a_target_is_not_differentiated() -> None:
    z = gd.tensor(2.0, requires_grad=True)
    step = ops.sign(z)  # has no derivative, and none is asked for
    assert gd.grad(step * z, step).item() == 2.0
    with pytest.raises(GradientError, match="sign has no derivative"):
        gd.grad(step * z, z)


def test_a_matrix_that_a_whole_stack_meets_gets_its_gradient_from_one_product() -> None:
    w = gd.tensor(np.ones((4, 3)), requires_grad=True)

    def gradient(x: gd.Tensor) -> gd.Tensor:
        return gd.grad(ops.square(x @ w).sum(), w)

    graph = trace(gradient, gd.zeros((6, 5, 4), "float64")).graph
    shapes = [n.type.shape for n in graph.nodes if n.op is not None and n.op.name == "matmul"]
    assert shapes == [(6, 5, 3), (4, 3)]
