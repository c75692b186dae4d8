"""The model file: to the bit and back, refused when damaged, and never a program."""

from __future__ import annotations

import ast
import errno
import json
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import nn
from gradus.errors import ArgumentError, FileError
from gradus.nn import file as model_file
from gradus.nn import registry
from gradus.types import Array


def small() -> nn.Sequential:
    gd.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 3, dtype="float64"), nn.BatchNorm(3, dtype="float64"))


def weights(net: nn.Module) -> dict[str, Array]:
    return {n: t.numpy() for n, t in {**net.named_parameters(), **net.named_buffers()}.items()}


def same_bits(a: nn.Module, b: nn.Module) -> bool:
    one, other = weights(a), weights(b)
    return one.keys() == other.keys() and all(
        one[n].dtype == other[n].dtype and one[n].tobytes() == other[n].tobytes() for n in one
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.safetensors"


@pytest.fixture
def saved(path: Path) -> bytes:
    small().save(path)
    return path.read_bytes()


# ── There and back ──────────────────────────────────────────────────────────────────────────────


class Tied(nn.Module):
    """A module of the user's own that uses one weight twice."""

    def __init__(self, size: int, scale: float = 1.0) -> None:
        self.size, self.scale = size, scale
        self.there = nn.Linear(size, size)
        self.weight = self.there.weight
        self.steps = gd.tensor(np.arange(3))

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        return self.there(x) @ self.weight * self.scale


NETWORKS = {
    "float32": lambda: nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Dropout(0.2), nn.Linear(5, 2)),
    "float64": lambda: nn.Sequential(nn.Linear(4, 5, dtype="float64"), nn.Tanh()),
    "buffers": lambda: nn.Sequential(nn.Linear(4, 3), nn.BatchNorm(3), nn.LayerNorm(3)),
    "no bias": lambda: nn.Linear(4, 2, bias=False),
    "no parameters": lambda: nn.Sequential(nn.ReLU()),
    "nested": lambda: nn.Sequential(nn.Sequential(nn.Linear(4, 3)), nn.Maxout(3, 2, pieces=2)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_comes_back_to_the_bit(name: str, path: Path) -> None:
    net = NETWORKS[name]()
    for t in (*net.parameters(), *net.named_buffers().values()):
        t.assign(np.random.default_rng(0).normal(size=t.shape))
    net.save(path)
    loaded = gd.load(path)
    assert same_bits(net, loaded)
    assert repr(loaded) == repr(net)
    assert not loaded.training
    x = np.random.default_rng(1).normal(size=(3, 4)).astype(net_dtype(net))
    assert loaded(x).numpy().tobytes() == net.eval()(x).numpy().tobytes()


def net_dtype(net: nn.Module) -> Any:
    return next((p.dtype for p in net.parameters()), np.float32)


def test_special_numbers_come_back_to_the_bit(path: Path) -> None:
    net = nn.Linear(3, 2, dtype="float64")
    net.weight = np.array([[np.nan, -np.nan, -0.0], [np.inf, -np.inf, 5e-324]])
    net.save(path)
    assert same_bits(net, gd.load(path))


def test_a_module_of_ones_own_comes_back_with_its_ties_and_integers(path: Path) -> None:
    net = Tied(3, scale=0.5)
    net.save(path)
    loaded = gd.load(path, modules=[Tied])
    assert isinstance(loaded, Tied)
    assert same_bits(net, loaded)
    assert loaded.weight is loaded.there.weight
    assert loaded.scale == 0.5


def test_a_module_that_is_not_handed_over_is_refused(path: Path) -> None:
    Tied(3).save(path)
    with pytest.raises(FileError, match=r"known type; received str 'Tied'.*modules=\[\.\.\.\]"):
        gd.load(path)


def test_what_else_belongs_to_the_model_comes_back(path: Path) -> None:
    extra = {"classes": ("a", "b"), "means": [0.1, 1e300], "numbers": {10: "x", 9: "y"}, "ü": None}
    nn.save(small(), path, extra)
    _, found = nn.read(path)
    assert found == {
        "classes": ["a", "b"],
        "means": [0.1, 1e300],
        "numbers": {"10": "x", "9": "y"},
        "ü": None,
    }


@pytest.mark.parametrize("value", [np.zeros(2), float("nan"), {1, 2}, b"bytes"])
def test_what_is_no_plain_data_is_refused_before_anything_is_written(
    value: Any, path: Path
) -> None:
    with pytest.raises(ArgumentError, match="plain data, as in JSON"):
        nn.save(small(), path, {"extra": value})
    assert not path.exists()


def test_the_same_network_gives_the_same_file(tmp_path: Path) -> None:
    small().save(tmp_path / "a")
    small().save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_other_programs_can_read_the_weights(path: Path) -> None:
    from safetensors.numpy import load_file

    net = small()
    net.save(path)
    found = load_file(path)
    assert all(np.array_equal(found[n], a) for n, a in weights(net).items())


# ── Damage ──────────────────────────────────────────────────────────────────────────────────────


def outcome(path: Path, content: bytes) -> nn.Module | None:
    """What loading such a file gives, or None where it is refused as it should be."""
    path.write_bytes(content)
    try:
        return gd.load(path)
    except FileError:
        return None


def test_a_truncated_file_is_refused(saved: bytes, path: Path) -> None:
    for length in {*range(0, len(saved), 64), *range(20), len(saved) - 1, len(saved) - 8}:
        assert outcome(path, saved[:length]) is None, length


def test_a_lengthened_file_is_refused(saved: bytes, path: Path) -> None:
    assert outcome(path, saved + b"\0") is None
    assert outcome(path, saved + saved) is None


@pytest.mark.parametrize("mask", [0xFF, 0x01, 0x20])
def test_a_changed_byte_is_refused_or_changes_nothing(saved: bytes, path: Path, mask: int) -> None:
    net, taken = small(), 0
    for place in range(len(saved)):
        changed = bytearray(saved)
        changed[place] ^= mask
        found = outcome(path, bytes(changed))
        if found is not None:
            taken += 1
            assert same_bits(found, net), place
    assert taken < 20, "only what the content does not depend on may change unseen"


def rewritten(saved: bytes, change: Any) -> bytes:
    """The file with its header changed, and everything else in order."""
    (length,) = struct.unpack("<Q", saved[:8])
    header = json.loads(saved[8 : 8 + length])
    inner = json.loads(header["__metadata__"]["gradus"])
    change(header, inner)
    if "gradus" in header["__metadata__"]:
        header["__metadata__"]["gradus"] = json.dumps(inner)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + saved[8 + length :]


def resigned(saved: bytes, change: Any) -> bytes:
    """As ``rewritten``, with a new digest: somebody who knows how the file is made."""
    from safetensors.numpy import load

    def sign(header: Any, inner: Any) -> None:
        change(header, inner)
        inner.pop("sha256")
        inner["sha256"] = model_file._digest(inner, load(saved))

    return rewritten(saved, sign)


def nothing(header: Any, inner: Any) -> None:
    """No change."""


def test_a_rewritten_file_that_says_the_same_is_taken(saved: bytes, path: Path) -> None:
    for content in (rewritten(saved, nothing), resigned(saved, nothing)):
        found = outcome(path, content)
        assert found is not None
        assert same_bits(found, small())


def widened(header: Any, inner: Any) -> None:
    inner["network"]["layers"][0]["out_features"] = 10**9


def renamed(header: Any, inner: Any) -> None:
    inner["network"]["layers"][0]["type"] = "os.system"


def deepened(header: Any, inner: Any) -> None:
    for _ in range(100):
        inner["network"] = {"type": "Sequential", "layers": [inner["network"]]}


def emptied(header: Any, inner: Any) -> None:
    inner["network"]["layers"] = []


def other_shape(header: Any, inner: Any) -> None:
    inner["network"]["layers"][0].update(in_features=3, out_features=2)


def newer(header: Any, inner: Any) -> None:
    inner["format"] = 2


def foreign(header: Any, inner: Any) -> None:
    del header["__metadata__"]["gradus"]


def surplus(header: Any, inner: Any) -> None:
    inner["code"] = "import os"


def listed(header: Any, inner: Any) -> None:
    inner["network"] = [1, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (widened, "must make one|more numbers"),
        (renamed, "known type.*os.system"),
        (deepened, "64 levels"),
        (emptied, "other tensors"),
        (other_shape, "0.weight|must make one"),
        (newer, "format 1; received format 2.*update gradus"),
        (foreign, "description in the header.*load files that gradus saved"),
        (surplus, "a header with"),
        (listed, "describes a module"),
    ],
)
def test_a_well_made_file_with_wrong_content_is_refused(
    saved: bytes, path: Path, change: Any, message: str
) -> None:
    path.write_bytes(resigned(saved, change))
    with pytest.raises(FileError, match=message):
        gd.load(path)


def test_a_changed_description_is_refused_by_its_digest(saved: bytes, path: Path) -> None:
    def change(header: Any, inner: Any) -> None:
        inner["network"]["layers"][1]["momentum"] = 0.5

    path.write_bytes(rewritten(saved, change))
    with pytest.raises(FileError, match=r"SHA-256.*another copy"):
        gd.load(path)


class Bomb:
    def __reduce__(self) -> Any:
        return (os.abort, ())


FOREIGN = {
    "an empty file": b"",
    "a pickle": pickle.dumps(Bomb()),
    "text": b"hello, world, this is no model" * 10,
    "a huge header length": struct.pack("<Q", 2**63 - 1) + b"{}",
    "a header length beyond the file": struct.pack("<Q", 10_000) + b"{}",
    "a header that is no JSON": struct.pack("<Q", 8) + b"not json",
    "a header that is no object": struct.pack("<Q", 8) + b"[1,2,3] ",
    "a header nested very deep": struct.pack("<Q", 80_000) + b"[" * 80_000,
    "an empty header": struct.pack("<Q", 8) + b"{}      ",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_is_refused(name: str, path: Path) -> None:
    path.write_bytes(FOREIGN[name])
    with pytest.raises(FileError) as caught:
        gd.load(path)
    assert str(path) in str(caught.value)
    assert "What to do" in str(caught.value)


def test_somebody_elses_safetensors_are_refused(path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"w": np.zeros(3, np.float32)}, path, {"format": "pt"})
    with pytest.raises(FileError, match="description in the header"):
        gd.load(path)


@pytest.mark.parametrize("dtype", ["F16", "BF16", "I8", "F8_E4M3", "U64"])
def test_dtypes_that_gradus_does_not_compute_in_are_refused(dtype: str, path: Path) -> None:
    size = {"F16": 2, "BF16": 2, "I8": 1, "F8_E4M3": 1, "U64": 8}[dtype]
    header = {
        "__metadata__": {"gradus": json.dumps({"format": 1, "sha256": ""})},
        "w": {"dtype": dtype, "shape": [1], "data_offsets": [0, size]},
    }
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"\0" * size)
    with pytest.raises(FileError):
        gd.load(path)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "{}", '{"format": 1}', '{"sha256": 1}', "[" * 100_000, '"x"', "1e999"],
)
def test_a_description_that_makes_no_sense_is_refused(text: str, path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"w": np.zeros(3, np.float32)}, path, {"gradus": text})
    with pytest.raises(FileError):
        gd.load(path)


def test_a_description_nested_to_any_depth_is_refused(path: Path) -> None:
    from safetensors.numpy import save_file

    for depth in range(100, 3000, 25):
        nested = "[" * depth + "]" * depth
        text = f'{{"format": 1, "network": {{}}, "extra": {{"x": {nested}}}, "sha256": "0"}}'
        save_file({"w": np.zeros(3, np.float32)}, path, {"gradus": text})
        with pytest.raises(FileError):
            gd.load(path)


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "none"):
        with pytest.raises(FileError, match=r"a model is a file.*check the path"):
            gd.load(place)


# ── Writing ─────────────────────────────────────────────────────────────────────────────────────


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    saved: bytes, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match=r"has room.*No space left"):
        nn.Linear(5, 5).save(path)
    assert path.read_bytes() == saved
    assert os.listdir(path.parent) == [path.name]


def test_an_interruption_while_writing_leaves_the_old_file(
    saved: bytes, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(source: Any, target: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        nn.Linear(5, 5).save(path)
    assert path.read_bytes() == saved
    assert os.listdir(path.parent) == [path.name]


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="a folder that exists"):
        small().save(tmp_path / "none" / "net.safetensors")


def test_a_network_that_cannot_be_described_is_refused_and_the_old_file_stays(
    saved: bytes, path: Path
) -> None:
    class Undescribed(nn.Module):
        def __init__(self, size: int) -> None:
            self.weight = gd.zeros(size).requires_grad_()

    with pytest.raises(ArgumentError, match="keeps each constructor argument"):
        Undescribed(3).save(path)
    assert path.read_bytes() == saved


# ── No code from a file ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("module", [model_file, registry])
def test_the_way_of_a_file_holds_nothing_that_could_run_it(module: Any) -> None:
    tree = ast.parse(Path(module.__file__).read_text())
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(str(node.module).partition(".")[0])
    assert not names & {"eval", "exec", "compile", "__import__", "globals", "locals", "setattr"}
    assert modules <= {
        "__future__", "collections", "dataclasses", "gradus", "hashlib", "inspect", "json", "math",
        "pathlib", "safetensors", "typing",
    }  # fmt: skip


def test_loading_a_pickle_does_not_run_it(path: Path) -> None:
    path.write_bytes(pickle.dumps(Bomb()))  # run, it would end this process
    with pytest.raises(FileError):
        gd.load(path)
