"""The recipe of a training: every option with its meaning, settled and checked.

An estimator's option that is None is for its preset to say. What stands behind the presets, with
sources, is in ``docs/design/estimators.md``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from gradus import ops
from gradus.checks import choice, finite_number, flag, require, whole_number, whole_numbers
from gradus.errors import ArgumentError
from gradus.nn import ACTIVATIONS, Module
from gradus.optim import (
    OPTIMIZERS,
    Constant,
    Cosine,
    CosLog,
    FlatCosine,
    OneCycle,
    Optimizer,
    Plateau,
    Schedule,
)

# Fewer rows than this leave too few to validate on: ``early_stopping="auto"`` trains on all.
ENOUGH_ROWS = 100

SCALINGS = ("standard", "robust", "none")
EMBEDDINGS = ("none", "periodic", "piecewise")
_FLAGS = (
    "scaling_layer",
    "ntk",
    "parametric_activation",
    "shuffle",
    "clamp",
    "start_from_data",
)
# Fewer rows than this cost ``copies="auto"`` little time, and gain most by several networks.
FEW_ROWS, COPIES = 1000, 4

# ``max_iter="auto"``: so many passes, or where there are many rows as many as see so many of them.
MOST_PASSES, LEAST_PASSES, ROWS_SEEN = 256, 32, 1 << 21

# What a network and its outputs are made by.
_OF_THE_NETWORK = (
    "hidden_layer_sizes",
    "activation",
    "dropout",
    "scaling",
    "max_one_hot",
    "embedding_size",
    "numeric_embedding",
    "scaling_layer",
    "ntk",
    "parametric_activation",
    "start_from_data",
    "members",
    "copies",
    "loss",
    "quantiles",
    "clamp",
)
SCHEDULES: Mapping[str, Schedule] = {
    "constant": Constant(),
    "cosine": Cosine(),
    "coslog4": CosLog(4),
    "flat_cosine": FlatCosine(),
    "one_cycle": OneCycle(),
}


@dataclass(frozen=True)
class Recipe:
    """All options of a training, settled and checked; each field is an option of the estimators.

    Attributes:
        hidden_layer_sizes: units of each hidden layer.
        activation: of the hidden layers: a name, a module, a function of a tensor, or one a layer.
        dropout: probability of dropping a hidden unit.
        dropout_schedule: how that goes over the training, by the name of a schedule.
        start_from_data: whether the first weights are set by a look at the rows (he+5).
        scaling: of numbers: ``"standard"`` (mean 0, deviation 1), ``"robust"`` (median 0,
            quartiles 1 apart, far values drawn in smoothly), ``"none"``.
        max_one_hot: categories up to which a column has one input each; beyond, an embedding.
        embedding_size: length of a category's embedding.
        numeric_embedding: of numbers: ``"none"``, ``"periodic"`` or ``"piecewise"`` (linear).
        scaling_layer: whether a learned factor an input stands in front.
        ntk: whether layers divide by √fan-in and begin with weights of size 1.
        parametric_activation: whether each unit learns how much of the activation it applies.
        members: networks that share all but the ends, and whose predictions are averaged.
        copies: networks of their own that ``fit`` trains one after another, each with another part
            of the rows held out to watch, and whose predictions are averaged; ``"auto"``: 4 of a
            network with hidden layers where rows are held out of fewer than 1,000, else 1.
        loss: a name or a function; ``"auto"``: by the target.
        label_smoothing: ε of the cross-entropy.
        quantiles: what ``loss="quantile"`` predicts.
        clamp: whether predictions of numbers stay in the range of training.
        alpha: factor of the squared weights in the loss, α/2 ‖W‖² a batch.
        solver: name of an optimizer, or one of ``gradus.optim``, which then says all of its own.
        learning_rate_init: the rate, γ.
        learning_rate: its schedule, by name or from ``gradus.optim``.
        layer_rates: factors on the rate, by pattern of parameter names: ``{"*.bias": 0.1}``;
            0 freezes them.
        beta_1: decay of the first moment, β₁; momentum of ``"sgd"``.
        beta_2: decay of the second moment, β₂.
        epsilon: what keeps Adam from dividing by 0.
        weight_decay: decoupled decay of weights, not of biases, on a flat-then-cosine schedule.
        clip_norm: largest norm of all gradients together; 0: no limit.
        batch_size: rows a step; ``"auto"``: min(200, rows), scikit-learn's choice.
        max_iter: passes over the rows; ``"auto"``: 256, and of more than 8,192 rows as many as see
            two million rows (2²¹) in all, but 32 at least.
        shuffle: whether each pass has an order of its own.
        tol: least improvement that counts.
        n_iter_no_change: passes without one before training ends; ``inf``: it goes on.
        early_stopping: whether to watch a validation part and keep the best weights; ``"auto"``:
            where there is one, or rows enough for one.
        validation_fraction: share of the rows in that part, or to calibrate by.
        monitor: what is watched: ``"loss"`` or ``"score"`` (accuracy, R²).
        calibrate: whether rows are held out to fit a temperature or prediction intervals by;
            ``"auto"``: a temperature, where rows are held out in any case.
    """

    hidden_layer_sizes: tuple[int, ...]
    activation: Any
    dropout: float
    dropout_schedule: str
    start_from_data: bool
    scaling: str
    max_one_hot: int
    embedding_size: int
    numeric_embedding: str
    scaling_layer: bool
    ntk: bool
    parametric_activation: bool
    members: int
    copies: Any
    loss: Any
    clamp: bool
    alpha: float
    solver: Any
    learning_rate_init: float
    learning_rate: Any
    layer_rates: Mapping[str, float]
    beta_1: float
    beta_2: float
    epsilon: float
    weight_decay: float
    clip_norm: float
    batch_size: Any
    max_iter: Any
    shuffle: bool
    tol: float
    n_iter_no_change: float
    early_stopping: Any
    validation_fraction: float
    monitor: str
    label_smoothing: float = 0.0
    quantiles: tuple[float, ...] = (0.05, 0.5, 0.95)
    calibrate: bool | str = False

    def __post_init__(self) -> None:
        settle = object.__setattr__
        sizes = self.hidden_layer_sizes
        settle(self, "hidden_layer_sizes", whole_numbers("hidden_layer_sizes", sizes, least=1))
        for name in ("embedding_size", "members"):
            whole_number(name, getattr(self, name), least=1)
        whole_number("max_one_hot", self.max_one_hot, least=0)
        for name in _FLAGS:
            settle(self, name, flag(name, getattr(self, name)))
        for name in ("learning_rate_init", "epsilon"):
            finite_number(name, getattr(self, name), above=0)
        for name in ("alpha", "weight_decay", "clip_norm", "tol"):
            finite_number(name, getattr(self, name), least=0)
        for name in ("dropout", "beta_1", "beta_2"):
            finite_number(name, getattr(self, name), least=0, below=1)
        finite_number("label_smoothing", self.label_smoothing, least=0, most=1)
        finite_number("validation_fraction", self.validation_fraction, above=0, below=1)
        settle(self, "quantiles", _quantiles(self.quantiles))
        if self.n_iter_no_change != np.inf:
            whole_number("n_iter_no_change", self.n_iter_no_change, least=1)
        if self.copies != "auto":
            whole_number("copies", self.copies, least=1)
            require(
                self.copies == 1 or self.members == 1,
                "copies are of networks without members",
                f"copies={self.copies}, members={self.members}",
                "set copies=1",
            )
        for name in ("batch_size", "max_iter"):
            if getattr(self, name) != "auto":
                whole_number(name, getattr(self, name), least=1)
        for name in ("early_stopping", "calibrate"):
            settle(self, name, _flag_or_auto(name, getattr(self, name)))
        choice("scaling", self.scaling, *SCALINGS)
        choice("dropout_schedule", self.dropout_schedule, *SCHEDULES)
        choice("numeric_embedding", self.numeric_embedding, *EMBEDDINGS)
        choice("monitor", self.monitor, "loss", "score")
        self._check_objects()
        for factor in self.layer_rates.values():
            finite_number("each of layer_rates", factor, least=0)

    def _check_objects(self) -> None:
        for one in self.activations:
            check_activation(one)
        named = isinstance(self.solver, str) and self.solver.lower() in _SOLVERS
        require(
            named or isinstance(self.solver, Optimizer),
            f"solver is one of {', '.join(_SOLVERS)}, or an optimizer of gradus.optim",
            repr(self.solver)[:100],
            _NO_LBFGS if self.solver == "lbfgs" else None,
        )
        require(
            not self.weight_decay or decays(self.solver),
            "weight_decay belongs to the solvers adam and adamw",
            f"weight_decay={self.weight_decay:g} with solver={self.solver!r}"[:200],
            "use alpha, or an optimizer of gradus.optim with a weight decay of its own",
        )
        schedule = self.learning_rate
        named = isinstance(schedule, str) and schedule in SCHEDULES
        require(
            named or isinstance(schedule, (Schedule, Plateau)),
            f"learning_rate is a schedule: {', '.join(SCHEDULES)}, or one of gradus.optim",
            repr(schedule)[:100],
            _NAMED_ELSEWHERE.get(repr(schedule), "the rate itself is learning_rate_init"),
        )
        require(
            isinstance(self.layer_rates, Mapping)
            and all(isinstance(pattern, str) for pattern in self.layer_rates),
            "layer_rates is a dictionary of patterns and factors",
            repr(self.layer_rates)[:100],
            'write layer_rates={"*.bias": 0.1}',
        )

    def check_network(self, made: Recipe) -> None:
        """Refuse what a network that was made by another recipe cannot follow."""
        for name in _OF_THE_NETWORK:
            check_same(name, getattr(made, name), getattr(self, name))

    @property
    def activations(self) -> tuple[Any, ...]:
        """The activation of each hidden layer."""
        given, layers = self.activation, len(self.hidden_layer_sizes)
        if not isinstance(given, Sequence) or isinstance(given, str):
            return (given,) * layers
        if len(given) != layers:
            raise ArgumentError(
                f"there is one activation, or one a hidden layer, here {layers}",
                received=f"{len(given)}",
            )
        return tuple(given)

    def copies_for(self, rows: int) -> int:
        """How many networks to train on so many rows."""
        if self.copies != "auto":
            return int(self.copies)
        alone = self.members > 1 or not self.hidden_layer_sizes
        # What makes copies differ enough to help is that each holds out other rows.
        return COPIES if rows < FEW_ROWS and self.watches(rows) and not alone else 1

    def passes_over(self, rows: int) -> int:
        """How often to pass over so many rows, at most."""
        if self.max_iter != "auto":
            return int(self.max_iter)
        return min(MOST_PASSES, max(LEAST_PASSES, ROWS_SEEN // rows))

    @property
    def reads_rows(self) -> bool:
        """Whether the network is made by rows, and not by their number of columns alone."""
        return self.start_from_data or self.numeric_embedding == "piecewise"

    @property
    def schedule(self) -> Schedule | Plateau:
        """The schedule of the rate."""
        given = self.learning_rate
        return SCHEDULES[given] if isinstance(given, str) else given

    def optimizer(self, parameters: Collection[str]) -> Optimizer:
        """The update rule for parameters of these names."""
        if isinstance(self.solver, Optimizer):
            return self.solver
        name = _SOLVERS[self.solver.lower()]
        made = OPTIMIZERS[name]
        own = {f.name for f in fields(made)}
        options: dict[str, Any] = {"schedule": self.schedule, "clip_norm": self.clip_norm or None}
        groups = {
            pattern: {"lr_factor": factor}
            for pattern, factor in self.layer_rates.items()
            if pattern not in PRESET_RATES or any(fnmatchcase(n, pattern) for n in parameters)
        }
        if "betas" in own:
            options["betas"] = (self.beta_1, self.beta_2)
        if "eps" in own:
            options["eps"] = self.epsilon
        if name == "SGD":
            options["momentum"] = self.beta_1
        if self.weight_decay:
            name, made = "AdamW", OPTIMIZERS["AdamW"]
            options |= {"weight_decay": self.weight_decay, "decay_schedule": FlatCosine()}
            groups["*.bias"] = {**groups.get("*.bias", {}), "weight_decay": 0.0}
        elif name == "Adam":
            options["epsilon_hat"] = True
        return made(self.learning_rate_init, groups=groups, **options)

    def holds_out(self, rows: int) -> bool:
        """Whether some of so many rows are kept out of training, for whatever they are needed."""
        return self.calibrate is True or self.watches(rows)

    def watches(self, rows: int) -> bool:
        """Whether some of so many rows are kept out of training, to choose the weights by."""
        if self.early_stopping == "auto":
            return rows >= ENOUGH_ROWS
        return bool(self.early_stopping)

    def rows_a_step(self, rows: int) -> int:
        """Rows of a batch, where there are so many in all."""
        return min(200, rows) if self.batch_size == "auto" else min(int(self.batch_size), rows)


def check_same(name: str, was: Any, now: Any) -> None:
    """Refuse an option that is not what the network there is was made by."""
    require(
        was == now or repr(was) == repr(now),  # of modules, which a file brings back anew
        f"warm_start and partial_fit go on with the network there is, {name}={was!r}",
        f"{name}={now!r}",
        f"set {name} back, or begin anew by fit with warm_start=False",
    )


def check_activation(given: Any) -> None:
    """Refuse what is no activation of a layer."""
    names = [n for n in ACTIVATIONS if n != "sign"]
    remedy = f"choose one of {', '.join(names)}"
    fits = isinstance(given, Module) or (isinstance(given, str) and given in names)
    if isinstance(given, type):
        remedy = f"make one: {given.__name__}()"
    elif isinstance(given, np.ufunc):
        own = given.__name__
        if own in names:
            remedy = f'write "{own}"'
        elif given.nin == 1 and hasattr(ops, own):
            remedy = f"write gradus.ops.{own}"
    elif callable(given):
        fits = True
    require(fits, ACTIVATION, repr(given)[:100], remedy)


def _flag_or_auto(name: str, given: Any) -> bool | str:
    auto = isinstance(given, str) and given == "auto"
    known = auto or isinstance(given, (bool, np.bool_))
    require(known, f"{name} must be True, False or 'auto'", repr(given)[:100])
    return "auto" if auto else bool(given)


def _quantiles(given: Any) -> tuple[float, ...]:
    """Quantiles in rising order; one may stand alone."""
    several = tuple(given) if isinstance(given, Iterable) else (given,)
    require(bool(several), "quantiles are one number or more", repr(given)[:100])
    return tuple(sorted({finite_number("each of quantiles", q, above=0, below=1) for q in several}))


ACTIVATION = (
    "an activation is a name, a module (not its class), or a function of gradus.ops, from a tensor "
    "to one of the same shape"
)

# What scikit-learn's MLPs have, and what stands in its place.
_NO_LBFGS = (
    'use "adam", which takes steps on batches; steps of L-BFGS, on all rows at once, are those of '
    "LinearClassifier and gradus.minimise"
)
_NAMED_ELSEWHERE = {
    "'adaptive'": "a rate that falls where the loss stops falling is "
    "gradus.optim.Plateau(factor=0.2, patience=1)",
    "'invscaling'": "a rate that falls with the steps is gradus.optim.Exponential(0.99), or "
    '"cosine"',
}

_SOLVERS = {name.lower(): name for name in OPTIMIZERS}


# Rates that presets name for parameters that a network need not have.
PRESET_RATES = {"*.scale": 6.0, "*.mix": 0.1, "*.numeric_embedding.*": 0.1, "*.bias": 0.1}


def decays(solver: Any) -> bool:
    """Whether a solver takes the option weight_decay."""
    return isinstance(solver, str) and solver.lower() in ("adam", "adamw")
