"""Random settings of convolution and pooling, with an input that a window fits into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from gradus.ops.primitive import Draw


@dataclass(frozen=True)
class Case:
    """A layer's name, its arguments (PyTorch's), and an input."""

    name: str
    arguments: dict[str, Any]
    x: np.ndarray

    @property
    def axes(self) -> int:
        return int(self.name[-2])


def one_an_axis(axes: int, low: int, high: int) -> st.SearchStrategy[Any]:
    """A number for all axes, or one for each."""
    number = st.integers(low, high)
    return st.one_of(number, st.tuples(*[number] * axes))


def each(value: Any, axes: int) -> tuple[int, ...]:
    return (value,) * axes if isinstance(value, int) else tuple(value)


@st.composite
def convolutions(draw: st.DrawFn) -> Case:
    axes, groups = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    arguments = {
        "in_channels": groups * draw(st.integers(1, 2)),
        "out_channels": groups * draw(st.integers(1, 2)),
        "kernel_size": draw(one_an_axis(axes, 1, 4)),
        "dilation": draw(one_an_axis(axes, 1, 3)),
        "padding": draw(st.one_of(one_an_axis(axes, 0, 3), st.sampled_from(["same", "valid"]))),
        "groups": groups,
        "bias": draw(st.booleans()),
    }
    arguments["stride"] = 1 if arguments["padding"] == "same" else draw(one_an_axis(axes, 1, 3))
    lengths = [draw(st.integers(1, 8)) for _ in range(axes)]
    padding = arguments["padding"]
    room = {"valid": 0, "same": 100}.get(padding, padding) if isinstance(padding, str) else padding
    assume_fit(lengths, arguments["kernel_size"], arguments["dilation"], room)
    x = Draw()(draw(st.integers(1, 3)), arguments["in_channels"], *lengths)
    return Case(f"Conv{axes}d", arguments, x)


@st.composite
def pools(draw: st.DrawFn) -> Case:
    axes, kind = draw(st.integers(1, 2)), draw(st.sampled_from(["Max", "Avg", "AdaptiveAvg"]))
    lengths = [draw(st.integers(1, 8)) for _ in range(axes)]
    x = Draw()(draw(st.integers(1, 3)), draw(st.integers(1, 3)), *lengths)
    name = f"{kind}Pool{axes}d"
    if kind == "AdaptiveAvg":
        return Case(name, {"output_size": draw(one_an_axis(axes, 1, 5))}, x)
    kernel = draw(one_an_axis(axes, 1, 4))
    arguments = {
        "kernel_size": kernel,
        "stride": draw(st.one_of(st.none(), one_an_axis(axes, 1, 3))),
        "padding": tuple(draw(st.integers(0, k // 2)) for k in each(kernel, axes)),
    }
    if kind == "Max":
        arguments["dilation"] = draw(one_an_axis(axes, 1, 3))
        x = np.round(x)  # ties
    else:
        arguments["count_include_pad"] = draw(st.booleans())
    assume_fit(lengths, kernel, arguments.get("dilation", 1), arguments["padding"])
    return Case(name, arguments, x)


def assume_fit(lengths: list[int], kernel: Any, dilation: Any, padding: Any) -> None:
    n = len(lengths)
    settings = zip(lengths, each(kernel, n), each(dilation, n), each(padding, n), strict=True)
    assume(all(m + 2 * p >= d * (k - 1) + 1 for m, k, d, p in settings))
