"""A model as people use it: the network, and how a table becomes its inputs and outputs back.

All of it stands in one model file (``gradus.nn.file``): the preprocessing and the classes are plain
data in the header.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gradus import nn
from gradus.data import TableEncoder, TargetEncoder
from gradus.errors import FileError
from gradus.nn import Module


@dataclass(frozen=True)
class Model:
    """What a model file holds.

    Attributes:
        network: the module, with its weights.
        inputs: how a table becomes the network's inputs.
        target: how labels or values become targets and back.
        info: further plain data.
    """

    network: Module
    inputs: TableEncoder
    target: TargetEncoder
    info: Mapping[str, Any] = field(default_factory=dict)


def write_model(path: str | Path, model: Model) -> None:
    """Write a model file: whole, or not at all.

    Raises:
        FileError: the folder cannot be written.
    """
    extra = {
        "inputs": model.inputs.to_config(),
        "target": model.target.to_config(),
        "info": dict(model.info),
    }
    nn.save(model.network, path, extra)


def read_model(path: str | Path) -> Model:
    """Read a model file that ``write_model`` wrote.

    Raises:
        FileError: as ``gradus.load``; or the file holds a bare network.
    """
    network, extra = nn.read(path)
    if extra.keys() != {"inputs", "target", "info"}:
        raise FileError(
            "predicting from a table needs a model that was trained on one",
            received=f"{path}, a network without preprocessing",
            remedy="use gradus.load and give it arrays",
        )
    return Model(
        network,
        TableEncoder.from_config(extra["inputs"]),
        TargetEncoder.from_config(extra["target"]),
        extra["info"],
    )
