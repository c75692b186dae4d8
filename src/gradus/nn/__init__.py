"""Layers and networks: modules with PyTorch's names, built of ops alone.

Rows are examples: a layer takes (n, in_features) and gives (n, out_features); images are
(n, channels, height, width).

>>> import gradus as gd
>>> from gradus import nn
>>> net = nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 10))
>>> net(gd.zeros((32, 64))).shape
(32, 10)
>>> list(net.named_parameters())
['0.weight', '0.bias', '2.weight', '2.bias']
"""

from gradus.nn.activations import (
    ACTIVATIONS,
    ELU,
    GELU,
    SELU,
    LeakyReLU,
    Mish,
    ReLU,
    Sigmoid,
    Sign,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    activation,
)
from gradus.nn.attention import (
    MultiheadAttention,
    attention_weights,
    scaled_dot_product_attention,
)
from gradus.nn.convolution import Conv1d, Conv2d
from gradus.nn.dropout import Dropout
from gradus.nn.embedding import Embedding
from gradus.nn.ensemble import Ensemble, MemberInput, MemberLinear, MemberMean
from gradus.nn.featurewise import Clamp, ParametricActivation, ScalingLayer, Temperature
from gradus.nn.file import load, read, save
from gradus.nn.init import Constant, He, Initialiser, LeCun, Normal, Uniform, Xavier, Zeros
from gradus.nn.linear import Flatten, Identity, Linear, Maxout, Unflatten
from gradus.nn.module import Module
from gradus.nn.normalisation import BatchNorm, LayerNorm
from gradus.nn.ntk import NTKLinear, start_from_data
from gradus.nn.numeric import PeriodicEmbedding, PiecewiseLinearEmbedding
from gradus.nn.parameter import parameter
from gradus.nn.pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AvgPool1d,
    AvgPool2d,
    MaxPool1d,
    MaxPool2d,
)
from gradus.nn.positions import LearnedPositions, SinusoidalPositions
from gradus.nn.recurrent import GRU, LSTM, RNN, EveryStep, LastStep
from gradus.nn.registry import from_config, to_config
from gradus.nn.sequential import Sequential
from gradus.nn.sparse import SparseLinear
from gradus.nn.table import SparseInput, TableInput
from gradus.nn.transformer import TransformerDecoderLayer, TransformerEncoderLayer

__all__ = [
    "ACTIVATIONS",
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "SELU",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "BatchNorm",
    "Clamp",
    "Constant",
    "Conv1d",
    "Conv2d",
    "Dropout",
    "Embedding",
    "Ensemble",
    "EveryStep",
    "Flatten",
    "He",
    "Identity",
    "Initialiser",
    "LastStep",
    "LayerNorm",
    "LeCun",
    "LeakyReLU",
    "LearnedPositions",
    "Linear",
    "MaxPool1d",
    "MaxPool2d",
    "Maxout",
    "MemberInput",
    "MemberLinear",
    "MemberMean",
    "Mish",
    "Module",
    "MultiheadAttention",
    "NTKLinear",
    "Normal",
    "ParametricActivation",
    "PeriodicEmbedding",
    "PiecewiseLinearEmbedding",
    "ReLU",
    "ScalingLayer",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Sign",
    "SinusoidalPositions",
    "Softmax",
    "Softplus",
    "SparseInput",
    "SparseLinear",
    "TableInput",
    "Tanh",
    "Temperature",
    "TransformerDecoderLayer",
    "TransformerEncoderLayer",
    "Unflatten",
    "Uniform",
    "Xavier",
    "Zeros",
    "activation",
    "attention_weights",
    "from_config",
    "load",
    "parameter",
    "read",
    "save",
    "scaled_dot_product_attention",
    "start_from_data",
    "to_config",
]
