"""Explanations: the way to a number, written out."""

from gradus.explain.arithmetic import Arithmetic, arithmetic
from gradus.explain.neuron import Neuron, neuron
from gradus.explain.way import Gradient, Leaf, Share, Step, Way

__all__ = [
    "Arithmetic",
    "Gradient",
    "Leaf",
    "Neuron",
    "Share",
    "Step",
    "Way",
    "arithmetic",
    "neuron",
]
