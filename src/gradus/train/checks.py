"""What a trainer is given, checked before anything is built of it: each raises ArgumentError."""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase
from typing import Any

from gradus.errors import ArgumentError
from gradus.losses import LOSSES
from gradus.nn import Module
from gradus.optim import LBFGS, Optimizer, Search
from gradus.train.callbacks import Callback


def check_network(network: Any) -> None:
    """Refuse what cannot be trained."""
    if not isinstance(network, Module):
        raise ArgumentError(
            "a network to train is a gradus.nn.Module",
            received=type(network).__name__,
            remedy="write class Net(nn.Module) with forward(self, x), and pass Net()",
        )
    if not network.parameters():
        raise ArgumentError(
            "a network to train has parameters",
            received=type(network).__name__,
            remedy="make a field a tensor with requires_grad=True",
        )


def check_loss(loss: Any) -> None:
    """Refuse what is no function, such as a loss's name."""
    if not callable(loss):
        name = loss if str(loss) in LOSSES else "cross_entropy"
        raise ArgumentError(
            "a loss is a function (prediction, target) → one value an example",
            received=repr(loss),
            remedy=f"write losses.{name}, without quotes",
        )


def check_optimizer(optimizer: Any, network: Module) -> None:
    """Refuse what is no optimizer, and groups that no parameter belongs to."""
    if isinstance(optimizer, (LBFGS, Search)):
        raise ArgumentError(
            "a trainer's optimizer steps on one batch after another",
            received=f"{type(optimizer).__name__}, which needs the loss of all rows at each step",
            remedy="minimise it as a function: gd.minimise(lambda net: losses.mean(loss(net(X), "
            f"y)), net, optim.{type(optimizer).__name__}())",
        )
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(
            "an optimizer is an object of gradus.optim",
            received=repr(optimizer),
            remedy="write optim.Adam(1e-3)",
        )
    # Frozen parameters count: they may be freed between two calls of fit.
    check_groups(optimizer, [*network.named_parameters(), *network.named_buffers()])


def check_groups(optimizer: Optimizer, names: Collection[str]) -> None:
    """Refuse groups that no parameter belongs to."""
    for pattern in optimizer.groups:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ArgumentError(
                "the pattern of an optimizer's group matches a parameter",
                received=f"{pattern!r} for {', '.join(names)}",
                remedy="correct or remove the pattern",
            )


def check_callbacks(callbacks: Any) -> None:
    """Refuse what is no list of callbacks, such as a single one."""
    if not isinstance(callbacks, (list, tuple)) or not all(
        isinstance(c, Callback) for c in callbacks
    ):
        raise ArgumentError(
            "callbacks is a list of Callback objects",
            received=repr(callbacks),
            remedy="write callbacks=[EarlyStopping()]",
        )
