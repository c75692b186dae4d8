"""Explanations: the way to a number, written out."""

from gradus.explain.arithmetic import Arithmetic, arithmetic
from gradus.explain.neuron import Neuron, neuron
from gradus.explain.templates import templates
from gradus.explain.way import Gradient, Share, Step, Way

__all__ = [
    "Arithmetic",
    "Gradient",
    "Neuron",
    "Share",
    "Step",
    "Way",
    "arithmetic",
    "neuron",
    "templates",
]
