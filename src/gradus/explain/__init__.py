"""Explanations: the way to a number, written out, and what its inputs have to do with it."""

from gradus.explain.arithmetic import Arithmetic, arithmetic
from gradus.explain.attribution import Attribution, gradient_times_input, shapley
from gradus.explain.neuron import Neuron, neuron
from gradus.explain.way import Gradient, Share, Step, Way

__all__ = [
    "Arithmetic",
    "Attribution",
    "Gradient",
    "Neuron",
    "Share",
    "Step",
    "Way",
    "arithmetic",
    "gradient_times_input",
    "neuron",
    "shapley",
]
