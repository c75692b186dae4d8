"""Networks as plain data: own classes, foreign files, hostile files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradus import nn
from gradus.errors import ArgumentError, FileError
from gradus.tensor import Tensor
from gradus.types import Array


class Residual(nn.Module):
    """A module of the user's own, around another."""

    def __init__(self, inner: nn.Module, gain: float = 1.0) -> None:
        self.inner, self.gain = inner, gain

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gain * self.inner(x)


@dataclass(frozen=True)
class Alternating(nn.Initialiser):
    """An initialiser of the user's own."""

    size: float = 1.0

    def __call__(self, shape: Any, dtype: Any = "float32") -> Array:
        return np.resize([self.size, -self.size], shape).astype(dtype)


def test_a_config_is_plain_json_without_weights() -> None:
    net = nn.Sequential(nn.Linear(2, 3, init=nn.Xavier("normal")), nn.LayerNorm((3,)))
    assert json.loads(json.dumps(nn.to_config(net))) == {
        "type": "Sequential",
        "layers": [
            {
                "type": "Linear",
                "in_features": 2,
                "out_features": 3,
                "bias": True,
                "init": {"type": "Xavier", "distribution": "normal", "gain": 1.0},
                "dtype": "float32",
            },
            {
                "type": "LayerNorm",
                "normalized_shape": [3],
                "eps": 1e-5,
                "elementwise_affine": True,
                "dtype": "float32",
            },
        ],
    }


def test_classes_of_ones_own_come_back_when_they_are_handed_over() -> None:
    module = Residual(nn.Linear(2, 2, init=Alternating(0.5)), gain=0.25)
    config = nn.to_config(module)
    again = nn.from_config(config, modules=[Residual, Alternating])
    assert isinstance(again, Residual)
    assert nn.to_config(again) == config
    assert np.array_equal(again.inner.weight, module.inner.weight)


def test_an_unknown_type_is_named_with_the_remedy() -> None:
    config = nn.to_config(nn.Sequential(Residual(nn.ReLU())))
    with pytest.raises(FileError, match=r"known type.*'Residual'.*modules=\[\.\.\.\]"):
        nn.from_config(config)


def test_a_class_with_a_name_of_gradus_is_refused_both_ways() -> None:
    own = type("Linear", (nn.Module,), {})
    with pytest.raises(ArgumentError, match="another name"):
        nn.to_config(own())
    with pytest.raises(ArgumentError, match="another name"):
        nn.from_config({"type": "ReLU"}, modules=[own])
    with pytest.raises(ArgumentError, match="derived from"):
        nn.from_config({"type": "ReLU"}, modules=[dict])  # type: ignore[list-item]


@pytest.mark.parametrize("gain", [np.ones(2), float("inf"), float("nan"), {"a": 1}, np.tanh])
def test_an_argument_that_is_no_plain_data_is_named_by_its_place(gain: Any) -> None:
    with pytest.raises(ArgumentError, match=r"at Sequential\.layers\[1\]\.gain"):
        nn.to_config(nn.Sequential(nn.ReLU(), Residual(nn.ReLU(), gain)))


def test_a_layer_in_two_places_is_refused_unless_it_has_no_parameters() -> None:
    layer, relu = nn.Linear(2, 2), nn.ReLU()
    assert nn.from_config(nn.to_config(nn.Sequential(relu, layer, relu))).parameter_count == 6
    with pytest.raises(ArgumentError, match=r"one place.*layers\[1\]"):
        nn.to_config(nn.Sequential(layer, layer))


def nested(depth: int) -> dict[str, Any]:
    config: dict[str, Any] = {"type": "ReLU"}
    for _ in range(depth):
        config = {"type": "Sequential", "layers": [config]}
    return config


HOSTILE = [
    None, 3, "Linear", [], [{"type": "ReLU"}], {}, {"type": None}, {"type": ["ReLU"]},
    {"type": "os.system"}, {"type": "Module"}, {"type": "Initialiser"}, {"type": "__import__"},
    {"type": "Zeros"}, {"type": "x" * 10_000},
    {"type": "ReLU", "surplus": 1},
    {"type": "ReLU", 3: 1},
    {"type": "ReLU", "self": 1},
    {"type": "Linear"},
    {"type": "Linear", "in_features": 2},
    {"type": "Linear", "in_features": "2", "out_features": 2},
    {"type": "Linear", "in_features": True, "out_features": 2},
    {"type": "Linear", "in_features": -2, "out_features": 2},
    {"type": "Linear", "in_features": 10**400, "out_features": 2},
    {"type": "Linear", "in_features": 10**12, "out_features": 10**9},
    {"type": "Linear", "in_features": 2, "out_features": 2, "dtype": "object"},
    {"type": "Linear", "in_features": 2, "out_features": 2, "dtype": "nonsense"},
    {"type": "Linear", "in_features": 2, "out_features": 2, "dtype": "f8,f8"},
    {"type": "Linear", "in_features": 2, "out_features": 2, "dtype": None},
    {"type": "Linear", "in_features": 2, "out_features": 2, "bias": "yes"},
    {"type": "Linear", "in_features": 2, "out_features": 2, "init": {"type": "ReLU"}},
    {"type": "Linear", "in_features": 2, "out_features": 2, "init": {"type": "Normal", "x": 1}},
    {"type": "Linear", "in_features": {"type": "ReLU"}, "out_features": 2},
    {"type": "Linear", "in_features": [2], "out_features": 2},
    {"type": "Sequential", "layers": 3},
    {"type": "Sequential", "layers": None},
    {"type": "Sequential", "layers": "ReLU"},
    {"type": "Sequential", "layers": {"type": "ReLU"}},
    {"type": "Sequential", "layers": [{"type": "ReLU"}, 3]},
    {"type": "Sequential", "layers": [{"type": "Zeros"}]},
    {"type": "Dropout", "p": float("nan")},
    {"type": "Dropout", "p": 10**400},
    {"type": "Softmax", "dim": 1e300},
    {"type": "LayerNorm", "normalized_shape": [[2]]},
    {"type": "LayerNorm", "normalized_shape": [2**40, 2**40, 2**40]},
    {"type": "GELU", "approximate": ["tanh"]},
    {"type": "ReLU", "x": object()},
    {"type": "Linear", "in_features": (2,), "out_features": 2},
    nested(65), nested(5_000),
]  # fmt: skip


@pytest.mark.parametrize("config", HOSTILE, ids=[f"hostile-{i}" for i in range(len(HOSTILE))])
def test_a_hostile_config_is_a_file_error(config: Any) -> None:
    with pytest.raises(FileError) as caught:
        nn.from_config(config)
    assert len(str(caught.value)) < 1000


def test_nesting_within_reason_is_fine() -> None:
    assert isinstance(nn.from_config(nested(30)), nn.Sequential)


def test_a_config_that_asks_for_too_many_numbers_is_refused_before_memory_is_taken() -> None:
    small = {"type": "Linear", "in_features": 10, "out_features": 10}
    assert nn.from_config(small, max_elements=110).parameter_count == 110
    with pytest.raises(FileError, match="more numbers than allowed"):
        nn.from_config(small, max_elements=109)
    with pytest.raises(FileError, match="more numbers than allowed"):
        nn.from_config({"type": "Sequential", "layers": [small] * 3}, max_elements=329)
    huge = {"type": "Embedding", "num_embeddings": 10**6, "embedding_dim": 10**4}
    with pytest.raises(FileError, match="more numbers than allowed"):
        nn.from_config(huge, max_elements=10**6)
    assert nn.Linear(200, 200).parameter_count == 40_200, "the limit ends with the call"


def configs(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    kinds = ["Sequential", "Linear", "Maxout", "Dropout", "LayerNorm", "ELU", "Normal", "Foreign"]
    names = ["layers", "in_features", "out_features", "p", "init", "alpha", "eps", "scale", "bias"]
    arguments = st.dictionaries(st.sampled_from(names), values, max_size=3)
    return st.builds(lambda kind, more: {"type": kind, **more}, st.sampled_from(kinds), arguments)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.floats() | st.sampled_from(["tanh", "x"]),
    lambda inner: st.lists(inner, max_size=3) | configs(inner),
    max_leaves=8,
)


@given(configs(json_values))
def test_any_config_gives_a_module_or_a_file_error(config: Any) -> None:
    try:
        module = nn.from_config(config, max_elements=10_000)
    except FileError:
        return
    assert isinstance(module, nn.Module)
