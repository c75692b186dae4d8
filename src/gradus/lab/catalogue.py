"""All experiments, in the order in which the lectures come to them."""

from gradus.lab.experiment import Experiment
from gradus.lab.experiments.against_the_gradient import against_the_gradient
from gradus.lab.experiments.autoencoder import autoencoder
from gradus.lab.experiments.backpropagation_cost import backpropagation_cost
from gradus.lab.experiments.character_model import character_model
from gradus.lab.experiments.convolution import convolution
from gradus.lab.experiments.dead_units import dead_units
from gradus.lab.experiments.gd_and_sgd import gd_and_sgd
from gradus.lab.experiments.hidden_layer import hidden_layer
from gradus.lab.experiments.learning_rate import learning_rate
from gradus.lab.experiments.many_starts import many_starts
from gradus.lab.experiments.more_parameters import more_parameters
from gradus.lab.experiments.nonlinearity import nonlinearity
from gradus.lab.experiments.one_line import one_line
from gradus.lab.experiments.perceptron_rule import perceptron_rule
from gradus.lab.experiments.random_connections import random_connections
from gradus.lab.experiments.random_search import random_search
from gradus.lab.experiments.sawtooth import sawtooth
from gradus.lab.experiments.sigmoid_neuron import sigmoid_neuron
from gradus.lab.experiments.templates import templates
from gradus.lab.experiments.twenty_lines import twenty_lines
from gradus.lab.experiments.universal_approximation import universal_approximation
from gradus.lab.experiments.vanishing_gradients import vanishing_gradients

_ALL = (
    nonlinearity,
    against_the_gradient,
    learning_rate,
    perceptron_rule,
    sigmoid_neuron,
    one_line,
    hidden_layer,
    universal_approximation,
    templates,
    random_search,
    twenty_lines,
    backpropagation_cost,
    gd_and_sgd,
    vanishing_gradients,
    dead_units,
    sawtooth,
    many_starts,
    more_parameters,
    random_connections,
    autoencoder,
    convolution,
    character_model,
)

EXPERIMENTS: dict[str, Experiment] = {e.name: e for e in _ALL}
