"""Explanations: the way to a number, written out and drawn; what its inputs have to do with it."""

from gradus.explain.arithmetic import Arithmetic, arithmetic
from gradus.explain.attribution import Attribution, gradient_times_input, shapley
from gradus.explain.draw import Drawing, draw
from gradus.explain.neuron import Neuron, neuron
from gradus.explain.templates import templates
from gradus.explain.way import Gradient, Leaf, Share, Step, Way

__all__ = [
    "Arithmetic",
    "Attribution",
    "Drawing",
    "Gradient",
    "Leaf",
    "Neuron",
    "Share",
    "Step",
    "Way",
    "arithmetic",
    "draw",
    "gradient_times_input",
    "neuron",
    "shapley",
    "templates",
]
