"""The one training loop: build the step, compile it, run many steps a call, stop, record."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt

from gradus.compiler import Executor, Program, ReferenceExecutor
from gradus.data import batch_bounds, epoch_order
from gradus.errors import ArgumentError, DivergenceError
from gradus.nn import Module
from gradus.optim import Adam, Optimizer, Plateau
from gradus.train.callbacks import Callback, Row
from gradus.train.divergence import first_fault
from gradus.train.examples import Examples, as_features, examples, hold_out
from gradus.train.history import History
from gradus.train.interrupt import StopSignals
from gradus.train.metrics import Metric, metric_named
from gradus.train.progress import Progress, wanted
from gradus.train.step import (
    OPTIMIZER,
    PARAMS,
    STATE,
    Loss,
    StepBuilder,
    flatten,
    part,
)
from gradus.types import Array, TensorType

EXECUTORS: dict[str, type[Executor]] = {"auto": ReferenceExecutor, "reference": ReferenceExecutor}
_PREDICTION_ROWS = 1024  # rows a call when predicting: large enough to be fast, small in memory


class Trainer:
    """Trains a network on arrays, and evaluates and predicts with it.

    Args:
        network: any module; its weights are changed.
        loss: ``(prediction, target) → one value an example``, such as ``losses.cross_entropy``.
        optimizer: the update rule; Adam with a rate of 10⁻³ by default.
        reduction: how a batch's values become one number: ``"mean"`` or ``"sum"``.
        metrics: names (``"accuracy"``, ``"rmse"``, ``"mae"``, ``"r2"``) or functions
            ``(prediction, target) → number``.
        seed: of the order of examples, the validation split and dropout.
        threads: the most threads that NumPy may use; None leaves it alone.
        executor: what runs the compiled step: ``"auto"``, ``"reference"`` or an executor.

    >>> import gradus as gd
    >>> from gradus import losses, nn, optim
    >>> X = np.linspace(-1, 1, 50, dtype="float32").reshape(-1, 1)
    >>> net = nn.Sequential(nn.Linear(1, 1))
    >>> trainer = gd.Trainer(net, losses.squared_error, optim.SGD(0.1))
    >>> history = trainer.fit(X, 3 * X + 1, epochs=50, progress=False)
    >>> bool(abs(net[0].weight.item() - 3) < 1e-3)
    True
    """

    def __init__(
        self,
        network: Module,
        loss: Loss,
        optimizer: Optimizer | None = None,
        *,
        reduction: str = "mean",
        metrics: Sequence[str | Metric] = (),
        seed: int = 0,
        threads: int | None = None,
        executor: str | Executor = "auto",
    ) -> None:
        if not network.parameters():
            raise ArgumentError(
                "a network to train has parameters",
                received=type(network).__name__,
                remedy="make a field a tensor with requires_grad=True",
            )
        if isinstance(executor, str) and executor not in EXECUTORS:
            raise ArgumentError(f"executor is one of {', '.join(EXECUTORS)}", received=executor)
        if threads is not None and threads < 1:
            raise ArgumentError("threads is a number ≥ 1, or None", received=threads)
        self.network = network
        self.loss = loss
        self.optimizer = optimizer or Adam(1e-3)
        self.metrics = dict(metric_named(m) for m in metrics)
        self.seed = seed
        self.threads = threads
        self.history = History()
        self.dtype = network.parameters()[0].dtype
        chosen = EXECUTORS[executor]() if isinstance(executor, str) else executor
        self._steps = StepBuilder(network, loss, reduction, self.optimizer, chosen)
        self._programs: dict[Any, Program] = {}
        self._moments = flatten(OPTIMIZER, dict(self.optimizer.init_all(network.named_parameters())))
        self._carry: dict[str, Array] = {}
        self._step = 0
        self._epoch = 0
        self._plateau: Any = None
        self._stop_reason: str | None = None

    # Training -----------------------------------------------------------------------------------

    def fit(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        epochs: int = 10,
        batch_size: int = 32,
        validation: float | tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
        sample_weight: npt.ArrayLike | None = None,
        shuffle: bool = True,
        callbacks: Sequence[Callback] = (),
        progress: bool | None = None,
    ) -> History:
        """Train for a number of epochs; a second call goes on where the first ended.

        Every example is used once an epoch, in a new random order, the last batch being smaller
        where the batch size does not divide the rows. Ctrl-C ends after the current step and keeps
        the work; a second Ctrl-C ends at once.

        Args:
            X: inputs, (rows, …).
            y: targets, (rows, …); class numbers for classification.
            epochs: passes over the rows.
            batch_size: rows a step; larger than the rows means all of them.
            validation: share of the rows to hold out, or ``(X, y)`` of their own.
            sample_weight: weight of each row, ≥ 0; weight 2 counts a row twice.
            shuffle: whether to change the order from epoch to epoch.
            callbacks: hooks, such as ``EarlyStopping``.
            progress: whether to show progress; None: where standard error is a terminal.

        Returns:
            The history, one row an epoch, of all calls of ``fit``.

        Raises:
            DivergenceError: the loss stopped being finite; the network has its last good weights.
            DataError, ShapeError, ArgumentError: inputs that do not fit.
        """
        if epochs < 1 or batch_size < 1:
            raise ArgumentError("epochs ≥ 1 and batch_size ≥ 1", received=(epochs, batch_size))
        rows = examples(X, y, sample_weight, self.dtype, self._output_shape)
        if isinstance(validation, tuple):
            training, held = rows, examples(*validation, None, self.dtype, self._output_shape)
        elif validation is not None:
            training, held = hold_out(rows, validation, self.seed)
        else:
            training, held = rows, None
        hooks = [*callbacks, *([Progress()] if wanted(progress) else [])]
        self._carry = {**self._weights_of_network(), **self._moments}
        self._stop_reason = None
        per_epoch = len(batch_bounds(len(training.x), batch_size))
        first, started = self._step, time.perf_counter()
        reason = f"all {epochs} epochs done"
        with StopSignals() as signals, self._thread_limit():
            for hook in hooks:
                hook.on_fit_begin(self, epochs, per_epoch)

            def stop() -> bool:
                for hook in hooks:
                    hook.on_step(self, self._step - first)
                return signals.received is not None

            try:
                for _ in range(epochs):
                    factors = self._factors(per_epoch, first, epochs * per_epoch)
                    row = self._run_epoch(training, batch_size, shuffle, factors, stop)
                    if signals.received is not None:
                        reason = f"stopped by {signals.received.name}"
                        break
                    self._measure(row, held or training, "val_" if held else "")
                    row["seconds"] = time.perf_counter() - started
                    self.history.rows.append(row)
                    for hook in hooks:
                        hook.on_epoch_end(self, row)
                    if self._stop_reason is not None:
                        reason = self._stop_reason
                        break
            except DivergenceError as error:
                reason = error.rule
                raise
            finally:
                self.history.stop_reason = reason
                self.restore(self._carry)
                self._moments = {n: a for n, a in self._carry.items() if n.startswith(OPTIMIZER)}
                for hook in hooks:
                    hook.on_fit_end(self)
        return self.history

    def stop(self, reason: str) -> None:
        """End the training after this epoch; for callbacks."""
        self._stop_reason = reason

    def weights(self) -> dict[str, Array]:
        """Current weights and state of the network during training; for callbacks."""
        return {n: a for n, a in self._carry.items() if not n.startswith(OPTIMIZER)}

    def restore(self, weights: dict[str, Array]) -> None:
        """Put weights that ``weights`` gave back into the network."""
        named = {**self.network.named_parameters(), **self.network.named_buffers()}
        for name, array in {**part(weights, PARAMS), **part(weights, STATE)}.items():
            named[name].assign(array)

    def _run_epoch(
        self, rows: Examples, batch_size: int, shuffle: bool, factors: Array, stop: Any
    ) -> Row:
        """All steps of an epoch: full batches, the last of them monitored, then the short one."""
        n = len(rows.x)
        order = epoch_order(n, self.seed, self._epoch, shuffle)
        full, rest = divmod(n, batch_size)
        portions = [(order[: full * batch_size].reshape(full, -1), False)] if full else []
        if full:
            whole = portions.pop()[0]
            portions = [(whole[:-1], False), (whole[-1:], True)]
        if rest:
            portions.append((order[full * batch_size :].reshape(1, -1), not full))
        total = weight = 0.0
        norms: dict[str, float] = {}
        start = self._step
        for batches, monitored in portions:
            done, records = self._run_steps(rows, batches, monitored, factors, start, stop)
            counted = rows.weight_of(batches[:done])
            total += float(records["loss"].astype(np.float64) @ counted)
            weight += float(counted.sum())
            norms.update({n: float(a[-1]) for n, a in part(records, "gradient_norm").items() if done})
            if done < len(batches):
                break
        self._epoch += 1
        return {
            "epoch": self._epoch,
            "steps": self._step,
            "loss": total / weight if weight else float("nan"),
            "learning_rate": float(factors[min(self._step - start, len(factors)) - 1])
            * self.optimizer.lr,
            "gradient_norm": float(np.sqrt(sum(v * v for v in norms.values()))),
            "gradient_norms": norms,
        }

    def _run_steps(
        self, rows: Examples, batches: Array, monitored: bool, factors: Array, start: int, stop: Any
    ) -> tuple[int, dict[str, Array]]:
        if not len(batches):
            return 0, {"loss": np.zeros(0)}
        program = self._train_program(rows, batches.shape[1], monitored)
        at = self._step - start
        before = dict(self._carry)
        arguments = {
            "data": {f"batch.{n}": a for n, a in rows.arrays.items()},
            "fixed": {"seed": np.asarray(self.seed, np.int64)},
            "watch": "loss",
        }

        def counted() -> bool:
            halt = bool(stop())
            self._step += not halt
            return halt

        first = self._step
        steps = program.steps(
            before,
            order=batches,
            per_step=self._per_step(first, factors[at : at + len(batches)]),
            stop=counted,
            **arguments,
        )
        self._step = first + steps.done
        self._carry = steps.carry
        if steps.done and not _all_finite({**steps.carry, "loss": steps.records["loss"]}):
            self._find_fault(program, before, batches, first, factors[at:], arguments, rows)
        return steps.done, steps.records

    def _per_step(self, first: int, factors: Array) -> dict[str, Array]:
        numbers = np.arange(first, first + len(factors), dtype=np.int64)
        return {"step": numbers, "factor": factors.astype(self.dtype)}

    def _find_fault(
        self,
        program: Program,
        carry: dict[str, Array],
        batches: Array,
        first: int,
        factors: Array,
        arguments: dict[str, Any],
        rows: Examples,
    ) -> None:
        """Repeat the steps one by one up to the one that leaves the finite numbers, and say why."""
        for k, batch in enumerate(batches):
            one = program.steps(
                carry,
                order=batch[None],
                per_step=self._per_step(first + k, factors[k : k + 1]),
                stop=lambda: False,
                **arguments,
            )
            if not _all_finite({**one.carry, "loss": one.records["loss"]}):
                break
            carry = one.carry
        self._carry, self._step = carry, first + k
        self.restore(carry)
        fault = first_fault(self.network, self.loss, rows.x[batch], rows.y[batch])
        raise DivergenceError(
            f"training left the finite numbers at step {first + k + 1}",
            received=fault,
            remedy="lower the learning rate, clip the gradients (clip_norm=1), or scale the "
            "inputs; the network holds its last good weights",
        )

    def _factors(self, per_epoch: int, first: int, total: int) -> Array:
        """What the schedule says for each step of the coming epoch."""
        schedule = self.optimizer.schedule
        if isinstance(schedule, Plateau):
            state = self._plateau or schedule.init()
            rows = self.history.rows
            if self._plateau is not None and rows:
                state = schedule.next(state, rows[-1].get("val_loss", rows[-1]["loss"]))
            self._plateau = state
            return np.full(per_epoch, state.factor)
        done = self._step - first
        return schedule.factor(np.arange(done, done + per_epoch, dtype=float), total, per_epoch)

    # Evaluating and predicting --------------------------------------------------------------------

    def evaluate(
        self, X: npt.ArrayLike, y: npt.ArrayLike, *, sample_weight: npt.ArrayLike | None = None
    ) -> dict[str, float]:
        """Loss (mean over the examples) and metrics on other rows.

        Raises:
            DataError, ShapeError: inputs that do not fit.
        """
        rows = examples(X, y, sample_weight, self.dtype, self._output_shape)
        self._carry = self._weights_of_network()
        with self._thread_limit():
            row: Row = {}
            self._measure(row, rows, "")
            if not self.metrics:
                row["loss"] = self._evaluate_loss(rows)[0]
        return row

    def predict(self, X: npt.ArrayLike) -> Array:
        """Outputs of the network for the rows of X, (rows, …)."""
        x = as_features(X, self.dtype)
        self._carry = self._weights_of_network()
        with self._thread_limit():
            return self._forward(x, None)["prediction"]
