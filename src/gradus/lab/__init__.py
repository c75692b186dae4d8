"""The lectures' questions as experiments: a claim, a measurement, a verdict and a picture.

>>> from gradus import lab
>>> print(lab.EXPERIMENTS["nonlinearity"].question)
What is a non-linearity for, between the matrices?
"""

from gradus.lab.catalogue import EXPERIMENTS
from gradus.lab.experiment import Experiment, Finding, Picture, Setting
from gradus.lab.report import Result, run, write_index

__all__ = [
    "EXPERIMENTS",
    "Experiment",
    "Finding",
    "Picture",
    "Result",
    "Setting",
    "run",
    "write_index",
]
