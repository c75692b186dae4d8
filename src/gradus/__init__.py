"""gradus: neural networks you can see through.

One computational graph is evaluated, differentiated, traced and compiled.

>>> import gradus as gd
>>> a, b, w, t = (gd.tensor(v, requires_grad=True) for v in (1.0, 2.0, 2.0, 4.0))
>>> L = ((a + b) * w - t) ** 2 + w ** 2
>>> L.backward()
>>> L.item(), a.grad.item(), b.grad.item(), w.grad.item(), t.grad.item()
(8.0, 8.0, 8.0, 16.0, -4.0)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gradus import evaluate, ops  # noqa: F401 - evaluate lets operations be called
from gradus.autodiff import backward, grad, gradcheck, hvp
from gradus.modes import enable_grad, no_grad
from gradus.random import manual_seed
from gradus.tensor import Tensor, arange, full, ones, tensor, zeros
from gradus.version import __version__ as __version__

if TYPE_CHECKING:
    from gradus import data, estimators, explain, losses, nn, optim
    from gradus.compiler import compile
    from gradus.nn import load
    from gradus.train import History, Minimum, Trainer
    from gradus.train.minimise import minimise

# Loaded when first used, so that ``import gradus`` costs little more than NumPy: the name, and the
# module that has it (or is it).
_LATER = {
    "History": "gradus.train",
    "Minimum": "gradus.train",
    "Trainer": "gradus.train",
    "compile": "gradus.compiler",
    "data": "gradus.data",
    "estimators": "gradus.estimators",
    "explain": "gradus.explain",
    "load": "gradus.nn",
    "losses": "gradus.losses",
    "minimise": "gradus.train",
    "nn": "gradus.nn",
    "optim": "gradus.optim",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'gradus' has no attribute {name!r}")
    module = import_module(_LATER[name])
    found = module if _LATER[name] == f"gradus.{name}" else getattr(module, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__


__all__ = [
    "History",
    "Minimum",
    "Tensor",
    "Trainer",
    "arange",
    "backward",
    "compile",
    "data",
    "enable_grad",
    "estimators",
    "explain",
    "full",
    "grad",
    "gradcheck",
    "hvp",
    "load",
    "losses",
    "manual_seed",
    "minimise",
    "nn",
    "no_grad",
    "ones",
    "ops",
    "optim",
    "tensor",
    "zeros",
]
