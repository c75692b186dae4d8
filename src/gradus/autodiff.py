"""Differentiation: the chain rule, walked backwards over the records.

Gradient rules are written in ops, so with ``create_graph`` a gradient is a recorded tensor that
can be differentiated again, to any order, and inside a trace the backward pass becomes part of
the graph. Each shared computation is done once; no step recurses, however deep the graph.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, overload

import numpy as np

from gradus import ops, random
from gradus.arriving import Arriving
from gradus.errors import DtypeError, GradientError, ShapeError, TraceError
from gradus.modes import no_grad
from gradus.tensor import Record, Tensor, constant, tensor
from gradus.types import Array, Shape, is_float


def sum_to(dy: Tensor, shape: Shape) -> Tensor:
    """Sum over what broadcasting stretched, back to the operand's shape."""
    if dy.shape == shape:
        return dy
    lead = dy.ndim - len(shape)
    axes = [i for i, n in enumerate(dy.shape) if i < lead or (shape[i - lead] == 1 and n != 1)]
    total = dy.sum(axis=axes) if axes else dy
    return total if total.shape == shape else total.reshape(shape)


def _path(output: Tensor, targets: set[Tensor] | None) -> list[tuple[Tensor, Record]]:
    """Recorded tensors from which a target (any leaf: None) can be reached, newest first."""
    seen: dict[Tensor, Record] = {}
    stack = [output]
    # What was computed before every target cannot depend on one: a loop that takes the gradient
    # with respect to its last result does not walk its whole past.
    leaves = targets is None or any(t.record is None for t in targets)
    oldest = -1 if leaves else min(t.record.order for t in targets or () if t.record is not None)
    while stack:
        t = stack.pop()
        if (
            t not in seen
            and t.record is not None
            and not t.is_leaf
            and t.requires_grad
            and t.record.order >= oldest
        ):
            seen[t] = t.record
            stack.extend(i for i in t.record.inputs if i.requires_grad)
    oldest_first = sorted(seen.items(), key=lambda item: item[1].order)
    if targets is not None:
        useful = set(targets)
        for t, record in oldest_first:
            if any(i in useful for i in record.inputs):
                useful.add(t)
        # A target's own operation leads to no other target unless one of its inputs does.
        oldest_first = [(t, r) for t, r in oldest_first if any(i in useful for i in r.inputs)]
    return oldest_first[::-1]


def check_unchanged(record: Record) -> None:
    """Raise where an operand has other numbers than those that were computed with."""
    for t, version in zip(record.inputs, record.versions, strict=True):
        if t.version != version:
            raise GradientError(
                f"an operand of {record.op.name} was changed in place after it was used",
                received=repr(t),
                remedy="differentiate before changing it, or compute with a copy",
            )


def pull_back(record: Record, y: Tensor, dy: Tensor) -> Sequence[Tensor | None]:
    """Gradients of the inputs of one record."""
    op = record.op
    check_unchanged(record)
    if op.gradient_rule is None:
        raise GradientError(
            f"{op.name} has no derivative to learn from: it is 0 wherever it exists",
            received=f"a gradient through {op.name} of {record.inputs[0].type}",
            remedy="use a smooth relative (tanh or sigmoid instead of sign), or x.detach() where "
            "no gradient shall flow",
        )
    found = op.gradient_rule(dy, y, *record.inputs, **record.params)
    return found if isinstance(found, tuple) else (found,)


def _start(output: Tensor, gradient: Any) -> Tensor:
    """The gradient of the output with respect to itself, or the one given."""
    if not output.requires_grad:
        raise GradientError(
            "a gradient starts from a tensor that was computed from one with requires_grad=True",
            received=repr(output),
            remedy="make the parameters with requires_grad=True, stay outside no_grad, and avoid "
            "detach, comparisons and integers on the way",
        )
    if gradient is None:
        if output.size != 1:
            raise ShapeError(
                "a gradient starts from a single number",
                received=output.type,
                remedy="reduce it first, for example with .sum() or .mean(), or pass gradient=",
            )
        return constant(np.ones(output.shape, output.dtype))
    dy = gradient if isinstance(gradient, Tensor) else tensor(gradient, output.dtype)
    if dy.type != output.type:
        raise ShapeError(f"gradient= has the output's type, {output.type}", received=dy.type)
    return dy


def _backward(
    output: Tensor, dy: Tensor, targets: set[Tensor] | None, create_graph: bool
) -> dict[Tensor, Tensor]:
    """Gradients of the targets, or of every leaf (None)."""
    pending: defaultdict[Tensor, Arriving] = defaultdict(Arriving)
    pending[output].add(dy)
    found: dict[Tensor, Tensor] = {}
    path = _path(output, targets)
    on_path = {t for t, _ in path}

    def goes_on(t: Tensor) -> bool:
        leaf = t.is_leaf if targets is None else t in targets
        return t.requires_grad and (leaf or t in on_path)

    with nullcontext() if create_graph else no_grad():
        for y, record in path:
            dy = pending.pop(y).total(y.shape)
            if targets is not None and y in targets:
                found[y] = dy
            if record.op is ops.slice:
                check_unchanged(record)
                [t] = record.inputs
                if goes_on(t):
                    pending[t].add_slice(record.params["bounds"], dy)
                continue
            for t, dt in zip(record.inputs, pull_back(record, y, dy), strict=True):
                if dt is not None and goes_on(t):
                    pending[t].add(sum_to(dt, t.shape))
        return {t: arriving.total(t.shape) for t, arriving in pending.items()} | found


def backward(output: Tensor, gradient: Any = None) -> None:
    """Add the derivatives of the output to ``.grad`` of every leaf it depends on.

    Args:
        output: a single number, unless ``gradient`` is given.
        gradient: derivative of the final result with respect to ``output``, of its type.

    Raises:
        GradientError: nothing the output depends on asks for a gradient; a value was changed
            since; or the way leads through an operation without a derivative.
        ShapeError: the output has several elements and ``gradient`` is not given.

    Source: Linnainmaa (1970); Rumelhart, Hinton and Williams (1986).

    >>> w = tensor(3.0, requires_grad=True)
    >>> backward(w * w); w.grad.item()
    6.0
    """
    for leaf, dy in _backward(output, _start(output, gradient), None, False).items():
        if dy.is_symbolic and not leaf.is_symbolic:
            raise TraceError(
                "a traced function leaves nothing behind in .grad",
                received=f"backward() towards {leaf!r}",
                remedy="return gd.grad(loss, parameters) from it instead",
            )
        if leaf.is_leaf:
            leaf.grad = dy if leaf.grad is None else leaf.grad + dy


Tensor.differentiator = backward


@overload
def grad(
    output: Tensor,
    inputs: Tensor,
    *,
    gradient: Any = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> Tensor: ...
@overload
def grad(
    output: Tensor,
    inputs: Sequence[Tensor],
    *,
    gradient: Any = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> list[Tensor]: ...
def grad(
    output: Tensor,
    inputs: Tensor | Sequence[Tensor],
    *,
    gradient: Any = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> Tensor | list[Tensor]:
    """Derivatives of the output with respect to the inputs.

    Args:
        output: a single number, unless ``gradient`` is given.
        inputs: a tensor, or several; leaves or intermediate results.
        gradient: derivative of the final result with respect to ``output``, of its type.
        create_graph: record the computation, so that it can be differentiated again.
        allow_unused: give zeros for inputs that the output does not depend on, instead of an error.

    Returns:
        One tensor of each input's shape; a single one for a single input.

    Raises:
        GradientError, ShapeError: as ``backward``.

    >>> x = tensor(2.0, requires_grad=True)
    >>> dy = grad(x ** 3, x, create_graph=True)
    >>> dy.item(), grad(dy, x).item()
    (12.0, 12.0)
    """
    several = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    for i, t in enumerate(several):
        if not isinstance(t, Tensor) or not t.requires_grad:
            raise GradientError(
                "derivatives are taken with respect to tensors with requires_grad=True",
                received=f"input {i}: {t!r}",
                remedy="make it with gd.tensor(..., requires_grad=True)",
            )
    if allow_unused and not output.requires_grad:
        found: dict[Tensor, Tensor] = {}
    else:
        found = _backward(output, _start(output, gradient), set(several), create_graph)
    for i, t in enumerate(several):
        if t not in found and not allow_unused:
            raise GradientError(
                "the output must depend on every input",
                received=f"an output that does not depend on input {i}: {t!r}",
                remedy="leave the input out, or pass allow_unused=True for zeros",
            )
    gradients = [found[t] if t in found else constant(np.zeros(t.shape, t.dtype)) for t in several]
    return gradients[0] if isinstance(inputs, Tensor) else gradients


def hvp(
    output: Tensor, inputs: Sequence[Tensor], vectors: Sequence[Any], *, create_graph: bool = False
) -> list[Tensor]:
    """Hessian-vector product: the derivative of the gradient along a direction.

    Hv = ∇(∇L · v), at the price of two gradients and without ever forming H (Pearlmutter, 1994).

    Args:
        output: a single number.
        inputs: the tensors that span the Hessian.
        vectors: a direction, one array of each input's shape.
        create_graph: record the computation.

    >>> x = tensor([1.0, 2.0], requires_grad=True)
    >>> hvp((x ** 3).sum(), [x], [[1.0, 0.0]])[0].tolist()
    [6.0, 0.0]
    """
    first = grad(output, inputs, create_graph=True, allow_unused=True)
    along = [
        v if isinstance(v, Tensor) else tensor(v, t.dtype)
        for v, t in zip(vectors, inputs, strict=True)
    ]
    total = tensor(0, output.dtype)
    for g, v in zip(first, along, strict=True):
        total = total + (g * v).sum()
    return grad(total, inputs, create_graph=create_graph, allow_unused=True)


# Central differences over five points: the error is O(step⁴) + O(eps/step), about 1e-12 at 1e-3.
_STENCIL = ((-2, 1 / 12), (-1, -8 / 12), (1, 8 / 12), (2, -1 / 12))


def gradcheck(
    function: Callable[..., Tensor],
    inputs: Sequence[Any],
    *,
    order: int = 1,
    step: float = 1e-3,
    rtol: float = 1e-8,
    atol: float = 1e-8,
) -> bool:
    """Compare the derivatives of a function with finite differences, in float64.

    The result is projected onto a fixed random direction; each input element is moved by ±step
    and ±2 step, so inputs must stay that far from kinks and poles.

    Args:
        function: tensors to a tensor.
        inputs: arrays or tensors of float64.
        order: 1 checks the gradient, 2 also the gradient of the gradient, and so on.
        step: distance of the points.
        rtol: allowed error relative to the largest derivative of the input.
        atol: allowed absolute error.

    Returns:
        True.

    Raises:
        GradientError: they differ; the message names the input, the place and both numbers.
        DtypeError: inputs that are not float64.

    >>> gradcheck(lambda x: x.tanh(), [np.array([0.5, -1.0])], order=2)
    True
    """
    arrays = [np.array(x.numpy() if isinstance(x, Tensor) else x) for x in inputs]
    if any(not is_float(a.dtype) or a.dtype.itemsize < 8 for a in arrays):
        raise DtypeError(
            "finite differences need float64",
            received=[str(a.dtype) for a in arrays],
            remedy="pass arrays of float64 and close over integers",
        )

    def project(*tensors: Tensor) -> Tensor:
        y = function(*tensors)
        return (y * random.normal(0, order, 0, y.shape)).sum()

    _compare(project, arrays, step, rtol, atol)
    if order > 1:

        def slope(*tensors: Tensor) -> Tensor:
            recorded = [t if t.requires_grad else t.detach().requires_grad_() for t in tensors]
            gradients = grad(project(*recorded), recorded, create_graph=True, allow_unused=True)
            return ops.concat([g.reshape(-1) for g in gradients])

        gradcheck(slope, arrays, order=order - 1, step=step, rtol=rtol, atol=atol)
    return True


def _compare(
    function: Callable[..., Tensor],
    arrays: list[Array],
    step: float,
    rtol: float,
    atol: float,
) -> None:
    tensors = [tensor(a, requires_grad=True) for a in arrays]
    exact = grad(function(*tensors), tensors, allow_unused=True)
    for i, array in enumerate(arrays):
        numeric = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            for offset, weight in _STENCIL:
                moved = [a.copy() for a in arrays]
                moved[i][place] += offset * step
                numeric[place] += weight / step * function(*map(tensor, moved)).item()
        error = np.abs(exact[i].numpy() - numeric)
        allowed = atol + rtol * np.max(np.abs(numeric), initial=0.0)
        wrong = ~(error <= allowed)
        if wrong.any():
            place = tuple(int(k) for k in np.argwhere(wrong)[0])
            raise GradientError(
                f"the derivative must agree with finite differences within {allowed:.2g}",
                received=f"{exact[i].numpy()[place]!r} from the gradient rule and "
                f"{numeric[place]!r} from differences at input {i}, place {place}",
                remedy="correct the gradient rule, or move the input away from a kink",
            )
