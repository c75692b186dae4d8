"""The max-margin loss at its least: Newton steps on corners that are rounded less and less."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradus.types import Array

_WIDTHS = (1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6)
_SEEN = 1e-5  # of the loss: a smaller gap is none
_DOUBLINGS, _HALVINGS = 60, 60


@dataclass(frozen=True)
class Narrowed:
    """Where the narrowing of the corners ended.

    Attributes:
        weight: (classes, features), with the biases as the last column where there are any.
        loss: of the true corners.
        gap: no weights have a loss below loss − gap, but for the norm of the gradient.
        gradient_norm: of the last rounded loss.
        steps: Newton steps of all widths.
    """

    weight: Array
    loss: float
    gap: float
    gradient_norm: float
    steps: int


@dataclass(frozen=True)
class Margin:
    """Σ pᵢ Σ_{j≠yᵢ} h(sᵢⱼ − sᵢyᵢ + 1) + α/2 ‖W‖² with s = W x, for a corner h of any width δ.

        h(v) = 0 for v ≤ 0,  v²/2δ for v ≤ δ,  v − δ/2 beyond

    h is at most δ/2 below max(0, v) and never above it, so that the least rounded loss is a bound
    of the true one. It is quadratic in pieces: a Newton step from the right piece ends at the
    minimum, and a search along the step keeps the others from going too far.

    Attributes:
        x: (rows, features), with a column of ones where there are biases.
        y: class numbers, (rows,).
        share: p, of the sum 1.
        decay: α of each feature; 0 of the ones.

    Source: Weston and Watkins (1999); Newton's method on such a loss: Keerthi and DeCoste (2005),
    Chapelle (2007).
    """

    x: Array
    y: Array
    share: Array
    decay: Array

    def narrowed(self, weight: Array, most: int) -> Narrowed:
        """Narrow the corners until the gap is below 10⁻⁵ of the loss.

        Each width ends where no step lowers its loss any more at this precision.

        Args:
            weight: where to begin, (classes, features).
            most: the most steps of each width.
        """
        steps = 0
        for width in _WIDTHS:
            value, gradient, inside = self._at(weight, width)
            for _ in range(most):
                step = self._newton(gradient, inside, width)
                further = weight + self._length(weight, step, width) * step
                before = value
                value, gradient, inside = self._at(further, width)
                if not value < before:
                    value, gradient, inside = self._at(weight, width)
                    break
                weight, steps = further, steps + 1
            loss = self._at(weight, 0.0)[0]
            if loss - value <= _SEEN * loss:
                break
        # A number added to the biases of all classes changes no lead: their sum shall be 0.
        weight = np.where(self.decay > 0, weight, weight - weight.mean(axis=0))
        return Narrowed(weight, loss, loss - value, float(np.linalg.norm(gradient)), steps)

    def _leads(self, scores: Array) -> Array:
        """By how much each class comes too near the right one, v; −∞ of the right one itself."""
        rows = np.arange(len(self.y))
        leads = scores - scores[rows, self.y][:, None] + 1.0
        leads[rows, self.y] = -np.inf
        return leads

    def _at(self, weight: Array, width: float) -> tuple[float, Array, Array]:
        """Value and gradient there, and which pairs (row, class) are inside a corner."""
        leads = self._leads(self.x @ weight.T)
        corner = np.clip(leads, 0.0, width)
        high = np.maximum(leads, 0.0)
        if width:
            each = corner * (high - 0.5 * corner) / width
            slope = self._slopes(corner / width)
        else:
            each, slope = high, self._slopes((leads > 0).astype(np.float64))
        value = self.share @ each.sum(axis=1) + 0.5 * np.sum(self.decay * weight**2)
        inside = (leads > 0) & (leads < width)
        return float(value), slope.T @ self.x + self.decay * weight, inside

    def _slopes(self, each: Array) -> Array:
        """Derivative by the scores: p h′ of each class, and minus their sum of the right one."""
        slopes = each * self.share[:, None]
        slopes[np.arange(len(self.y)), self.y] = -slopes.sum(axis=1)
        return slopes

    def _newton(self, gradient: Array, inside: Array, width: float) -> Array:
        """−H⁻¹ g, with H of the pieces where the corners are now.

        The pair (i, j) adds pᵢ/δ u uᵀ with u = (e_j − e_y) ⊗ xᵢ: xᵢ xᵢᵀ to the blocks (j, j) and
        (y, y), and −xᵢ xᵢᵀ to (j, y) and (y, j). Where H is flat, as towards biases that all rise,
        a trace of the identity takes care.
        """
        classes, features = gradient.shape
        factors = -inside.astype(np.float64)  # of xᵢ xᵢᵀ in the block (j, y) of row i
        factors[np.arange(len(factors)), self.y] = inside.sum(axis=1)  # and in (y, y)
        blocks = np.empty((classes, features, classes, features))
        for a in range(classes):
            for b in range(a + 1):
                if a == b:
                    factor = np.abs(factors[:, a])
                else:
                    factor = np.where(self.y == a, factors[:, b], 0.0)
                    factor = np.where(self.y == b, factors[:, a], factor)
                rows = np.flatnonzero(factor)
                x, scale = self.x[rows], factor[rows] * self.share[rows] / width
                blocks[a, :, b] = (x * scale[:, None]).T @ x
                blocks[b, :, a] = blocks[a, :, b].T
        hessian = blocks.reshape(classes * features, classes * features)
        diagonal = np.tile(self.decay, classes)
        trace = max(float(np.trace(hessian)), float(diagonal.sum()), 1.0)
        hessian[np.diag_indices_from(hessian)] += diagonal + 1e-13 * trace
        return -np.linalg.solve(hessian, gradient.reshape(-1)).reshape(gradient.shape)

    def _length(self, weight: Array, step: Array, width: float) -> float:
        """How far along the step the loss falls: where its slope, which rises, is 0."""
        leads = self._leads(self.x @ weight.T)
        along = self.x @ step.T
        along = along - along[np.arange(len(self.y)), self.y][:, None]
        curve = float(np.sum(self.decay * step**2))
        linear = float(np.sum(self.decay * step * weight))

        pull = along * (self.share / width)[:, None]

        def slope(t: float) -> float:
            return float(np.vdot(np.clip(leads + t * along, 0.0, width), pull)) + linear + t * curve

        if not slope(0.0) < 0:
            return 0.0
        high = 1.0
        for _ in range(_DOUBLINGS):
            if slope(high) >= 0:
                break
            high *= 2.0
        low = 0.0
        if abs(slope(1.0)) <= 1e-12 * abs(slope(0.0)):
            return 1.0
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if slope(middle) < 0 else (low, middle)
        return 0.5 * (low + high)


def unpacked(x: Array, columns: int) -> Array:
    """The full rows, (rows, columns), of what ``data.pack_rows`` gives.

    >>> unpacked(np.array([[[2.0, 0.0], [5.0, 0.0]]]), 3).tolist()
    [[0.0, 0.0, 5.0]]
    """
    full = np.zeros((len(x), columns))
    np.add.at(full, (np.arange(len(x))[:, None], x[:, 0].astype(np.int64)), x[:, 1])
    return full
