"""NumPy by hand: all parameters in one flat array, every result in a buffer made beforehand."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.task import Task
from benchmarks.workloads import Array

_BLOCK = 32 * 1024  # elements of the update's blocks: a few arrays of them fit the L2 cache


class Training:
    """Forward, backward and update written out."""

    many_steps_a_call = False
    comparable = True

    def __init__(self, task: Task) -> None:
        self.task, self.workload = task, task.workload
        size = sum(p.size for p in task.parameters)
        self.theta, self.gradient = np.empty(size, np.float32), np.empty(size, np.float32)
        self.first, self.second = np.empty(size, np.float32), np.empty(size, np.float32)
        self.spare = np.empty(_BLOCK, np.float32)
        self.layers = _views(self.theta, task)
        self.gradients = _views(self.gradient, task)
        batch = self.workload.batch
        self.outputs = [np.empty((batch, n), np.float32) for n in self.workload.sizes]
        self.deltas = [np.empty((batch, n), np.float32) for n in self.workload.sizes]
        self.target = np.empty((batch, *task.y.shape[1:]), task.y.dtype)
        self.reset()

    def reset(self) -> None:
        """Back to the initial weights."""
        np.concatenate([p.ravel() for p in self.task.parameters], out=self.theta)
        self.first[:] = self.second[:] = 0
        self.done = 0

    def train(self, order: Array) -> None:
        """Take the steps."""
        for rows in order:
            self._forward(rows)
            self._backward()
            self._update()

    replay = train

    def parameters(self) -> list[Array]:
        """Copies of all parameters."""
        return [p.copy() for layer in self.layers for p in layer if p is not None]

    def _forward(self, rows: Array) -> None:
        # mode="clip" writes to `out` directly; the default goes by way of another buffer.
        np.take(self.task.X, rows, axis=0, out=self.outputs[0], mode="clip")
        np.take(self.task.y, rows, axis=0, out=self.target, mode="clip")
        for k, ((weight, bias), name) in enumerate(
            zip(self.layers, self.workload.activations, strict=True)
        ):
            affine(self.outputs[k], weight, bias, self.outputs[k + 1])
            activate(name, self.outputs[k + 1])

    def _backward(self) -> None:
        delta = self._loss_gradient()
        for k in range(len(self.layers) - 1, -1, -1):
            weight_gradient, bias_gradient = self.gradients[k]
            np.matmul(delta.T, self.outputs[k], out=weight_gradient)
            if bias_gradient is not None:
                np.add.reduce(delta, axis=0, out=bias_gradient)
            if k:
                np.matmul(delta, self.layers[k][0], out=self.deltas[k])
                delta = self.deltas[k]
                _through(self.workload.hidden, self.outputs[k], delta)

    def _loss_gradient(self) -> Array:
        """Derivative of the loss by the last layer's affine output."""
        workload, out, delta = self.workload, self.outputs[-1], self.deltas[-1]
        scale = 1.0 / workload.batch
        if workload.loss == "ce":
            np.subtract(out, out.max(axis=1, keepdims=True), out=delta)
            np.exp(delta, out=delta)
            delta /= delta.sum(axis=1, keepdims=True)
            delta[np.arange(workload.batch), self.target] -= 1
        elif workload.loss == "bce":
            delta[:] = out
            activate("sigmoid", delta)
            delta -= self.target
        else:
            np.subtract(out, self.target, out=delta)
            scale = 2.0
            _through(workload.output, out, delta)
        # Everything from here on is linear in delta, so gradients come out as steps of SGD.
        delta *= scale * workload.rate if workload.optimizer == "sgd" else scale
        return delta

    def _update(self) -> None:
        self.done += 1
        if self.workload.optimizer == "sgd":
            np.subtract(self.theta, self.gradient, out=self.theta)
            return
        rate = self.workload.rate / -math.expm1(self.done * math.log(0.9))
        root = 1 / math.sqrt(-math.expm1(self.done * math.log(0.999)))
        for start in range(0, len(self.theta), _BLOCK):
            part = slice(start, start + _BLOCK)
            g, m, v = self.gradient[part], self.first[part], self.second[part]
            t = self.spare[: len(g)]
            np.multiply(m, 0.9, out=m)
            np.multiply(g, 0.1, out=t)
            np.add(m, t, out=m)
            np.multiply(v, 0.999, out=v)
            np.multiply(g, g, out=t)
            np.multiply(t, 0.001, out=t)
            np.add(v, t, out=v)
            np.sqrt(v, out=t)
            np.multiply(t, root, out=t)
            np.add(t, 1e-8, out=t)
            np.divide(m, t, out=t)
            np.multiply(t, rate, out=t)
            np.subtract(self.theta[part], t, out=self.theta[part])


class Prediction:
    """The forward pass alone."""

    def __init__(self, task: Task) -> None:
        self.layers, self.activations = task.layers, task.workload.activations

    def native(self, X: Array) -> Array:
        """The rows."""
        return X

    def predict(self, rows: Array) -> Array:
        """Outputs of the network."""
        for (weight, bias), name in zip(self.layers, self.activations, strict=True):
            rows = affine(rows, weight, bias, None)
            activate(name, rows)
        return rows


def affine(x: Array, weight: Array, bias: Array | None, out: Array | None) -> Array:
    """The layer's x Wᵀ + b, in `out` where it is given."""
    out = np.matmul(x, weight.T, out=out)
    if bias is not None:
        np.add(out, bias, out=out)
    return out


def activate(name: str, z: Array) -> None:
    """Replace z by the activation of z."""
    if name == "relu":
        np.maximum(z, 0, out=z)
    elif name == "tanh":
        np.tanh(z, out=z)
    elif name == "sigmoid":
        np.negative(z, out=z)
        np.exp(z, out=z)
        np.add(z, 1, out=z)
        np.reciprocal(z, out=z)


def _through(name: str, y: Array, delta: Array) -> None:
    """Multiply delta by the activation's derivative, in terms of its output y, which is spent."""
    if name == "relu":
        np.sign(y, out=y)
    elif name == "tanh":
        np.multiply(y, y, out=y)
        np.subtract(1, y, out=y)
    elif name == "sigmoid":
        np.multiply(y, 1 - y, out=y)
    np.multiply(delta, y, out=delta)


def _views(flat: Array, task: Task) -> list[tuple[Array, Array | None]]:
    """Weight and bias of each layer as parts of a flat array."""
    layers, at = [], 0
    for weight, bias in task.layers:
        w = flat[at : at + weight.size].reshape(weight.shape)
        at += weight.size
        b = None if bias is None else flat[at : at + bias.size]
        at += 0 if bias is None else bias.size
        layers.append((w, b))
    return layers
