"""JAX: one ``jit`` of a ``scan`` over the steps, with the state donated."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.task import Task
from benchmarks.workloads import Array, Workload

_ACTIVATIONS = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "identity": lambda x: x,
}
# x Wᵀ with W (out, in), as in PyTorch: `lecture` runs a fifth faster so than with W (in, out).
_LAST_AXES = (((1,), (1,)), ((), ()))


class Training:
    """The workload as a scanned step."""

    many_steps_a_call = True
    comparable = True

    def __init__(self, task: Task) -> None:
        self.workload = task.workload
        self.X = jnp.asarray(task.X)
        self.y = jnp.asarray(task.y.astype(np.int32) if self.workload.loss == "ce" else task.y)
        self.layers = task.layers
        self.steps = jax.jit(partial(_steps, task.workload), donate_argnums=0)
        self.reset()

    def reset(self) -> None:
        """Back to the initial weights."""
        params = jax.tree.map(jnp.array, self.layers)
        self.state: Any = (params, jnp.zeros((), jnp.int32))
        if self.workload.optimizer == "adam":
            self.state += tuple(jax.tree.map(jnp.zeros_like, params) for _ in range(2))
        jax.block_until_ready(self.state)

    def train(self, order: Array) -> None:
        """Take the steps in one call."""
        self.state = jax.block_until_ready(self.steps(self.state, self.X, self.y, order))

    replay = train

    def parameters(self) -> list[Array]:
        """Copies of all parameters."""
        return [np.array(p) for p in jax.tree.leaves(self.state[0])]


class Prediction:
    """The jitted forward pass."""

    def __init__(self, task: Task) -> None:
        # Weights as constants of the program: a call then has one argument to look at.
        params = jax.tree.map(jnp.array, task.layers)
        self.forward = jax.jit(lambda x: _forward(task.workload, params, x))

    def native(self, X: Array) -> Any:
        """The rows as a JAX array."""
        return jnp.asarray(X)

    def predict(self, rows: Any) -> Any:
        """Outputs of the network."""
        return self.forward(rows).block_until_ready()


def _forward(workload: Workload, params: Any, x: Any) -> Any:
    for (weight, bias), activation in zip(params, workload.activations, strict=True):
        z = lax.dot_general(x, weight, _LAST_AXES)
        x = _ACTIVATIONS[activation](z if bias is None else z + bias)
    return x


def _loss(workload: Workload, params: Any, x: Any, y: Any) -> Any:
    out = _forward(workload, params, x)
    if workload.loss == "sse":
        return jnp.sum((out - y) ** 2)
    if workload.loss == "bce":
        return jnp.mean(jax.nn.softplus(out) - y * out)
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(out), y[:, None], axis=1))


def _steps(workload: Workload, state: Any, X: Any, y: Any, order: Any) -> Any:
    return lax.scan(partial(_step, workload, X, y), state, order)[0]


def _step(workload: Workload, X: Any, y: Any, state: Any, rows: Any) -> Any:
    params, done = state[0], state[1] + 1
    batch = (a.at[rows].get(mode="promise_in_bounds") for a in (X, y))
    loss, grads = jax.value_and_grad(partial(_loss, workload))(params, *batch)
    if workload.optimizer == "sgd":
        return (jax.tree.map(lambda p, g: p - workload.rate * g, params, grads), done), loss
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state[2], grads)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, state[3], grads)
    rate = workload.rate / -jnp.expm1(done * math.log(0.9))
    root = lax.rsqrt(-jnp.expm1(done * math.log(0.999)))
    params = jax.tree.map(
        lambda p, m, v: p - rate * m / (jnp.sqrt(v) * root + 1e-8), params, first, second
    )
    return (params, done, first, second), loss
