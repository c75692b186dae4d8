"""Recurrent layers: one small step, repeated along a sequence, with a state handed on.

``Recurrent`` walks through the steps, for any number of layers and in both directions. A kind of
network is the formula of one step: ``cell`` of RNN, LSTM and GRU. The walk is unrolled, so a
traced network is a graph of as many steps as the sequence has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy.typing as npt

from gradus import ops
from gradus.checks import choice, finite_number, flag, whole_number
from gradus.errors import ArgumentError, DtypeError, ShapeError
from gradus.nn.dropout import dropped
from gradus.nn.init import Uniform
from gradus.nn.linear import affine
from gradus.nn.module import Module
from gradus.nn.parameter import float_dtype, parameter
from gradus.tensor import Tensor, arange, tensor, zeros
from gradus.types import Shape

_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")  # of each direction of each layer

State = tuple[Tensor, ...]  # h, and with an LSTM c: (n, hidden_size) each


class Recurrent(Module):
    """Base of the recurrent layers: ``output, state = layer(x, state, lengths)``.

    From a sequence of rows x₁ … x_T every layer k makes h₁ … h_T, which layer k + 1 reads. What
    belongs to the inputs, x Wᵀ + b, is one product for all steps; the rest waits for the step
    before. A bidirectional layer does so once forwards and once backwards, with weights of their
    own (``…_reverse``), and hands on both results beside each other.

    Attributes:
        weight_ih_l0, …: (gates · hidden_size, input_size), from the input to each gate; in later
            layers from the hidden_size (both directions': 2 hidden_size) outputs of the one before.
        weight_hh_l0, …: (gates · hidden_size, hidden_size), from the state before.
        bias_ih_l0, bias_hh_l0, …: (gates · hidden_size,), where there are biases.
    """

    gates: ClassVar[int]
    parts: ClassVar[tuple[str, ...]] = ("h",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype: npt.DTypeLike = "float32",
    ) -> None:
        self.input_size = whole_number("input_size", input_size, least=1)
        self.hidden_size = whole_number("hidden_size", hidden_size, least=1)
        self.num_layers = whole_number("num_layers", num_layers, least=1)
        self.bias = flag("bias", bias)
        self.batch_first = flag("batch_first", batch_first)
        self.dropout = finite_number("dropout", dropout, least=0, below=1)
        self.bidirectional = flag("bidirectional", bidirectional)
        self.dtype = float_dtype(dtype)
        if self.dropout and self.num_layers == 1:
            raise ArgumentError(
                "dropout acts between recurrent layers, so it takes two or more",
                received=f"dropout={self.dropout}, num_layers=1",
                remedy="put nn.Dropout behind the layer, or take num_layers=2",
            )
        usual, rows = Uniform(1.0 / math.sqrt(self.hidden_size)), self.gates * self.hidden_size
        for layer in range(self.num_layers):
            width = self.input_size if layer == 0 else self.hidden_size * len(self._directions)
            for way in self._directions:
                shapes: list[Shape] = [(rows, width), (rows, self.hidden_size), (rows,), (rows,)]
                for name, shape in zip(_NAMES, shapes, strict=True):
                    made = None
                    if self.bias or name.startswith("weight"):
                        made = parameter(usual, shape, self.dtype)
                    setattr(self, f"{name}_l{layer}{way}", made)

    @property
    def _directions(self) -> tuple[str, ...]:
        """What the names of a layer's parameters end in, for each direction."""
        return ("", "_reverse") if self.bidirectional else ("",)

    def cell(self, x: Tensor, h: Tensor, state: State) -> State:
        """One step: each kind of network says its own.

        Args:
            x: what the inputs of this step give each gate, W xₜ + b: (n, gates · hidden_size).
            h: what the state before gives each gate, W hₜ₋₁ + b, of the same shape.
            state: the state before.
        """
        raise NotImplementedError(f"{type(self).__name__} has no cell(self, x, h, state)")

    def forward(self, x: Tensor, state: Any = None, lengths: Any = None) -> Any:
        """Outputs of all steps, and the state after the last.

        Args:
            x: (n, T, input_size), or (T, n, input_size) with ``batch_first=False``; T ≥ 1.
            state: to begin with, as it is returned; zeros without it.
            lengths: (n,), how many steps of each row count, 1 to T; all without it. What stands
                behind them is padding and has no effect. Computed lengths that are only known when
                a traced function runs are not checked: 0 counts no step, more than T count T.

        Returns:
            ``output``, (n, T, directions · hidden_size) or (T, n, …): h of the last layer at every
            step, zeros behind a row's length. ``state``, whatever ``batch_first`` says:
            (num_layers · directions, n, hidden_size), as in PyTorch, after each row's own last
            step; backwards, that is its first one.
        """
        self._check_input(x)
        if not self.batch_first:
            x = ops.permute_dims(x, axes=(1, 0, 2))
        n, steps, _ = x.shape
        start = self._start(state, n)
        counts = None if lengths is None else _counted(lengths, n, steps)
        if counts is not None:
            # A derivative of 0 times padding that is no number would be none, too.
            x = ops.where(ops.expand_dims(counts, axis=2), x, 0.0)
        ends: list[State] = []
        for layer in range(self.num_layers):
            if layer and self.training and self.dropout:
                x = dropped(x, self.dropout)
            outputs = []
            for way in self._directions:
                output, after = self._walk(x, f"l{layer}{way}", start[len(ends)], counts)
                outputs.append(output)
                ends.append(after)
            x = ops.concat(outputs, axis=2) if self.bidirectional else outputs[0]
        final = tuple(ops.stack(part) for part in zip(*ends, strict=True))
        output = x if self.batch_first else ops.permute_dims(x, axes=(1, 0, 2))
        return output, final if len(final) > 1 else final[0]

    def _walk(
        self, x: Tensor, place: str, state: State, counts: Tensor | None
    ) -> tuple[Tensor, State]:
        """One direction of one layer: its outputs, (n, T, hidden_size), and its last state.

        A step that does not count leaves the state as it is. So backwards, where padding comes
        first, a row begins at its own last step.
        """
        weight_ih, weight_hh, bias_ih, bias_hh = (getattr(self, f"{n}_{place}") for n in _NAMES)
        given = affine(self, x, weight_ih, bias_ih)
        steps = range(x.shape[1])
        outputs = {}
        for t in reversed(steps) if place.endswith("_reverse") else steps:
            from_h = affine(self, state[0], weight_hh, bias_hh)
            after = self.cell(given[:, t], from_h, state)
            if counts is None:
                state, outputs[t] = after, after[0]
            else:
                here = counts[:, t : t + 1]
                state = tuple(ops.where(here, a, b) for a, b in zip(after, state, strict=True))
                outputs[t] = ops.where(here, state[0], 0.0)
        return ops.stack([outputs[t] for t in steps], axis=1), state

    def _check_input(self, x: Any) -> None:
        shape = x.shape if isinstance(x, Tensor) else ()
        axes = ("n", "T") if self.batch_first else ("T", "n")
        if len(shape) == 3 and shape[axes.index("T")] and shape[2] == self.input_size:
            return
        if not isinstance(x, Tensor):
            remedy = "between two recurrent layers, put nn.EveryStep()"
        elif len(shape) == 3:
            remedy = "check the number of features, and batch_first"
        else:
            remedy = "give one sequence a first axis, x[None], and plain numbers a last one"
        raise ShapeError(
            f"{self.summary()} takes sequences ({', '.join(axes)}, {self.input_size}) with T ≥ 1",
            received=_kind(x),
            remedy=remedy,
        )

    def _start(self, state: Any, n: int) -> list[State]:
        """The state to begin with, of each direction of each layer."""
        shape = (self.num_layers * len(self._directions), n, self.hidden_size)
        if state is None:
            return [tuple(zeros(shape[1:], self.dtype) for _ in self.parts)] * shape[0]
        several = isinstance(state, tuple) or (isinstance(state, list) and len(self.parts) > 1)
        given = tuple(state) if several else (state,)
        if len(given) != len(self.parts) or (several and len(self.parts) == 1):
            rule = "(h, c)" if len(self.parts) == 2 else "one tensor, h"
            raise ArgumentError(
                f"the state of {self.summary()} is {rule}",
                received=_kind(state),
                remedy="hand on the state that the layer returned",
            )
        found = tuple(t if isinstance(t, Tensor) else tensor(t) for t in given)
        for name, part in zip(self.parts, found, strict=True):
            if part.shape != shape:
                raise ShapeError(
                    f"{name} of the state of {self.summary()} has the shape "
                    "(num_layers · directions, n, hidden_size)",
                    received=f"{part.shape}, not {shape}",
                    remedy="hand on the state that the layer returned for as many rows",
                )
        return [tuple(part[k] for part in found) for k in range(shape[0])]


def _kind(value: Any) -> str:
    """What was received, in words."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {value.shape}"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return "None" if value is None else f"a {type(value).__name__}"


def _counted(lengths: Any, n: int, steps: int) -> Tensor:
    """Whether each step of each row counts, (n, T)."""
    given = lengths if isinstance(lengths, Tensor) else tensor(lengths)
    if given.dtype.kind not in "iu":
        raise DtypeError(
            "lengths are integers", received=given.type, remedy="use lengths.astype('int64')"
        )
    if given.shape != (n,):
        raise ShapeError(f"lengths has one number for each of {n} rows", received=given.shape)
    if not given.is_symbolic and n:
        least, most = given.numpy().min(), given.numpy().max()
        if least < 1 or most > steps:
            raise ArgumentError(
                f"the lengths of sequences padded to {steps} steps lie between 1 and {steps}",
                received=f"{least} to {most}",
                remedy="count the steps of each row, and leave rows without any out",
            )
    return ops.less(arange(steps), given.reshape(n, 1))


def _gates(x: Tensor, count: int) -> Sequence[Tensor]:
    """The blocks of columns that belong to each gate."""
    width = x.shape[1] // count
    return [x[:, k * width : (k + 1) * width] for k in range(count)]


class RNN(Recurrent):
    """The plain recurrent layer: hₜ = f(W xₜ + b + U hₜ₋₁ + c), with f = tanh or ReLU.

    Rows are examples: ``batch_first`` is True, unlike in PyTorch, whose names and arguments these
    are otherwise. ``Recurrent`` says what is returned.

    Source: Elman, "Finding structure in time" (1990).

    Args:
        input_size: length of xₜ.
        hidden_size: length of hₜ.
        num_layers: layers on top of each other.
        nonlinearity: f, ``"tanh"`` or ``"relu"``.
        bias: whether to add b and c.
        batch_first: whether x is (n, T, input_size), or else (T, n, input_size).
        dropout: in training, the share of each layer's outputs that the next one does not see.
        bidirectional: whether to read the sequence backwards, too.
        dtype: of the parameters. All are drawn from U(−1/√hidden_size, 1/√hidden_size).

    Raises:
        ShapeError: an input, a state or lengths of another shape.
        ArgumentError: lengths outside 1 … T, or dropout with one layer.
        DtypeError: lengths that are not integers.

    >>> import gradus as gd
    >>> rnn = RNN(4, 3)
    >>> output, h = rnn(gd.ones((2, 5, 4)))
    >>> output.shape, h.shape, output[:, -1].tolist() == h[0].tolist()
    ((2, 5, 3), (1, 2, 3), True)
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
        dtype: npt.DTypeLike = "float32",
    ) -> None:
        self.nonlinearity = choice("nonlinearity", nonlinearity, "tanh", "relu")
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype
        )

    def cell(self, x: Tensor, h: Tensor, state: State) -> State:
        """hₜ = f(x + h), where x = W xₜ + b and h = U hₜ₋₁ + c."""
        return (ops.tanh(x + h) if self.nonlinearity == "tanh" else ops.relu(x + h),)


class LSTM(Recurrent):
    """Long short-term memory: a cell cₜ that keeps what gates let in and let out.

    i, f, g, o = the four blocks of W xₜ + b + U hₜ₋₁ + c
    cₜ = σ(f) cₜ₋₁ + σ(i) tanh(g),  hₜ = σ(o) tanh(cₜ)

    Where the forget gate σ(f) is near 1 the cell, and the gradient through it, passes many steps
    undamped. The state is (h, c), each of the shape that ``Recurrent`` says. Rows are examples:
    ``batch_first`` is True, unlike in PyTorch, whose names and arguments these are otherwise.

    Source: Hochreiter and Schmidhuber, "Long short-term memory" (1997); the forget gate: Gers,
    Schmidhuber and Cummins, "Learning to forget" (2000).

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype: as
            for RNN.

    Raises:
        ShapeError, ArgumentError, DtypeError: as for RNN.

    >>> import gradus as gd
    >>> lstm = LSTM(4, 3, num_layers=2, bidirectional=True)
    >>> output, (h, c) = lstm(gd.ones((2, 5, 4)), lengths=[5, 3])
    >>> output.shape, h.shape, output[1, 3:].numpy().any()
    ((2, 5, 6), (4, 2, 3), np.False_)
    """

    gates = 4
    parts = ("h", "c")

    def cell(self, x: Tensor, h: Tensor, state: State) -> State:
        """cₜ = σ(f) cₜ₋₁ + σ(i) tanh(g), hₜ = σ(o) tanh(cₜ), with i, f, g, o = x + h."""
        i, f, g, o = _gates(x + h, 4)
        c = ops.sigmoid(f) * state[1] + ops.sigmoid(i) * ops.tanh(g)
        return ops.sigmoid(o) * ops.tanh(c), c


class GRU(Recurrent):
    """The gated recurrent unit: a state that is partly kept and partly made anew.

    r = σ(Wᵣ xₜ + bᵣ + Uᵣ hₜ₋₁ + cᵣ), z = σ(W_z xₜ + b_z + U_z hₜ₋₁ + c_z)
    g = tanh(W_g xₜ + b_g + r (U_g hₜ₋₁ + c_g)),  hₜ = (1 − z) g + z hₜ₋₁

    This is PyTorch's variant: the reset gate r acts on the product U_g hₜ₋₁ + c_g, which can so be
    computed with the others. In the paper it acts on hₜ₋₁ before the product. Rows are examples:
    ``batch_first`` is True, unlike in PyTorch, whose names and arguments these are otherwise.

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
    machine translation" (2014).

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype: as
            for RNN.

    Raises:
        ShapeError, ArgumentError, DtypeError: as for RNN.

    >>> import gradus as gd
    >>> gru, x = GRU(4, 3), gd.ones((2, 5, 4))
    >>> output, state = gru(x)
    >>> _, early = gru(x[:, :2])
    >>> _, late = gru(x[:, 2:], early)  # a step or a piece at a time
    >>> bool(abs(late - state).max().item() < 1e-6)
    True
    """

    gates = 3

    def cell(self, x: Tensor, h: Tensor, state: State) -> State:
        """hₜ = (1 − z) tanh(xg + r hg) + z hₜ₋₁, with r = σ(xr + hr) and z = σ(xz + hz)."""
        (xr, xz, xg), (hr, hz, hg) = _gates(x, 3), _gates(h, 3)
        r, z = ops.sigmoid(xr + hr), ops.sigmoid(xz + hz)
        return ((1.0 - z) * ops.tanh(xg + r * hg) + z * state[0],)


# ── What a network reads of a recurrent layer ───────────────────────────────────────────────────


class EveryStep(Module):
    """Of what a recurrent layer gives, the output of every step.

    Behind it stands what is done at each step, such as the scores of the next symbol, or another
    recurrent layer.

    Raises:
        ArgumentError: an input that is not a recurrent layer's (output, state).

    >>> import gradus as gd
    >>> from gradus import nn
    >>> net = nn.Sequential(nn.Embedding(9, 4), nn.GRU(4, 8), nn.EveryStep(), nn.Linear(8, 9))
    >>> net(gd.tensor([[1, 2, 8], [0, 3, 3]])).shape
    (2, 3, 9)
    """

    def forward(self, x: Any) -> Tensor:
        """(output, state) to output, (n, T, directions · hidden_size)."""
        return _both(self, x)[0]


class LastStep(Module):
    """Of what a recurrent layer gives, h after the last step: all that is kept of the sequence.

    It is the last layer's, of each row's own last step where lengths are given. With two directions
    they stand beside each other, each after the last step that it takes.

    Raises:
        ArgumentError: an input that is not a recurrent layer's (output, state).

    >>> import gradus as gd
    >>> from gradus import nn
    >>> net = nn.Sequential(nn.LSTM(8, 32), nn.LastStep(), nn.Linear(32, 10))
    >>> net(gd.zeros((5, 8, 8))).shape
    (5, 10)
    """

    def forward(self, x: Any) -> Tensor:
        """(output, state) to (n, directions · hidden_size)."""
        output, state = _both(self, x)
        h = state[0] if isinstance(state, tuple) else state
        directions = output.shape[-1] // h.shape[-1]
        return ops.concat([h[k] for k in range(h.shape[0] - directions, h.shape[0])], axis=1)


def _both(reader: Module, x: Any) -> tuple[Tensor, Any]:
    if not isinstance(x, tuple) or len(x) != 2:
        raise ArgumentError(
            f"{reader.summary()} stands behind a recurrent layer and takes its (output, state)",
            received=_kind(x),
            remedy="put nn.RNN, nn.LSTM or nn.GRU right before it",
        )
    return x
