"""Demos to play with: gradus computes and records, a page plays it back, offline.

>>> print(DEMOS["downhill"].title)
Gradient descent as a walk downhill
"""

from gradus.lab.demos.demo import Control, Demo, Figure, Recording
from gradus.lab.demos.pages import DEMOS, write_demo, write_demo_index

__all__ = [
    "DEMOS",
    "Control",
    "Demo",
    "Figure",
    "Recording",
    "write_demo",
    "write_demo_index",
]
