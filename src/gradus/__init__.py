"""gradus: neural networks you can see through.

One computational graph is evaluated, differentiated, traced and compiled.

>>> import gradus as gd
>>> a, b, w, t = (gd.tensor(v, requires_grad=True) for v in (1.0, 2.0, 2.0, 4.0))
>>> L = ((a + b) * w - t) ** 2 + w ** 2
>>> L.backward()
>>> L.item(), a.grad.item(), b.grad.item(), w.grad.item(), t.grad.item()
(8.0, 8.0, 8.0, 16.0, -4.0)
"""

from gradus import data, nn, ops, optim
from gradus.autodiff import backward, grad, gradcheck, hvp
from gradus.compiler import compile
from gradus.io import load
from gradus.random import manual_seed
from gradus.tensor import Tensor, arange, full, no_grad, ones, tensor, zeros

__version__ = "0.1.0"

__all__ = [
    "Tensor",
    "arange",
    "backward",
    "compile",
    "data",
    "full",
    "grad",
    "gradcheck",
    "hvp",
    "load",
    "manual_seed",
    "nn",
    "no_grad",
    "ones",
    "ops",
    "optim",
    "tensor",
    "zeros",
]
