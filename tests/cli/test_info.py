"""gradus info and gradus doctor, the version, the help."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import gradus as gd
from gradus.cli import doctor
from gradus.compiler.native import targets
from gradus.runs.recipe_words import PRESETS

if TYPE_CHECKING:
    from tests.cli.conftest import Gradus

native = pytest.mark.skipif(not targets(), reason="built without the native executor")


def test_info_shows_network_columns_classes_results_and_the_command(
    gradus: Gradus, wine_model: Path
) -> None:
    done = gradus("info", wine_model)
    assert (done.code, done.err) == (0, "")
    for text in (
        "classification by 'cultivar'",
        "Classes: class_0, class_1, class_2",
        "Linear(13 → 100",
        "alcalinity_of_ash",
        "log loss",
        "Trained on 142 rows, 36 held out: 8 epochs, 8 steps",
        "Repeat: gradus train wine --target cultivar",
    ):
        assert text in done.out


def test_info_as_json_holds_the_recorded_summary(gradus: Gradus, wine_model: Path) -> None:
    found = gradus("info", wine_model, "--json").json
    assert found["summary"] == json.loads((wine_model / "metrics.json").read_text())
    assert found["classes"] == ["class_0", "class_1", "class_2"]
    assert found["network"]["type"] == "Sequential"
    assert found["columns"][0] == {"name": "alcohol", "kind": "numeric"}


def test_info_of_a_model_file_alone_says_what_that_knows(gradus: Gradus, wine_model: Path) -> None:
    done = gradus("info", wine_model / "model.safetensors")
    assert done.code == 0
    assert "alcohol" in done.out
    assert "its run's folder does" in done.out
    found = gradus("info", wine_model / "model.safetensors", "--json").json
    assert found["summary"] is None


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"columns": 3}', None])
def test_damaged_results_are_refused_while_the_model_still_predicts(
    gradus: Gradus, wine_model: Path, wine_csv: Path, here: Path, content: str | None
) -> None:
    shutil.copytree(wine_model, here / "run")
    (here / "run" / "metrics.json").unlink()
    if content is not None:
        (here / "run" / "metrics.json").write_text(content)
    done = gradus("info", "run")
    assert done.code == 2
    assert "metrics.json" in done.err
    assert gradus("predict", "run", wine_csv).code == 0


def test_control_characters_in_names_do_not_reach_the_terminal(gradus: Gradus, here: Path) -> None:
    rows = "".join(f"{i},{i % 2}\n" for i in range(20))
    (here / "t.csv").write_text("a\x1b[31m,y\n" + rows)
    assert gradus("train", "t.csv", "--target", "y", "--epochs", 1, "--out", "r").code == 0
    done = gradus("info", "r")
    assert "\x1b" not in done.out
    assert "a\ufffd[31m" in done.out


def test_doctor_reports_versions_cores_and_executors(gradus: Gradus) -> None:
    found = gradus("doctor", "--json").json
    assert found["versions"]["gradus"] == gd.__version__
    assert {"numpy", "scikit-learn", "pyarrow", "python"} <= set(found["versions"])
    assert found["cores"] >= 1
    assert found["executors"] == {"reference": True, "native": targets()}
    assert found["problems"] == []
    text = gradus("doctor")
    assert text.code == 0
    assert ("native (C++)" if targets() else "was not built") in text.out
    assert "gradus can work here" in text.out


@native
def test_doctor_says_which_native_code_there_is_which_is_used_and_how_to_choose(
    gradus: Gradus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRADUS_TARGET", raising=False)
    assert gradus("doctor", "--json").json["target"] == targets()[0]
    text = gradus("doctor").out
    assert all(f"{name} (" in text for name in targets())
    assert f"In use: {targets()[0]}; GRADUS_TARGET=auto" in text
    monkeypatch.setenv("GRADUS_TARGET", "plain")
    assert gradus("doctor", "--json").json["target"] == "plain"
    assert "In use: plain; GRADUS_TARGET=auto" in gradus("doctor").out


@native
def test_doctor_says_how_many_threads_why_and_how_to_choose(
    gradus: Gradus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("GRADUS_NUM_THREADS", raising=False)
    text = gradus("doctor").out
    assert "Threads: up to 1 (OMP_NUM_THREADS=1); GRADUS_NUM_THREADS=N, --threads N" in text
    monkeypatch.setenv("GRADUS_NUM_THREADS", "5")
    assert gradus("doctor", "--json").json["threads"] == 5


@native
@pytest.mark.parametrize(
    ("name", "value", "choices"),
    [("GRADUS_TARGET", "v9", "auto, "), ("GRADUS_NUM_THREADS", "0", "at least 1")],
)
def test_doctor_fails_where_a_variable_asks_for_what_cannot_be(
    gradus: Gradus, monkeypatch: pytest.MonkeyPatch, name: str, value: str, choices: str
) -> None:
    monkeypatch.setenv(name, value)
    done = gradus("doctor")
    assert done.code == 1
    assert name in done.out
    assert choices in done.out


def test_doctor_without_native_code_says_why_what_it_costs_and_what_to_install(
    gradus: Gradus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "targets", list)
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda _: None)
    done = gradus("doctor")
    assert done.code == 0
    assert "reference (NumPy); the native one was not built: at installation" in done.out
    assert "several times as long without it. What to do: install g++" in done.out
    assert "Threads" not in done.out


def test_doctor_tells_native_code_that_does_not_load_from_code_that_was_not_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(name: str) -> Any:
        raise ImportError("GLIBC_9.99 not found")

    monkeypatch.setattr(doctor, "targets", list)
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda _: object())
    monkeypatch.setattr(doctor.importlib, "import_module", broken)
    assert doctor.examine({})["native_missing"] == "does not load (GLIBC_9.99 not found)"


def test_doctor_names_the_traps_that_are_set_and_the_remedy() -> None:
    found = doctor.examine({"OPENBLAS_CORETYPE": "Haswell"})
    assert any("unset OPENBLAS_CORETYPE" in text for text in found["warnings"])
    assert not any("OPENBLAS" in text for text in doctor.examine({})["warnings"])


def test_doctor_fails_where_a_part_does_not_load(
    gradus: Gradus, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = doctor.importlib.import_module

    def broken(name: str) -> Any:
        if name == "pyarrow":
            raise ImportError("no such library")
        return load(name)

    monkeypatch.setattr(doctor.importlib, "import_module", broken)
    done = gradus("doctor", "--json")
    assert done.code == 1
    assert "pip install --upgrade pyarrow" in done.json["problems"][0]


def test_a_folder_that_cannot_be_written_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refused)
    assert any("--out" in text for text in doctor.examine({})["warnings"])


def test_the_version_is_the_packages(gradus: Gradus) -> None:
    assert gradus("--version").out == f"gradus {gd.__version__}\n"


def test_help_lists_every_command_and_every_option_says_whose_its_default_is(
    gradus: Gradus,
) -> None:
    done = gradus("--help")
    assert all(name in done.out for name in ("train", "predict", "evaluate", "info", "doctor"))
    done = gradus("train", "--help")
    assert done.code == 0
    words = " ".join(done.out.replace("│", " ").split())
    activations = words.partition("Of the hidden layers: ")[2].partition("*")[0]
    assert "relu" in activations
    assert "sign," not in activations, "a network with sign units cannot be trained"
    assert "logistic" not in activations, "another name of the sigmoid"
    assert "Options that end in * are what the preset says unless they are given." in words
    for option in ("Passes over the training rows. *", "Rows a step. *", "Size of a step. *"):
        assert option in words
    for preset, meaning in PRESETS.items():
        assert f"{preset}: {meaning}." in words
