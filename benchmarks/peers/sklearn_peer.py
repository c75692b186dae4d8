"""scikit-learn's multilayer perceptron, one ``partial_fit`` an epoch."""

from __future__ import annotations

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor

from benchmarks.task import Task
from benchmarks.workloads import Array

_ACTIVATIONS = {"sigmoid": "logistic"}


class Training:
    """A classifier; for the sum of squares a regressor.

    Two of its rules are its own, so that the parameters cannot be compared: Adam adds ε before it
    corrects the second moment, and the regressor halves and averages the loss, has no sigmoid on
    its outputs, and always has biases. The work is the same to within these few operations.
    """

    many_steps_a_call = False

    def __init__(self, task: Task) -> None:
        self.task, self.workload = task, task.workload
        classifies = self.workload.loss != "sse"
        self.comparable = classifies and self.workload.optimizer == "sgd"
        self.y = task.y.ravel().astype(np.int64) if classifies else task.y
        self.net = _estimator(task, self.y)
        self.reset()

    def reset(self) -> None:
        """Back to the initial weights, with a new optimizer."""
        _assign(self.net, self.task)
        vars(self.net).pop("_optimizer", None)

    def train(self, order: Array) -> None:
        """As many steps as the order has; scikit-learn draws its own order."""
        self._epochs(self.task.X, self.y, order.size)

    def replay(self, order: Array) -> None:
        """Take the steps in the order of the rows as they lie."""
        rows = order.ravel()
        self.net.shuffle = False
        self._epochs(self.task.X[rows], self.y[rows], len(rows))
        self.net.shuffle = True

    def parameters(self) -> list[Array]:
        """Copies of all parameters."""
        layers = zip(self.net.coefs_, self.net.intercepts_, strict=True)
        return [a.copy() for weight, bias in layers for a in (weight.T, bias)]

    def _epochs(self, X: Array, y: Array, count: int) -> None:
        for start in range(0, count, len(X)):
            rows = min(len(X), count - start)
            self.net.partial_fit(X[:rows], y[:rows])


class Prediction:
    """The classifier's probabilities: the network and a softmax."""

    probabilities = True

    def __init__(self, task: Task) -> None:
        self.net = _estimator(task, task.y)
        _assign(self.net, task)

    def native(self, X: Array) -> Array:
        """The rows."""
        return X

    def predict(self, rows: Array) -> Array:
        """Probabilities of the classes."""
        return self.net.predict_proba(rows)


def _estimator(task: Task, y: Array) -> MLPClassifier | MLPRegressor:
    """An estimator of the workload's shape that has seen one batch, so that its arrays exist."""
    workload = task.workload
    classifies = workload.loss != "sse"
    net = (MLPClassifier if classifies else MLPRegressor)(
        hidden_layer_sizes=workload.sizes[1:-1],
        activation=_ACTIVATIONS.get(workload.hidden, workload.hidden),
        solver=workload.optimizer,
        learning_rate_init=workload.rate,
        batch_size=workload.batch,
        alpha=0,
        momentum=0,
        nesterovs_momentum=False,
    )
    batch = (task.X[: workload.batch], y[: workload.batch])
    if classifies:
        net.partial_fit(*batch, classes=np.arange(max(workload.sizes[-1], 2)))
    else:
        net.partial_fit(*batch)
    return net


def _assign(net: MLPClassifier | MLPRegressor, task: Task) -> None:
    """Give the estimator the initial weights, in place: its optimizer holds the arrays."""
    for k, (weight, bias) in enumerate(task.layers):
        net.coefs_[k][:] = weight.T
        net.intercepts_[k][:] = 0 if bias is None else bias
