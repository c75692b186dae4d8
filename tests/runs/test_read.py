"""Opening a run: what is there is checked before it is used."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file

import gradus as gd
from gradus.errors import FileError
from gradus.estimators.table_run import train_table
from gradus.runs import RunConfig, RunDraft, read_model_of, read_run, save_run
from gradus.train.table_model import TableModel


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs") / "iris"
    table, target = gd.data.load("iris")
    with RunDraft(place) as draft:
        trained = train_table(table, target, max_iter=1, progress=False)
        save_run(draft, trained, RunConfig("iris", target))
    return place


def test_a_run_comes_back_with_model_settings_and_results(run: Path) -> None:
    found = read_run(run)
    assert found.model.target_name == "species"
    assert found.config == RunConfig("iris", "species")
    assert found.summary
    assert found.summary["rows"] == {
        "training": 120, "validation": 18, "held_out": 30, "left_out": 0,
    }  # fmt: skip


def test_a_model_file_alone_is_a_run_without_settings_and_results(run: Path) -> None:
    found = read_run(run / "model.safetensors")
    assert (found.config, found.summary) == (None, None)
    table, _ = gd.data.load("iris")
    assert found.model.predict(table) == read_run(run).model.predict(table)


@pytest.mark.parametrize("layers", [(4, 2), (3, 3)])
def test_a_network_that_does_not_fit_its_table_is_refused(
    run: Path, tmp_path: Path, layers: tuple[int, int]
) -> None:
    good = read_model_of(run)
    net = gd.nn.Sequential(gd.nn.Linear(*layers))
    TableModel(net, good.inputs, good.target, "species").save(tmp_path / "m.safetensors")
    with pytest.raises(FileError, match="network that fits its columns"):
        TableModel.load(tmp_path / "m.safetensors")


@pytest.mark.parametrize("name", ["inputs", "target", "target_name", "extra", "network"])
@pytest.mark.parametrize("value", [[], 3, {}, None, [{"kind": "numeric"}]])
def test_a_forged_description_with_a_right_checksum_is_refused(
    run: Path, tmp_path: Path, name: str, value: Any
) -> None:
    path = tmp_path / "m.safetensors"
    forge(run / "model.safetensors", path, {name: value})
    with pytest.raises(FileError):
        TableModel.load(path)


def forge(source: Path, target: Path, change: dict[str, Any]) -> None:
    """Write a model file whose header says something else, and whose checksum is right."""
    from safetensors import safe_open

    with safe_open(str(source), framework="numpy") as file:
        header = json.loads(file.metadata()["gradus"])
    del header["sha256"]
    for name, value in change.items():
        (header["extra"] if name in header["extra"] else header)[name] = value
    tensors = load_file(source)
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name in sorted(tensors):
        digest.update(f"{name}|{tensors[name].dtype}|{tensors[name].shape}|".encode())
        digest.update(tensors[name].tobytes())
    text = json.dumps({**header, "sha256": digest.hexdigest()})
    save_file(tensors, target, {"gradus": text})


def test_a_forgery_that_changes_nothing_is_read(run: Path, tmp_path: Path) -> None:
    forge(run / "model.safetensors", tmp_path / "m.safetensors", {})
    assert TableModel.load(tmp_path / "m.safetensors").target_name == "species"
