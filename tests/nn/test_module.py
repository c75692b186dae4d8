"""Modules: names, sharing, binding, setting by hand, and how they show themselves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import gradus as gd
from gradus import nn, random
from gradus.errors import ArgumentError, DtypeError, ShapeError
from gradus.tensor import Tensor


@pytest.fixture(autouse=True)
def fresh_seed() -> Iterator[None]:
    with random.use_stream(random.Stream(0)):
        yield


class Tied(nn.Module):
    """One matrix in two places, as in an autoencoder with tied weights."""

    def __init__(self) -> None:
        self.encoder = nn.Linear(2, 2, bias=False)
        self.shared = self.encoder.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.encoder(x) @ self.shared


class Branches(nn.Module):
    """Modules in a list, a parameter of its own, and a frozen one."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.parts = [nn.Linear(width, 1), nn.ReLU()]
        self.gain = gd.tensor(2.0, requires_grad=True)
        self.offset = gd.tensor([1.0])

    def forward(self, x: Tensor) -> Tensor:
        return self.gain * self.parts[1](self.parts[0](x)) + self.offset


def test_tensors_of_the_class_and_of_lists_have_dotted_names() -> None:
    module = Branches(3)
    assert list(module.named_parameters()) == ["gain", "parts.0.weight", "parts.0.bias"]
    assert list(module.named_buffers()) == ["offset"]
    assert module.parameter_count == 5


def test_a_shared_tensor_is_one_parameter_and_is_bound_in_every_place() -> None:
    module = Tied()
    assert list(module.named_parameters()) == ["shared"]
    weight = gd.tensor([[2.0, 0.0], [0.0, 3.0]], requires_grad=True)
    before = module.shared
    with module.bind({"shared": weight}):
        y = module([[1.0, 1.0]])
        assert module.encoder.weight is module.shared is weight
    assert y.tolist() == [[4.0, 9.0]]
    assert gd.grad(y.sum(), weight).tolist() == [[4.0, 4.0], [6.0, 6.0]]
    assert module.encoder.weight is module.shared is before


def test_a_layer_used_twice_counts_once() -> None:
    layer = nn.Linear(3, 3)
    net = nn.Sequential(layer, nn.Tanh(), layer)
    assert list(net.named_parameters()) == ["0.weight", "0.bias"]
    assert net.parameter_count == 12


def test_binding_ends_with_an_exception_and_refuses_unknown_names() -> None:
    layer = nn.Linear(1, 1)
    before = layer.weight
    with pytest.raises(ZeroDivisionError), layer.bind({"weight": gd.zeros((1, 1))}):
        1 / 0
    assert layer.weight is before
    with pytest.raises(ArgumentError, match="weight, bias"), layer.bind({"wieght": before}):
        pass


@pytest.mark.parametrize(
    "value", [[[1.0, 2.0]], np.array([[1.0, 2.0]]), gd.tensor([[1, 2]]), ((1, 2),)]
)
def test_weights_set_by_hand_keep_tensor_dtype_and_role(value: object) -> None:
    net = nn.Sequential(nn.Linear(2, 1))
    weight = net[0].weight
    net[0].weight = value
    assert net[0].weight is weight
    assert weight.requires_grad
    assert weight.dtype == np.float32
    assert weight.tolist() == [[1.0, 2.0]]


def test_weights_of_another_shape_are_refused_with_both_shapes() -> None:
    layer = nn.Linear(2, 1)
    with pytest.raises(ShapeError, match=r"weight of Linear has the shape \(1, 2\).*\(2, 1\)"):
        layer.weight = gd.zeros((2, 1))


def test_a_tensor_cannot_be_taken_out_of_a_module() -> None:
    layer = nn.Linear(2, 1)
    with pytest.raises(ArgumentError, match=r"bias = None for Linear.*bias=False"):
        layer.bias = None
    assert layer.bias is not None


@pytest.mark.parametrize("x", [[[1.0, 2.0]], [[1, 2]], np.array([[1, 2]])])
def test_lists_and_arrays_are_inputs_too(x: object) -> None:
    assert nn.Linear(2, 1)(x).shape == (1, 1)
    assert nn.LayerNorm(2)(x).shape == (1, 2)
    assert isinstance(nn.Identity()(x), Tensor)


@pytest.mark.parametrize("x", ["text", [["a", "b"]], np.array([["a", "b"]])])
def test_text_as_an_input_is_refused(x: object) -> None:
    with pytest.raises(DtypeError, match="numbers"):
        nn.Linear(2, 1)(x)


def test_a_list_of_tensors_reaches_the_module_as_it_is() -> None:
    class Join(nn.Module):
        def forward(self, parts: list[Tensor]) -> Tensor:
            return gd.ops.concat(parts)

    x = gd.tensor([1.0], requires_grad=True)
    assert gd.grad(Join()([x, x]).sum(), x).item() == 2.0


def test_a_module_without_forward_says_so() -> None:
    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match="Empty has no forward"):
        Empty()(1.0)


def test_forward_takes_keywords() -> None:
    class Shift(nn.Module):
        def forward(self, x: Tensor, by: float = 0.0) -> Tensor:
            return x + by

    assert Shift()([1.0], by=2.0).tolist() == [3.0]


def test_a_constructor_argument_without_a_field_is_named() -> None:
    class Forgetful(nn.Module):
        def __init__(self, width: int) -> None:
            pass

    with pytest.raises(ArgumentError, match=r"no field width.*self\.width"):
        Forgetful(3).config()
    assert repr(Forgetful(3)) == "Forgetful()"


def test_a_network_shows_layers_shapes_and_counts_in_aligned_columns() -> None:
    net = nn.Sequential(
        nn.Linear(64, 100),
        nn.BatchNorm(100, affine=False),
        nn.LeakyReLU(0.1),
        nn.Sequential(nn.Dropout(), nn.Linear(100, 10, bias=False, dtype="float64")),
    )
    assert repr(net).splitlines() == [
        "Sequential                                            # 7,500 parameters",
        "  0: Linear(64 → 100)                                 "
        "# weight (100, 64), bias (100,), 6,500 parameters",
        "  1: BatchNorm(num_features=100, affine=False)        "
        "# running_mean (100,), running_var (100,), 0 parameters",
        "  2: LeakyReLU(negative_slope=0.1)",
        "  3: Sequential                                       # 1,000 parameters",
        "    0: Dropout(p=0.5)",
        "    1: Linear(100 → 10, bias=False, dtype='float64')  "
        "# weight (10, 100), 1,000 parameters",
    ]


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (nn.ReLU(), "ReLU()"),
        (nn.GELU(), "GELU(approximate='none')"),
        (
            nn.LayerNorm((2, 3), elementwise_affine=False),
            "LayerNorm(normalized_shape=(2, 3), elementwise_affine=False)",
        ),
        (nn.Dropout(0.2), "Dropout(p=0.2)"),
        (nn.Linear(2, 1), "Linear(2 → 1)  # weight (1, 2), bias (1,), 3 parameters"),
        (nn.Linear(1, 1, False), "Linear(1 → 1, bias=False)  # weight (1, 1), 1 parameter"),
        (nn.Sequential(), "Sequential()"),
        (
            Branches(2),
            "Branches(width=2)         # gain (), offset (1,), 4 parameters\n"
            "  parts.0: Linear(2 → 1)  # weight (1, 2), bias (1,), 3 parameters\n"
            "  parts.1: ReLU()",
        ),
    ],
)
def test_a_module_shows_itself_as_its_constructor_call(module: nn.Module, text: str) -> None:
    assert repr(module) == text


def test_a_part_of_a_network_shares_its_layers() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    assert [type(layer).__name__ for layer in net] == ["Linear", "Tanh", "Linear"]
    body = net[:-1]
    assert len(net), len(body) == (3, 2)
    assert body[0] is net[0]
    assert net[-1] is net[2]


def test_a_place_outside_the_network_is_an_error() -> None:
    with pytest.raises(ArgumentError, match=r"2 layers has the places 0 to 1; received 2"):
        nn.Sequential(nn.ReLU(), nn.ReLU())[2]


@pytest.mark.parametrize("layer", [[nn.ReLU()], nn.ReLU, np.tanh])
def test_something_else_than_a_module_in_a_sequential_is_an_error(layer: object) -> None:
    with pytest.raises(ArgumentError, match=r"layer 1 of a Sequential is a module.*Sequential\("):
        nn.Sequential(nn.ReLU(), layer)  # type: ignore[arg-type]
