"""Activations: functions of one number, applied to each; and softmax, of a whole row.

All are finite, with finite derivatives, for inputs of ±10⁴. A choice by ``where`` computes both
sides, so the side with an exponential sees only inputs that it can take.
"""

from __future__ import annotations

import math

from gradus import ops
from gradus.checks import choice, finite_number, whole_number
from gradus.errors import ArgumentError
from gradus.nn.linear import Identity
from gradus.nn.module import Module
from gradus.tensor import Tensor


class Sigmoid(Module):
    """y = σ(x) = 1 / (1 + e⁻ˣ), between 0 and 1.

    Lecture 002 prints 1/(1 − e⁻ˣ) once; the plus sign is right.

    >>> Sigmoid()([0.0]).tolist()
    [0.5]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Each element."""
        return ops.sigmoid(x)


class Tanh(Module):
    """y = tanh x, between −1 and 1.

    >>> Tanh()([0.0]).tolist()
    [0.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Each element."""
        return ops.tanh(x)


class ReLU(Module):
    """y = max(0, x), with derivative 0 at 0.

    Source: Nair and Hinton (2010).

    >>> ReLU()([-1.0, 2.0]).tolist()
    [0.0, 2.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Each element."""
        return ops.relu(x)


class LeakyReLU(Module):
    """y = x where x > 0, else slope · x, so that no unit is dead.

    Source: Maas, Hannun and Ng (2013).

    >>> LeakyReLU(0.5)([-1.0, 2.0]).tolist()
    [-0.5, 2.0]
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = finite_number("negative_slope", negative_slope)

    def forward(self, x: Tensor) -> Tensor:
        """Each element."""
        return ops.where(x > 0, x, self.negative_slope * x)


def _elu(x: Tensor, alpha: float) -> Tensor:
    return ops.where(x > 0, x, alpha * ops.expm1(ops.where(x > 0, 0.0, x)))


class ELU(Module):
    """y = x where x > 0, else α (eˣ − 1).

    Source: Clevert, Unterthiner and Hochreiter (2016).

    >>> ELU()([0.0, 2.0]).tolist()
    [0.0, 2.0]
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = finite_number("alpha", alpha)

    def forward(self, x: Tensor) -> Tensor:
        """Each element."""
        return _elu(x, self.alpha)


class SELU(Module):
    """y = λ ELU(x) with the λ and α that keep mean 0 and variance 1 from layer to layer.

    Source: Klambauer et al., "Self-normalizing neural networks" (2017).

    >>> SELU()([0.0]).tolist()
    [0.0]
    """

    ALPHA = 1.6732632423543772848170429916717
    SCALE = 1.0507009873554804934193349852946

    def forward(self, x: Tensor) -> Tensor:
        """Each element."""
        return self.SCALE * _elu(x, self.ALPHA)


class GELU(Module):
    """y = x Φ(x), with Φ the normal distribution function, or with a tanh close to it.

    Source: Hendrycks and Gimpel (2016).

    Args:
        approximate: "none", or "tanh" for ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))).

    >>> GELU()([0.0]).tolist()
    [0.0]
    """

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = choice("approximate", approximate, "none", "tanh")

    def forward(self, x: Tensor) -> Tensor:
        """Each element."""
        if self.approximate == "none":
            return 0.5 * x * (1.0 + ops.erf(x * math.sqrt(0.5)))
        return 0.5 * x * (1.0 + ops.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * (x * x * x))))


class SiLU(Module):
    """y = x σ(x), also called swish.

    Source: Elfwing, Uchibe and Doya (2018).

    >>> SiLU()([0.0]).tolist()
    [0.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Each element."""
        return x * ops.sigmoid(x)


class Mish(Module):
    """y = x tanh(ln(1 + eˣ)).

    Source: Misra (2020).

    >>> Mish()([0.0]).tolist()
    [0.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Each element."""
        return x * ops.tanh(ops.softplus(x))


class Softplus(Module):
    """y = ln(1 + e^βx) / β, the smooth ReLU; sharper for larger β > 0.

    >>> round(Softplus()([0.0]).item(), 4)  # ln 2
    0.6931
    """

    def __init__(self, beta: float = 1.0) -> None:
        self.beta = finite_number("beta", beta, above=0)

    def forward(self, x: Tensor) -> Tensor:
        """Each element."""
        return ops.softplus(self.beta * x) / self.beta


class Softmax(Module):
    """yᵢ = e^xᵢ / Σⱼ e^xⱼ along an axis: probabilities in the order of the scores.

    Train on the scores with ``losses.cross_entropy``, which stays finite where softmax gives 0.

    >>> Softmax()([[0.0, 0.0]]).tolist()
    [[0.5, 0.5]]
    """

    def __init__(self, dim: int = -1) -> None:
        self.dim = whole_number("dim", dim)

    def forward(self, x: Tensor) -> Tensor:
        """Each row."""
        return ops.softmax(x, axis=self.dim)


class Sign(Module):
    """y = −1, 0 or 1: the perceptron's unit, which has no derivative to learn from.

    Raises:
        GradientError: a gradient through it is asked for.

    Source: Rosenblatt (1958); lectures 003 and 004.

    >>> Sign()([-3.0, 0.0, 5.0]).tolist()
    [-1.0, 0.0, 1.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        """Each element."""
        return ops.sign(x)


ACTIVATIONS: dict[str, type[Module]] = {
    "identity": Identity,
    "sigmoid": Sigmoid,
    "logistic": Sigmoid,
    "tanh": Tanh,
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "selu": SELU,
    "gelu": GELU,
    "silu": SiLU,
    "mish": Mish,
    "softplus": Softplus,
    "softmax": Softmax,
    "sign": Sign,
}


def activation(name: str) -> Module:
    """Make the activation of a name in ``ACTIVATIONS``, with its usual settings.

    Raises:
        ArgumentError: a name that is not there.

    >>> activation("relu")
    ReLU()
    """
    if name not in ACTIVATIONS:
        raise ArgumentError(f"an activation is one of {', '.join(ACTIVATIONS)}", received=name)
    return ACTIVATIONS[name]()
