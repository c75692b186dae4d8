"""Explanations: the way to a number, written out and drawn."""

from gradus.explain.arithmetic import Arithmetic, arithmetic
from gradus.explain.draw import Drawing, draw
from gradus.explain.neuron import Neuron, neuron
from gradus.explain.templates import templates
from gradus.explain.way import Gradient, Leaf, Share, Step, Way

__all__ = [
    "Arithmetic",
    "Drawing",
    "Gradient",
    "Leaf",
    "Neuron",
    "Share",
    "Step",
    "Way",
    "arithmetic",
    "draw",
    "neuron",
    "templates",
]
