"""The model file: one ``.safetensors`` with the weights, and in its header everything else.

The header holds one JSON text: the architecture and what else belongs to the model as plain data,
and a SHA-256 over all of it and the weights. The architecture is read through a closed registry.
Loading runs no code from the file, takes no more memory than the file's size, and refuses a
damaged file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gradus.errors import ArgumentError, FileError
from gradus.files import write_bytes
from gradus.nn.module import Module
from gradus.nn.registry import from_config, to_config
from gradus.tensor import Tensor
from gradus.types import DTYPES, Array

FORMAT = 1
_KEY = "gradus"


def save(network: Module, path: str | Path, extra: Mapping[str, Any] | None = None) -> None:
    """Write a network to a file: whole, or not at all.

    Args:
        network: architecture and weights are kept.
        path: the file.
        extra: further plain data for the header, such as preprocessing.

    Raises:
        ArgumentError: a module, or something in ``extra``, that is no plain data.
        FileError: the folder cannot be written.
    """
    from safetensors.numpy import save as to_bytes  # late: only who saves pays for it

    tensors = {n: t.numpy() for n, t in _tensors(network).items()}
    header = _as_read({"format": FORMAT, "network": to_config(network), "extra": dict(extra or {})})
    text = json.dumps({**header, "sha256": _digest(header, tensors)})
    write_bytes(Path(path), to_bytes(tensors, {_KEY: text}), "model")


def read(
    path: str | Path, modules: Iterable[type[Module]] = ()
) -> tuple[Module, Mapping[str, Any]]:
    """Read a network, in evaluation mode, and what else stands in the header.

    Args:
        path: the file.
        modules: the caller's own Module classes that may occur in it.

    Raises:
        FileError: no such file, not a model of gradus, truncated, changed, of a newer format, or
            with modules that are not known.
    """
    header, tensors = _read(Path(path))
    size = sum(a.size for a in tensors.values())
    network = from_config(header["network"], modules, max_elements=size).eval()
    _fill(network, tensors, path)
    return network, header["extra"]


def load(path: str | Path, modules: Iterable[type[Module]] = ()) -> Module:
    """Read the network of a model file, in evaluation mode.

    Raises:
        FileError: as ``read``.

    >>> import gradus as gd, tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "net.safetensors")
    >>> net = gd.nn.Sequential(gd.nn.Linear(2, 3), gd.nn.Tanh())
    >>> net.save(path)
    >>> bool((load(path)[0].weight == net[0].weight).numpy().all())
    True
    """
    return read(path, modules)[0]


Module.saver = save


def _tensors(network: Module) -> dict[str, Tensor]:
    return {**network.named_parameters(), **network.named_buffers()}


def _as_read(header: dict[str, Any]) -> dict[str, Any]:
    """The header as it will be read: the digest is taken of lists and text keys."""
    try:
        found: dict[str, Any] = json.loads(json.dumps(header, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            "what a model file says beside the weights is plain data, as in JSON",
            received=str(error),
            remedy="convert arrays with tolist(), and leave out NaN and infinity",
        ) from None
    return found


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
        found = _digest(header, tensors)
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
    if stated != found:
        raise _damaged(path, "content that does not have the recorded SHA-256")
    if header.keys() != {"format", "network", "extra"} or not isinstance(header["extra"], dict):
        raise _damaged(path, f"a header with {sorted(header)}")
    return header, tensors


def _fill(network: Module, tensors: Mapping[str, Array], path: str | Path) -> None:
    """Put the stored weights into the network that the header describes."""
    named = _tensors(network)
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
