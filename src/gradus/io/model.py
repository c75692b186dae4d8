"""The model file: one ``.safetensors`` with the weights, and in its header everything else.

The header holds one JSON text: the architecture, the preprocessing and the classes as plain data,
read through closed registries, and a SHA-256 over all of it and the weights. Loading runs no code
from the file, takes no more memory than the file's size, and refuses a damaged file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gradus import nn
from gradus.data import TableEncoder, TargetEncoder
from gradus.errors import FileError
from gradus.files import write_bytes
from gradus.nn import Module
from gradus.types import DTYPES, Array

FORMAT = 1
_KEY = "gradus"


@dataclass(frozen=True)
class Model:
    """What a model file holds.

    Attributes:
        network: the module, with its weights, in evaluation mode.
        inputs: how a table becomes the network's inputs, or None for a bare network.
        target: how labels or values become targets and back, or None.
        info: further plain data, such as the loss and how the model was trained.
    """

    network: Module
    inputs: TableEncoder | None = None
    target: TargetEncoder | None = None
    info: Mapping[str, Any] = field(default_factory=dict)


def write_model(path: str | Path, model: Model) -> None:
    """Write a model file: whole, or not at all.

    Raises:
        ArgumentError: a network with a module class of one's own that cannot be described.
        FileError: the folder cannot be written.
    """
    from safetensors.numpy import save as to_bytes

    tensors = {n: np.ascontiguousarray(a) for n, a in _weights(model.network).items()}
    header: dict[str, Any] = {
        "format": FORMAT,
        "network": nn.to_config(model.network),
        "inputs": None if model.inputs is None else model.inputs.to_config(),
        "target": None if model.target is None else model.target.to_config(),
        "info": dict(model.info),
    }
    text = json.dumps({**header, "sha256": _digest(header, tensors)}, ensure_ascii=True)
    write_bytes(Path(path), to_bytes(tensors, {_KEY: text}), "model")


def read_model(path: str | Path, modules: Iterable[type[Module]] = ()) -> Model:
    """Read a model file.

    Args:
        path: the file.
        modules: the caller's own Module classes that may occur in it.

    Raises:
        FileError: no such file, not a model of gradus, truncated, changed, of a newer format, or
            with modules that are not known.
    """
    header, tensors = _read(Path(path))
    size = sum(a.size for a in tensors.values())
    network = nn.from_config(header["network"], modules, max_elements=size).eval()
    _fill(network, tensors, path)
    return Model(
        network,
        None if header["inputs"] is None else TableEncoder.from_config(header["inputs"]),
        None if header["target"] is None else TargetEncoder.from_config(header["target"]),
        header["info"],
    )


def save(network: Module, path: str | Path) -> None:
    """Write a bare network to a file: ``net.save(path)`` in one word more.

    Raises:
        As ``write_model``.
    """
    write_model(path, Model(network))


def load(path: str | Path, modules: Iterable[type[Module]] = ()) -> Module:
    """Read the network of a model file, in evaluation mode.

    Raises:
        FileError: as ``read_model``.

    >>> import gradus as gd, tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "net.safetensors")
    >>> net = gd.nn.Sequential(gd.nn.Linear(2, 3), gd.nn.Tanh())
    >>> net.save(path)
    >>> bool((load(path)[0].weight == net[0].weight).numpy().all())
    True
    """
    return read_model(path, modules).network


Module.saver = save


def _weights(network: Module) -> dict[str, Array]:
    named = {**network.named_parameters(), **network.named_buffers()}
    return {n: t.numpy() for n, t in named.items()}


def _digest(header: Mapping[str, Any], tensors: Mapping[str, Array]) -> str:
    """SHA-256 of the header and of every tensor, by name, type and content."""
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(tensors):
        array = tensors[name]
        digest.update(f"{name}|{array.dtype}|{array.shape}|".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """Header and tensors of a file that is whole and ours."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise FileError("a model is a file", received=str(path), remedy="check the path")
    try:
        with safe_open(str(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise FileError(
            "a model file is a whole .safetensors file",
            received=f"{path}: {error}",
            remedy="the file is truncated, damaged or of another kind; copy or train it again",
        ) from None
    if _KEY not in metadata:
        raise FileError(
            "a model file of gradus has its description in the header",
            received=f"{path}, whose header has none",
            remedy="load files that gradus saved",
        )
    try:
        header = json.loads(metadata[_KEY])
        stated = header.pop("sha256")
        version = header["format"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path, f"a header that cannot be read: {error!r}") from None
    if version != FORMAT:
        raise FileError(
            f"this gradus reads model files of format {FORMAT}",
            received=f"format {version!r}",
            remedy="update gradus",
        )
    if any(a.dtype not in DTYPES for a in tensors.values()):
        raise _damaged(path, "tensors of a dtype that gradus does not compute in")
    if stated != _digest(header, tensors):
        raise _damaged(path, "content that does not have the recorded SHA-256")
    if header.keys() != {"format", "network", "inputs", "target", "info"}:
        raise _damaged(path, f"a header with {sorted(header)}")
    return header, tensors


def _fill(network: Module, tensors: Mapping[str, Array], path: str | Path) -> None:
    """Put the stored weights into the network that the header describes."""
    named = {**network.named_parameters(), **network.named_buffers()}
    if named.keys() != tensors.keys():
        raise _damaged(path, f"other tensors than {', '.join(named)}")
    for name, t in named.items():
        if (t.shape, t.dtype) != (tensors[name].shape, tensors[name].dtype):
            raise _damaged(path, f"{name} of {tensors[name].shape}, not {t.type}")
        t.assign(tensors[name])


def _damaged(path: str | Path, received: str) -> FileError:
    return FileError(
        f"the model file {path} must be as it was written",
        received=received,
        remedy="it was damaged or changed; use another copy, or train again",
    )
