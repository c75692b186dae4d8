"""Writes native/forms.hpp: the elementwise chains of usual networks, to be compiled whole.

Run it after a change to an optimizer, a loss, an activation or the lowering:

    python native/forms.py
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from gradus import _native, losses, nn, optim
from gradus.compiler import Graph
from gradus.compiler.hoist import hoist
from gradus.compiler.native.instructions import DTYPE_CODES, Chain, Product
from gradus.compiler.native.lower import lower
from gradus.compiler.passes import optimise
from gradus.train.step import evaluation_graph, training_graph
from gradus.types import TensorType, bool_, float32, int64

MOST_INPUTS, MOST_STEPS = 16, 32
HIDDEN = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.LeakyReLU, nn.GELU, nn.SiLU, nn.ELU)
OPTIMIZERS = {
    "SGD": optim.SGD(0.1),
    "SGD with momentum": optim.SGD(0.1, momentum=0.9),
    "Adam": optim.Adam(),
    "AdamW": optim.AdamW(),
    "RMSprop": optim.RMSprop(),
}
FLOATS = {
    "add", "subtract", "multiply", "divide", "negative", "square", "maximum", "minimum", "abs",
    "sign", "sqrt", "exp", "expm1", "log", "log1p", "logaddexp", "tanh", "sigmoid", "erf", "equal",
    "not_equal", "less", "less_equal", "greater", "greater_equal", "astype", "where",
}  # fmt: skip
NAMES = {_native.opcode(name): name for name in FLOATS}

Form = tuple[tuple[bool, ...], tuple[tuple[str, int, int, int, bool], ...]]


def steps() -> Iterator[tuple[str, nn.Module, losses.Loss, optim.Optimizer, TensorType]]:
    """Networks, losses and optimizers, with the type of the targets."""
    labels = TensorType((32,), int64)
    numbers = TensorType((32, 3), float32)
    binary = TensorType((32, 1), float32)
    tasks = (
        ("softmax", losses.cross_entropy, labels, 3, None),
        ("squared error", losses.squared_error, numbers, 3, None),
        ("squared error of sigmoids", losses.squared_error, numbers, 3, nn.Sigmoid),
        ("yes or no", losses.binary_cross_entropy_with_logits, binary, 1, None),
    )
    for hidden, (task, loss, y, width, last), bias in itertools.product(
        HIDDEN, tasks, (True, False)
    ):
        layers = [nn.Linear(5, 4, bias=bias), hidden(), nn.Linear(4, width, bias=bias)]
        net = nn.Sequential(*layers, *([last()] if last else []))
        yield f"{hidden.__name__}, {task}", net, loss, optim.SGD(0.1), y
    for name, optimizer in OPTIMIZERS.items():
        net = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
        yield name, net, losses.cross_entropy, optimizer, labels


def training(
    net: nn.Module, loss: losses.Loss, optimizer: optim.Optimizer, y: TensorType
) -> Iterator[Chain]:
    """The chains of a training step."""
    batch = {"x": TensorType((32, 5), float32), "y": y}
    reduction = "sum" if loss is losses.squared_error else "mean"
    traced = training_graph(net, loss, reduction, optimizer, batch, False)
    return chains(optimise(traced.graph), may_turn=True)


def prediction(net: nn.Module, loss: losses.Loss) -> Iterator[Chain]:
    """The chains of a prediction, where nothing is kept for a backward pass."""
    traced = evaluation_graph(net, loss, {"x": TensorType((32, 5), float32)})
    return chains(hoist(optimise(traced.graph), ["batch.x"])[1], may_turn=False)


def chains(graph: Graph, *, may_turn: bool) -> Iterator[Chain]:
    """The chains of a graph."""
    for i in lower(graph, _native.opcode, may_turn=may_turn).instructions:
        if isinstance(i, Chain):
            yield i
        elif isinstance(i, Product) and i.then is not None:
            yield i.then


def form_of(chain: Chain) -> Form | None:
    """The chain as the C++ templates take it, or None where they do not."""
    boolean, number = DTYPE_CODES[bool_], DTYPE_CODES[float32]
    if len(chain.inputs) > MOST_INPUTS or len(chain.steps) > MOST_STEPS:
        return None
    known = [s[0] in NAMES and {s[1], s[2]} <= {boolean, number} for s in chain.steps]
    if not all(known) or not set(chain.inputs) <= {boolean, number}:
        return None
    if all(s.rows * s.columns == 1 for s in chain.segments):
        return None  # single numbers gain nothing
    return (
        tuple(t == boolean for t in chain.inputs),
        tuple((NAMES[s[0]], *s[3:6], s[6] < 0) for s in chain.steps),
    )


def main() -> None:
    """Write the file."""
    found: dict[Form, str] = {}
    for name, net, loss, optimizer, y in steps():
        trained = ((name, c) for c in training(net, loss, optimizer, y))
        predicted = ((f"{name}: prediction", c) for c in prediction(net, loss))
        for title, chain in itertools.chain(trained, predicted):
            form = form_of(chain)
            if form is not None:
                found.setdefault(form, title)
    lines = [
        "// Made by native/forms.py. Each chain once, with the first step or prediction that has it.",
        "#pragma once",
        "",
        "namespace gradus {",
        "namespace GRADUS_TARGET {",
        "",
        "inline constexpr Form forms[] = {",
    ]
    for (inputs, made), name in found.items():
        flags = ", ".join(str(int(f)) for f in inputs)
        lines.append(f"    // {name}")
        lines.append(f"    {{{len(inputs)}, {len(made)}, {{{flags}}}, {{{{")
        for operation, a, b, c, stays in made:
            lines.append(f'         {{"{operation}", {a}, {b}, {c}, {str(stays).lower()}}},')
        lines.append("     }}},")
    lines += ["};", "", "}  // namespace GRADUS_TARGET", "}  // namespace gradus", ""]
    (Path(__file__).parent / "forms.hpp").write_text("\n".join(lines))
    print(f"{len(found)} forms")


if __name__ == "__main__":
    main()
