"""The one training loop: order the examples, run many steps a call, stop, record."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache, wraps
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from gradus.checks import whole_number
from gradus.compiler import Executor, executor_named
from gradus.errors import ArgumentError, DivergenceError
from gradus.nn import Module
from gradus.optim import Adam, Optimizer, Plateau, PlateauState
from gradus.train.callbacks import Callback, Row
from gradus.train.checks import check_callbacks, check_loss, check_network, check_optimizer
from gradus.train.diagnosis.kept import Facts, Kept
from gradus.train.divergence import explodes, explosion
from gradus.train.engine import Engine, Position
from gradus.train.epochs import orders, portions, recorded, steps_of
from gradus.train.evaluation import evaluated, total_beside
from gradus.train.examples import Examples, as_features, examples, hold_out
from gradus.train.factors import factors_of
from gradus.train.history import History
from gradus.train.interrupt import StopSignals
from gradus.train.metrics import Metric, check_metrics, metrics_named
from gradus.train.penalty import REDUCTIONS, Penalty, check_penalty
from gradus.train.progress import Progress, wanted
from gradus.train.step import Loss
from gradus.train.stretches import in_stretches
from gradus.train.threads import numpy_limit
from gradus.types import Array

Method = TypeVar("Method", bound=Callable[..., Any])


def _one_at_a_time(fit: Method) -> Method:
    """A method that refuses to run while it runs."""

    @wraps(fit)
    def guarded(trainer: Trainer, *arguments: Any, **options: Any) -> Any:
        if not trainer._fitting.acquire(blocking=False):
            raise ArgumentError(
                "a trainer runs one fit at a time",
                received="another one, from a callback or another thread",
                remedy="wait until it has ended, or use another Trainer",
            )
        try:
            return fit(trainer, *arguments, **options)
        finally:
            trainer._fitting.release()

    return cast(Method, guarded)


def _executor(executor: str | Executor, threads: int | None) -> Executor:
    if threads is not None:
        whole_number("threads", threads, least=1)
    return executor_named(executor, threads)


class Trainer:
    """Trains a network on arrays, and evaluates and predicts with it.

    Args:
        network: any module; its weights are changed.
        loss: ``(prediction, target) → one value an example``, such as ``losses.cross_entropy``.
        optimizer: the update rule; Adam with a rate of 10⁻³ by default.
        reduction: how a batch's values become one number: ``"mean"`` or ``"sum"``.
        metrics: a list of names (``"accuracy"``, ``"rmse"``, ``"mae"``, ``"r2"``; they count rows
            by their weight) and functions ``(prediction, target) → number``. The accuracy of a
            single column takes the loss's word for whether it holds probabilities or scores.
        seed: of the order of examples, the validation split and dropout.
        threads: the most threads to use. None: natively ``GRADUS_NUM_THREADS``, or else the cores
            of this process and no more than ``OMP_NUM_THREADS``, which joblib sets for its
            workers; NumPy is left alone. Native programs that run at the same time share them.
            The native executor gives the same bits for any number.
        executor: what runs the compiled step: ``"reference"`` (NumPy), ``"native"`` (C++),
            ``"auto"`` (native where the installation has it), or an executor.
        penalty: ``(network) → one number``, such as ``train.L2Penalty(1e-4)``: added once to the
            sum of a batch's losses, before it becomes a mean. The loss that is recorded has it too:
            Σ (Σ wᵢ ℓᵢ + penalty) over the batches, over Σ wᵢ for a mean. Losses on validation rows
            and of ``evaluate`` are without it.

    Attributes:
        history: one row an epoch, of all calls of ``fit``.
        executor, threads: what was asked for last, here or by ``run_on``.

    >>> import gradus as gd
    >>> from gradus import losses, nn, optim
    >>> X = np.linspace(-1, 1, 50, dtype="float32").reshape(-1, 1)
    >>> net = nn.Sequential(nn.Linear(1, 1))
    >>> trainer = gd.Trainer(net, losses.squared_error, optim.SGD(0.5))
    >>> history = trainer.fit(X, 3 * X + 1, epochs=50, progress=False)
    >>> round(net[0].weight.item(), 3), round(net[0].bias.item(), 3)
    (3.0, 1.0)
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
        penalty: Penalty | None = None,
    ) -> None:
        optimizer = Adam(1e-3) if optimizer is None else optimizer
        check_network(network)
        check_loss(loss)
        check_optimizer(optimizer, network)
        check_penalty(penalty)
        if reduction not in REDUCTIONS:
            raise ArgumentError(f"reduction is one of {', '.join(REDUCTIONS)}", received=reduction)
        self.network = network
        self.optimizer = optimizer
        self.metrics = metrics_named(metrics, loss)
        self.seed = whole_number("seed", seed)
        self.history = History()
        self.executor, self.threads = executor, threads
        chosen = _executor(executor, threads)
        self._engine = Engine(network, loss, reduction, optimizer, chosen, self.seed, penalty)
        self._plateau = PlateauState()
        self._fitting = threading.Lock()
        self._reasons: list[str] = []  # why the training ends after this epoch

    def run_on(self, executor: str | Executor = "auto", *, threads: int | None = None) -> None:
        """Compute by another executor, or with another number of threads, from here on.

        Weights and the optimizer's moments stay. A fit that runs meanwhile goes on by it,
        with NumPy held to the threads that it began with.

        Args:
            executor: as for the trainer.
            threads: as for the trainer.

        Raises:
            ArgumentError: no such executor, or number.

        >>> from gradus import losses, nn
        >>> trainer = Trainer(nn.Sequential(nn.Linear(2, 1)), losses.squared_error, threads=1)
        >>> trainer.run_on("reference", threads=2)
        >>> trainer.executor, trainer.threads
        ('reference', 2)
        """
        self._engine.run_on(_executor(executor, threads))
        self.executor, self.threads = executor, threads

    # Training -----------------------------------------------------------------------------------

    @_one_at_a_time
    def fit(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        epochs: int = 10,
        batch_size: int = 32,
        validation: float | tuple[npt.ArrayLike | None, ...] | None = None,
        sample_weight: npt.ArrayLike | None = None,
        shuffle: bool = True,
        callbacks: Sequence[Callback] = (),
        progress: bool | None = None,
    ) -> History:
        """Train for a number of epochs; a second call goes on where the first ended.

        Every example is used once an epoch, in a new random order; the last batch is smaller
        where the batch size does not divide the rows. Ctrl-C ends after the current step and keeps
        the work; a second Ctrl-C ends at once.

        Args:
            X: inputs, (rows, …).
            y: targets, (rows, …); class numbers for classification.
            epochs: passes over the rows.
            batch_size: rows a step; larger than the rows means all of them.
            validation: share of the rows to hold out (0 or None: none), or rows of their own,
                ``(X, y)`` or ``(X, y, weight)``.
            sample_weight: weight of each row, ≥ 0; weight 2 counts a row twice.
            shuffle: whether to change the order from epoch to epoch.
            callbacks: a list of hooks, such as ``[EarlyStopping()]``.
            progress: whether to show progress; None: where standard error is a terminal.

        Returns:
            The history, one row an epoch, of all calls of ``fit``.

        Raises:
            DivergenceError: something stopped being finite, or the loss of an epoch exploded to
                over 10⁶ times what the fit began with; the network has its last good weights,
                those of the step or of the epoch before.
            DataError, ShapeError, DtypeError, ArgumentError: inputs that do not fit, or another
                call of ``fit`` that has not ended.
        """
        epochs = whole_number("epochs", epochs, least=1)
        batch_size = whole_number("batch_size", batch_size, least=1)
        check_callbacks(callbacks)
        hooks = [*callbacks, *([Progress()] if wanted(progress) else [])]
        training, held = self._parts(X, y, sample_weight, validation)
        kinds = steps_of(len(training), batch_size)
        programs = self._engine.prepare(training, [k[1:] for k in kinds])
        on_numpy = any(p.program.on_numpy for p in programs)  # then the limit holds all the while
        limit = nullcontext if on_numpy else self._thread_limit
        per_epoch = sum(steps for steps, *_ in kinds)
        start = self.weights()
        unit = self._unit(training)

        @cache
        def began() -> float:
            return self._size(training, start, per_epoch)

        first, earlier, started = self._engine.step, len(self.history), time.perf_counter()
        self._reasons.clear()
        self.history.best_epoch = None
        kept = self.history.kept = self._kept(training, held, start)
        failure = ""
        with StopSignals() as signals, self._thread_limit() if on_numpy else nullcontext():

            def stop(done: int) -> bool:
                for hook in hooks:
                    hook.on_step(self, self._engine.step - first + done)
                return signals.received is not None

            def take(
                before: Position, done: int, count: int, stop: Callable[[int], bool]
            ) -> list[Row]:
                numbers = range(earlier + done, earlier + done + count)
                schedules = before.step - first, epochs * per_epoch, per_epoch
                rows = self._epochs(before, training, batch_size, shuffle, numbers, schedules, stop)
                ended = time.perf_counter() - started  # of the last; the others before it
                return [
                    {**row, "seconds": ended + row["seconds"] - rows[-1]["seconds"]} for row in rows
                ]

            def wrong(row: Row) -> DivergenceError | None:
                return explosion(row, began()) if explodes(row["loss"], unit, began) else None

            def tell(row: Row, last: bool) -> bool:
                if last and signals.received is not None:
                    self.stop(f"stopped by {signals.received.name}")
                seconds = row.pop("seconds")
                if self.metrics or held:
                    self._measure(row, held or training, "val_" if held else "", limit)
                    seconds = time.perf_counter() - started
                row["seconds"] = seconds
                self.history.rows.append(row)
                for hook in hooks:
                    hook.on_epoch_end(self, row)
                return bool(self._reasons)

            for hook in hooks:
                hook.on_fit_begin(self, epochs, per_epoch)
            try:
                begun = in_stretches(
                    self._engine,
                    epochs,
                    together=self._unseen(held) and all(hook.rows_only for hook in hooks),
                    take=take,
                    wrong=wrong,
                    tell=tell,
                    stop=stop,
                    stopped=lambda: signals.received is not None,
                )
                if begun < epochs and signals.received is not None and not self._reasons:
                    self.stop(f"stopped by {signals.received.name}")
            except BaseException as error:
                rule = type(error).__name__
                if isinstance(error, DivergenceError):
                    rule, failure = error.rule, str(error)
                self.stop(rule)
                raise
            finally:
                self.history.stop_reason = "; ".join(self._reasons) or f"all {epochs} epochs done"
                for hook in hooks:
                    hook.on_fit_end(self)
                kept.ended(self.weights(), failure)
        return self.history

    def stop(self, reason: str) -> None:
        """End the training after this epoch; for callbacks."""
        self._reasons.append(reason)

    def weights(self) -> dict[str, Array]:
        """Weights and state of the network as they are now, for ``restore``."""
        return self._engine.weights()

    def restore(self, weights: dict[str, Array]) -> None:
        """Put back weights that ``weights`` gave."""
        self._engine.restore(weights)

    def _kept(self, rows: Examples, held: Examples | None, start: dict[str, Array]) -> Kept:
        """What a diagnosis will want to know of the fit that begins."""
        facts = Facts(
            first=len(self.history),
            units=(self._unit(rows), self._unit(held or rows)),
            rate=self.optimizer.lr,
            weight_decay=getattr(self.optimizer, "weight_decay", 0.0),
        )
        return Kept(self.network, self._engine.loss, rows, start, facts)

    def _parts(
        self, X: Any, y: Any, weight: Any, validation: Any
    ) -> tuple[Examples, Examples | None]:
        """Rows to train on, and rows to validate on where there are any."""
        rows = self._examples(X, y, weight)
        if isinstance(validation, (tuple, list)) and len(validation) in (2, 3):
            X_held, y_held, *weights = validation
            return rows, self._examples(X_held, y_held, *(weights or [None]))
        share = 0 if validation is None else validation
        if not isinstance(share, (int, float, np.number)) or isinstance(share, bool):
            raise ArgumentError(
                "validation is a share of the rows (0 to 1), (X, y) or (X, y, weight), or None",
                received=type(validation).__name__,
            )
        return hold_out(rows, float(share), self.seed) if share else (rows, None)

    def _unseen(self, held: Examples | None) -> bool:
        """Whether the trainer itself has nothing to do between two epochs."""
        return not (held or self.metrics or isinstance(self.optimizer.schedule, Plateau))

    def _epochs(
        self,
        before: Position,
        rows: Examples,
        batch_size: int,
        shuffle: bool,
        numbers: range,
        schedules: tuple[int, int, int],
        stop: Callable[[int], bool],
    ) -> list[Row]:
        """All steps of the next epochs in one call; what is recorded of those that were begun.

        Args:
            before: where training stands.
            rows: to train on.
            batch_size: as in ``fit``.
            shuffle: as in ``fit``.
            numbers: of the epochs, from 0.
            schedules: steps done, steps in all, and steps of an epoch.
            stop: asked while steps are taken.
        """
        done, total, per_epoch = schedules
        step, plateau = before.step, self._next_plateau(done)
        order = orders(len(rows), self.seed, numbers, shuffle)
        factors = factors_of(self.optimizer, done, len(numbers), total, per_epoch, plateau)
        taken = portions(order, batch_size, factors)
        found = self._engine.train(before, rows, taken, stop)
        made: list[Row] = []
        for k, epoch in enumerate(recorded(rows, taken, found)):
            step += epoch.steps
            squares = [v * v for v in epoch.norms.values()]
            made.append(
                {
                    "epoch": numbers[k] + 1,
                    "steps": step,
                    "loss": self._reduced(epoch.loss, epoch.weight),
                    "learning_rate": self.optimizer.lr * float(factors["factor"][k, -1]),
                    "gradient_norm": float(np.sqrt(sum(squares))) if squares else float("nan"),
                    "gradient_norms": epoch.norms,
                    "seconds": epoch.ended,
                }
            )
        return made

    def _next_plateau(self, done: int) -> float:
        """What a schedule that goes by the losses says after so many steps; asked once an epoch."""
        schedule = self.optimizer.schedule
        if done and isinstance(schedule, Plateau):
            row = self.history.rows[-1]
            self._plateau = schedule.next(self._plateau, row.get("val_loss", row["loss"]))
        return self._plateau.factor

    # Evaluating and predicting ------------------------------------------------------------------

    def evaluate(
        self, X: npt.ArrayLike, y: npt.ArrayLike, *, sample_weight: npt.ArrayLike | None = None
    ) -> dict[str, float]:
        """Loss (the weighted mean or sum, as in training) and metrics on rows of their own.

        Raises:
            DataError, ShapeError, DtypeError: inputs that do not fit.
        """
        rows = self._examples(X, y, sample_weight)
        return self._judged(rows, self._thread_limit)

    def predict(self, X: npt.ArrayLike) -> Array:
        """Outputs of the network for the rows of X, (rows, …).

        Any number of rows runs on few programs, made when they are first needed. A network that
        looks across its rows sees those given, at most 1024 at once. Several threads of Python
        may predict at the same time.

        Raises:
            DataError, ShapeError, DtypeError: inputs that do not fit.
        """
        found = self._engine.shortcut(X)
        if found is None:
            x = as_features(X, self._engine.dtype)
            found = self._engine.shortcut(x)
        if found is None:
            found = self._engine.forward(x, limit=self._thread_limit)["prediction"]
        return found

    def _measure(
        self,
        row: Row,
        rows: Examples,
        prefix: str,
        limit: Callable[[], AbstractContextManager[Any]],
    ) -> None:
        """Add what the weights give on the rows to the row of the history."""
        found = self._judged(rows, limit)
        if not prefix:
            del found["loss"]  # the epoch's own, over which the weights changed, stays
        row.update({prefix + n: v for n, v in found.items()})

    def _judged(
        self, rows: Examples, limit: Callable[[], AbstractContextManager[Any]]
    ) -> dict[str, float]:
        """Loss and metrics of the rows."""
        total, prediction = evaluated(
            self._engine, rows, predictions=bool(self.metrics), limit=limit
        )
        found = {"loss": self._reduced(total, rows.total)}
        if self.metrics:
            y, weight = rows.targets()
            found |= {n: float(f(prediction, y, weight)) for n, f in self.metrics.items()}
        return found

    def _size(self, rows: Examples, weights: dict[str, Array], batches: int) -> float:
        """The loss of the rows with these weights, or where all are predicted as the first.

        With the penalty, as an epoch of so many batches records it.
        """
        total, prediction = evaluated(self._engine, rows, predictions=False, weights=weights)
        alike = total_beside(self._engine.loss, prediction[:1], rows)
        penalty = batches * self._engine.penalty_with(weights)
        return self._reduced(float(np.max([total, alike])) + penalty, rows.total)

    def _unit(self, rows: Examples) -> float:
        """The loss of the rows if each had a loss of 1."""
        return self._reduced(rows.total, rows.total)

    def _reduced(self, total: float, weight: float) -> float:
        """The trainer's reduction of values with this weighted sum and sum of weights."""
        return total if self._engine.reduction == "sum" else total / weight

    def _examples(self, X: Any, y: Any, weight: Any) -> Examples:
        x = as_features(X, self._engine.dtype)
        first = self._engine.forward(x[:1])["prediction"]
        rows = examples(x, y, weight, self._engine.dtype, first.shape)
        total_beside(self._engine.loss, first, rows)
        check_metrics(self.metrics, first, rows.y[:1])
        return rows

    def _thread_limit(self) -> AbstractContextManager[Any]:
        """Hold NumPy's matrix products to the number of threads."""
        return numpy_limit(self.threads)
