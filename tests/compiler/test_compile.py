"""``gd.compile``: the function's own numbers, gradients and draws; retraced just where needed."""

from __future__ import annotations

import contextlib
import functools
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import nn, ops
from gradus.compiler import ReferenceExecutor
from gradus.compiler.settings import settings
from gradus.errors import ArgumentError, DtypeError, GradientError, TraceError
from gradus.modes import current_trace

X = gd.tensor([[1.0, -2.0, 3.0], [0.5, 0.0, -1.0]])


class Counted:
    """A compiled function, and how many times it was traced."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.traces = 0

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.traces += 1
            return function(*args, **kwargs)

        self.compiled = gd.compile(counted)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.compiled(*args, **kwargs)


# ── What it computes ────────────────────────────────────────────────────────────────────────────


def test_nested_arguments_and_results_keep_their_nesting() -> None:
    Pair = namedtuple("Pair", "left right")

    def f(tree: dict[str, Any], last: Any) -> Any:
        a, (b, c) = tree["a"], tree["rest"]
        return Pair({"sum": a + b}, [(c * last, None, "text"), ()])

    found = gd.compile(f)({"a": X, "rest": (X, [X][0])}, last=2.0)
    assert type(found).__name__ == "Pair"
    assert np.array_equal(found.left["sum"].numpy(), (X + X).numpy())
    assert np.array_equal(found.right[0][0].numpy(), (X * 2.0).numpy())
    assert found.right[0][1:] == (None, "text")
    assert found.right[1] == ()


def test_arrays_and_numpy_scalars_are_inputs() -> None:
    f = Counted(lambda x, k: x * k)
    assert f(np.ones(2), np.float64(3.0)).tolist() == [3.0, 3.0]
    assert f(np.ones(2), np.float64(4.0)).tolist() == [4.0, 4.0]
    assert f.traces == 1


def test_a_function_may_return_what_it_was_given() -> None:
    assert gd.compile(lambda x: {"same": x, "twice": x})(X)["same"].tolist() == X.tolist()


def test_a_compiled_function_may_use_another() -> None:
    inner = gd.compile(lambda x: ops.tanh(x) * 2.0)
    outer = gd.compile(lambda x: inner(x).sum() + 1.0)
    assert outer(X).item() == ((ops.tanh(X) * 2.0).sum() + 1.0).item()


def test_a_method_may_be_compiled() -> None:
    class Scale:
        def __init__(self, factor: float) -> None:
            self.factor = factor

        @gd.compile
        def apply(self, x: gd.Tensor) -> gd.Tensor:
            """Scale it."""
            return x * self.factor

    two, three = Scale(2.0), Scale(3.0)
    assert two.apply(X).tolist() == (X * 2.0).tolist()
    assert three.apply(X).tolist() == (X * 3.0).tolist()
    assert gd.compile(two.apply)(X).tolist() == (X * 2.0).tolist()
    assert Scale.apply.__doc__ == "Scale it."


def test_a_module_may_be_compiled() -> None:
    net = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    assert np.array_equal(gd.compile(net)(X).numpy(), net(X).numpy())


def test_an_executor_of_ones_own_runs_the_graph() -> None:
    class Noting(ReferenceExecutor):
        graphs: list[Any] = []

        def prepare(self, graph: Any) -> Any:
            self.graphs.append(graph)
            return super().prepare(graph)

    executor = Noting()
    assert gd.compile(lambda x: x + 1.0, executor=executor)(X).tolist() == (X + 1.0).tolist()
    assert len(executor.graphs) == 1


def test_an_executor_has_a_name() -> None:
    named = gd.compile(lambda x: x + 1.0, executor="auto")
    assert named(X).tolist() == (X + 1.0).tolist()
    with pytest.raises(ArgumentError, match="executor is one of auto, reference, native"):
        gd.compile(lambda x: x, executor="fast")


def test_the_graph_of_a_call_is_the_optimised_one() -> None:
    graph = gd.compile(lambda x: (ops.exp(x) + ops.exp(x)) * 1.0).graph(X)
    assert [n.op.name for n in graph.nodes if n.op is not None] == ["exp", "add"]


# ── What it reads anew ──────────────────────────────────────────────────────────────────────────


def test_captured_weights_are_read_at_every_call() -> None:
    w = gd.tensor(2.0)
    f = Counted(lambda x: x * w)
    assert f(X).tolist() == (X * 2.0).tolist()
    w.assign(3.0)
    assert f(X).tolist() == (X * 3.0).tolist()
    assert f.traces == 1


def test_weights_set_by_hand_are_seen() -> None:
    net = nn.Sequential(nn.Linear(3, 2, bias=False), nn.Tanh())
    f = Counted(lambda x: net(x))
    f(X)
    net[0].weight = np.zeros((2, 3), np.float32)
    assert f(X).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert f.traces == 1


def test_another_tensor_under_the_name_is_seen() -> None:
    w = gd.tensor(2.0)
    f = gd.compile(lambda x: x * w)
    f(X)
    w = gd.tensor(5.0)
    assert f(X).tolist() == (X * 5.0).tolist()


def test_another_network_under_the_name_is_seen() -> None:
    net = nn.Linear(3, 2)
    f = gd.compile(lambda x: net(x))
    f(X)
    net = nn.Linear(3, 4)
    assert np.array_equal(f(X).numpy(), net(X).numpy())


def test_another_number_under_the_name_is_seen() -> None:
    k = 2.0
    f = gd.compile(lambda x: x * k)
    f(X)
    k = 5.0
    assert f(X).tolist() == (X * 5.0).tolist()


def test_a_global_that_is_bound_anew_is_seen() -> None:
    space: dict[str, Any] = {"w": gd.tensor(2.0)}
    exec("def f(x):\n    return (lambda: x * w)()", space)
    f = gd.compile(space["f"])
    f(X)
    space["w"] = gd.tensor(5.0)
    assert f(X).tolist() == (X * 5.0).tolist()


def test_freezing_a_weight_is_seen() -> None:
    w = gd.tensor(2.0, requires_grad=True)
    f = gd.compile(lambda x: x * w)
    assert f(X).requires_grad
    w.requires_grad_(False)
    assert not f(X).requires_grad
    w.requires_grad_()
    gd.backward(f(X).sum())
    assert w.grad is not None


# ── When it traces ──────────────────────────────────────────────────────────────────────────────


def test_values_do_not_retrace() -> None:
    f = Counted(lambda x: x * 2.0)
    for k in range(5):
        f(X + float(k))
    assert f.traces == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros(2), np.zeros(2, np.float32)),
        (2, 3),
        (1, 1.0),
        (1, True),
        (0.0, -0.0),
        ("a", "b"),
        ((X,), [X]),
        ([], ()),
        ({}, None),
        ({"a": X}, {"b": X}),
        (X, gd.tensor(X, requires_grad=True)),
        (np.zeros(()), 0.0),
    ],
)
def test_another_kind_of_argument_retraces(one: Any, other: Any) -> None:
    f = Counted(lambda x, option: ops.exp(x))
    for option in (one, other, one, other):
        f(X, option)
    assert f.traces == 2


@pytest.mark.parametrize(
    ("one", "other"), [(0.0, -0.0), (2, 3), (1, 1.0), (1, True), ("a", "b"), ((1,), (True,))]
)
def test_another_setting_of_a_module_makes_it_another(one: Any, other: Any) -> None:
    def with_setting(value: Any) -> Any:
        module = nn.ReLU()
        module.setting = value  # type: ignore[assignment]
        return settings(module)

    assert with_setting(one) != with_setting(other)
    assert with_setting(one) == with_setting(one)
    assert with_setting(float("nan")) == with_setting(float("nan"))


def test_nan_as_an_argument_does_not_retrace_for_ever() -> None:
    f = Counted(lambda x, fill: x * fill)
    for _ in range(3):
        f(X, float("nan"))
    assert f.traces == 1


def test_minus_zero_is_not_taken_for_zero() -> None:
    f = gd.compile(lambda x, zero: ops.divide(x, x * 0.0 + zero))
    one = gd.tensor(1.0)
    assert f(one, 0.0).item() == np.inf
    g = gd.compile(lambda x, zero: ops.divide(x, zero))
    assert g(one, 0.0).item() == np.inf
    assert g(one, -0.0).item() == -np.inf


def test_the_result_has_the_container_of_its_own_call() -> None:
    f = gd.compile(lambda tree: tree)
    assert isinstance(f((X,)), tuple)
    assert isinstance(f([X]), list)


def test_python_numbers_are_part_of_the_program() -> None:
    f = gd.compile(lambda x, n: x[:, :n])
    assert f(X, 1).shape == (2, 1)
    assert f(X, 2).shape == (2, 2)


def test_no_grad_traces_once_more_and_records_nothing() -> None:
    w = gd.tensor(2.0, requires_grad=True)
    f = Counted(lambda x: x * w)
    assert f(X).requires_grad
    with gd.no_grad():
        assert not f(X).requires_grad
    assert f(X).requires_grad
    assert f.traces == 2


# ── Modes, draws and state ──────────────────────────────────────────────────────────────────────


def dropped(f: Callable[..., gd.Tensor]) -> list[float]:
    return f(gd.ones(64)).tolist()


def test_dropout_draws_differ_from_call_to_call_and_repeat_from_the_seed() -> None:
    drop = nn.Dropout(0.5)
    f = Counted(lambda x: drop(x))
    gd.manual_seed(1)
    first, second = dropped(f), dropped(f)
    assert first != second
    gd.manual_seed(1)
    assert [dropped(f), dropped(f)] == [first, second]
    gd.manual_seed(2)
    assert dropped(f) != first
    assert f.traces == 1


def test_draws_inside_one_call_differ() -> None:
    drop = nn.Dropout(0.5)
    a, b = gd.compile(lambda x: (drop(x), drop(x)))(gd.ones(64))
    assert a.tolist() != b.tolist()


def test_the_mode_of_a_module_is_seen() -> None:
    net = nn.Sequential(nn.Dropout(0.5))
    f = Counted(lambda x: net(x))
    assert 0.0 in dropped(f)
    net.eval()
    assert dropped(f) == [1.0] * 64
    net.train()
    assert 0.0 in dropped(f)
    assert f.traces == 2


def test_the_mode_of_a_module_among_the_arguments_is_seen() -> None:
    net = nn.Dropout(0.5)
    f = gd.compile(lambda module, x: module(x))
    assert 0.0 in f(net, gd.ones(64)).tolist()
    assert f(net.eval(), gd.ones(64)).tolist() == [1.0] * 64


class Holder:
    def __init__(self, net: nn.Module) -> None:
        self.net = net

    def apply(self, x: gd.Tensor) -> gd.Tensor:
        return self.net(x)


def test_the_mode_of_a_module_in_a_field_is_seen() -> None:
    holder = Holder(nn.Dropout(0.5))
    f = gd.compile(holder.apply)
    assert 0.0 in dropped(f)
    holder.net.eval()
    assert dropped(f) == [1.0] * 64


def test_the_mode_of_a_module_behind_a_partial_is_seen() -> None:
    net = nn.Dropout(0.5)
    f = gd.compile(functools.partial(lambda module, x: module(x), net))
    assert 0.0 in dropped(f)
    net.eval()
    assert dropped(f) == [1.0] * 64


@pytest.mark.parametrize("way", ["closure", "argument", "itself"])
def test_batch_norm_in_training_is_refused_and_left_intact(way: str) -> None:
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm(2))
    before = {n: t.numpy().copy() for n, t in net.named_buffers().items()}
    calls = {
        "closure": lambda: gd.compile(lambda x: net(x))(X),
        "argument": lambda: gd.compile(lambda module, x: module(x))(net, X),
        "itself": lambda: gd.compile(net)(X),
    }
    with pytest.raises(TraceError, match=r"running_mean.*\.eval\(\).*gd\.Trainer"):
        calls[way]()
    for name, t in net.named_buffers().items():
        assert np.array_equal(t.numpy(), before[name])
    net(X)
    assert gd.compile(net.eval())(X).shape == (2, 2)


# ── What cannot be traced ───────────────────────────────────────────────────────────────────────

UNTRACEABLE: dict[str, tuple[Callable[[gd.Tensor], Any], str]] = {
    "a choice by value": (lambda x: x if x.sum() > 0 else -x, r"gd\.ops\.where instead of if"),
    "a loop over values": (lambda x: [x for _ in range(int(x.sum()))], "outside the function"),
    "float()": (lambda x: float(x[0, 0]), r"float\(\).*outside the function"),
    "item()": (lambda x: x[0, 0].item(), r"\.item\(\).*outside the function"),
    "numpy()": (lambda x: x.numpy(), r"\.numpy\(\) outside the function"),
    "np.asarray": (lambda x: np.asarray(x), r"\.numpy\(\) outside the function"),
    "tolist": (lambda x: x.tolist(), "has a type but no value"),
}


@pytest.mark.parametrize("name", UNTRACEABLE)
def test_code_that_needs_a_value_is_told_what_to_do(name: str) -> None:
    function, message = UNTRACEABLE[name]
    with pytest.raises(TraceError, match=message):
        gd.compile(lambda x: function(x))(X)


def test_a_symbolic_tensor_kept_outside_is_refused_when_it_is_used() -> None:
    kept: list[gd.Tensor] = []
    gd.compile(lambda x: kept.append(x * 2.0))(X)
    with pytest.raises(
        TraceError, match=r"trace that has ended.*return it from the traced function"
    ):
        kept[0] + 1.0
    with pytest.raises(TraceError):
        gd.compile(lambda x: x + kept[0])(X)
    with pytest.raises(TraceError, match="own trace"):
        gd.compile(lambda x: kept[0])(X)


def test_tensors_of_an_outer_trace_are_refused_in_an_inner_one() -> None:
    from gradus.compiler import trace

    with pytest.raises(TraceError, match=r"another trace.*pass it as an argument"):
        trace(lambda x: trace(lambda y: y + x, X).graph and x, X)


def test_an_argument_that_cannot_be_hashed_is_refused() -> None:
    with pytest.raises(TraceError, match=r"received set.*close over it"):
        gd.compile(lambda x, names: x)(X, {1, 2})


@pytest.mark.parametrize("dtype", ["float16", "int8", "uint8", "complex64", "U3"])
def test_arrays_of_other_dtypes_are_refused(dtype: str) -> None:
    with pytest.raises(DtypeError, match="gradus computes in"):
        gd.compile(lambda x: x)(np.zeros(2, dtype))


def test_keys_that_give_two_tensors_one_name_are_refused() -> None:
    with pytest.raises(TraceError, match=r"two called tree\.a\.b"):
        gd.compile(lambda tree: tree["a.b"])({"a": {"b": X}, "a.b": X})
    with pytest.raises(TraceError, match=r"two called a\.b"):
        gd.compile(lambda x: {"a": {"b": x}, "a.b": x * 2.0})(X)


def test_an_error_inside_the_function_leaves_no_trace_and_no_bound_module() -> None:
    net = nn.Linear(3, 2)
    before = net.weight

    def broken(x: gd.Tensor) -> gd.Tensor:
        raise KeyError("mine")

    f = gd.compile(lambda x: broken(net(x)))
    for _ in range(2):
        with pytest.raises(KeyError, match="mine"):
            f(X)
        assert current_trace() is None
        assert net.weight is before
        assert (X + 1.0).numpy() is not None


# ── Gradients ───────────────────────────────────────────────────────────────────────────────────


def slopes(f: Callable[..., gd.Tensor], *arrays: np.ndarray) -> list[list[np.ndarray]]:
    """Gradient of Σ f², and gradient of the squared length of that gradient."""
    tensors = [gd.tensor(a, requires_grad=True) for a in arrays]
    y = f(*tensors)
    first = gd.grad((y * y).sum(), tensors, create_graph=True, allow_unused=True)
    length: Any = sum((g * g).sum() for g in first)
    second = gd.grad(length, tensors, allow_unused=True)
    return [[g.numpy() for g in found] for found in (first, second)]


FUNCTIONS: dict[str, Callable[[gd.Tensor, gd.Tensor], gd.Tensor]] = {
    "a layer": lambda x, w: ops.tanh(x @ w),
    "softmax": lambda x, w: ops.softmax(x @ w) * ops.exp(x[:, :2]),
    "a shared intermediate": lambda x, w: (x @ w) * ops.sigmoid(x @ w),
    "a detached factor": lambda x, w: (x @ w) * ops.tanh(x @ w).detach(),
    "an input that is not used": lambda x, w: ops.sin(x),
    "a gradient inside": lambda x, w: gd.grad(ops.tanh(x @ w).sum(), x, create_graph=True) * x,
    "a part under no_grad": lambda x, w: (x @ w) * _without_gradient(x, w),
    "an input itself": lambda x, w: x,
}


@gd.no_grad()
def _without_gradient(x: gd.Tensor, w: gd.Tensor) -> gd.Tensor:
    return ops.cos(x @ w)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_to_second_order_are_those_of_the_function(name: str) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(4, 3)), rng.normal(size=(3, 2))
    f = FUNCTIONS[name]
    eager = slopes(lambda a, b: f(a, b), x, w)
    compiled = slopes(gd.compile(lambda a, b: f(a, b)), x, w)
    # The parts of a gradient are added up in another order, hence the last bits.
    for e, c in zip([*eager[0], *eager[1]], [*compiled[0], *compiled[1]], strict=True):
        assert np.allclose(c, e, rtol=1e-13, atol=1e-13 * np.abs(e).max())


def test_gradients_reach_captured_weights_and_what_lies_before_and_behind() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    x = gd.tensor(X, requires_grad=True)

    def gradients(f: Callable[..., gd.Tensor]) -> list[list[float]]:
        loss = (f(ops.exp(x)) ** 2).sum()
        return [g.tolist() for g in gd.grad(loss, [x, *net.parameters()])]

    assert gradients(gd.compile(lambda x: net(x))) == gradients(net)


def test_backward_through_a_compiled_call_fills_grad() -> None:
    net = nn.Linear(3, 2)
    gd.compile(lambda x: net(x))(X).sum().backward()
    assert net.weight.grad is not None
    assert net.weight.grad.tolist() == [[1.5, -2.0, 2.0]] * 2


def test_gradients_see_the_draws_of_their_own_call() -> None:
    drop = nn.Dropout(0.5)
    f = gd.compile(lambda x: drop(x))
    x = gd.tensor(np.ones(64), requires_grad=True)
    first, second = f(x), f(x)
    assert gd.grad(first.sum(), x).tolist() == first.tolist()
    assert gd.grad(second.sum(), x).tolist() == second.tolist()


def test_a_weight_changed_after_the_call_makes_its_gradient_an_error() -> None:
    w = gd.tensor(2.0, requires_grad=True)
    y = gd.compile(lambda x: x * w)(X).sum()
    w.assign(3.0)
    with pytest.raises(GradientError):
        y.backward()


def test_a_result_shows_where_it_came_from() -> None:
    y = gd.compile(lambda x: x * 2.0)(gd.tensor(1.0, requires_grad=True))
    assert repr(y) == "tensor(2., from=compiled)"
    assert "a function that was compiled" in repr(y.record)


def test_results_without_a_gradient_say_so() -> None:
    x = gd.tensor(X, requires_grad=True)
    found = gd.compile(lambda x: {"y": x * 2.0, "cut": x.detach(), "place": ops.argmax(x)})(x)
    assert found["y"].requires_grad
    assert not found["cut"].requires_grad
    assert not found["place"].requires_grad


def test_a_compiled_function_is_thread_safe_for_callers_with_their_own_values() -> None:
    from concurrent.futures import ThreadPoolExecutor

    f = gd.compile(lambda x: ops.tanh(x).sum())
    values = [gd.tensor(np.full(100, k / 10.0)) for k in range(20)]
    expected = [ops.tanh(v).sum().item() for v in values]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda v: f(v).item(), values * 5))
    assert found == expected * 5


def test_an_interrupted_call_can_be_made_again() -> None:
    state = {"fail": True}

    def f(x: gd.Tensor) -> gd.Tensor:
        if state["fail"]:
            raise KeyboardInterrupt
        return x + 1.0

    compiled = gd.compile(f)
    with contextlib.suppress(KeyboardInterrupt):
        compiled(X)
    state["fail"] = False
    assert compiled(X).tolist() == (X + 1.0).tolist()


def test_a_tensor_detached_inside_is_a_leaf_as_outside() -> None:
    def slope(x: gd.Tensor) -> gd.Tensor:
        leaf = x.detach().requires_grad_()
        return gd.grad((leaf * leaf * x).sum(), leaf)

    x = gd.tensor([2.0, 3.0], requires_grad=True)
    assert gd.compile(slope)(x).tolist() == slope(x).tolist() == [8.0, 18.0]


def test_a_changed_field_of_a_module_is_seen() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.LeakyReLU(0.5))
    x = gd.tensor([[-3.0, 4.0]])
    compiled = gd.compile(lambda x: net(x))
    compiled(x)
    net[1].negative_slope = 0.25
    assert compiled(x).tolist() == net(x).tolist()
