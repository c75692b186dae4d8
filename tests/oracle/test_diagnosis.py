"""What a diagnosis sees of a network, against PyTorch's own derivatives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import losses, nn
from gradus.data import toy

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

PAIRS: dict[str, tuple[type[nn.Module], Any]] = {
    "sigmoid": (nn.Sigmoid, torch.nn.Sigmoid),
    "tanh": (nn.Tanh, torch.nn.Tanh),
    "relu": (nn.ReLU, torch.nn.ReLU),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("depth", [1, 4, 9])
def test_signals_and_dead_units_are_those_of_pytorch(name: str, depth: int) -> None:
    ours, theirs = PAIRS[name]
    gd.manual_seed(depth)
    widths = [2, *[12] * depth, 2]
    layers, same = [], []
    for k in range(depth + 1):
        layer = nn.Linear(widths[k], widths[k + 1])
        other = torch.nn.Linear(widths[k], widths[k + 1])
        with torch.no_grad():
            other.weight.copy_(torch.tensor(layer.weight.numpy()))
            other.bias.copy_(torch.tensor(layer.bias.numpy()))
        layers += [layer, ours()]
        same += [other, theirs()]
    X, y = toy.moons(200, seed=depth)
    net = nn.Sequential(*layers[:-1])
    history = gd.Trainer(net, losses.cross_entropy).fit(X, y, epochs=1, progress=False)
    assert history.kept is not None
    seen = history.kept.look().seen
    assert seen is not None

    h, outputs = torch.tensor(X), []
    for module in same[:-1]:
        h = module(h)
        h.retain_grad()
        outputs.append(h)
    loss = torch.nn.functional.cross_entropy(h, torch.tensor(y), reduction="sum")
    loss.backward()
    signals = [math.sqrt(float((t.grad**2).sum(dim=1).mean())) for t in outputs[::2]]
    # float32 through ten layers
    assert [layer.signal for layer in seen.start.layers] == pytest.approx(signals, rel=1e-4)
    assert seen.start.loss == pytest.approx(loss.item() / 200, rel=1e-5)
    if name == "relu":
        dead = [int((t == 0).all(dim=0).sum()) for t in outputs[1::2]]
        assert [u.dead for u in seen.start.units] == dead
        assert np.sum(dead) > 0 or depth < 9
