"""Running an experiment, and the folder that is left of it: data, pictures and a page."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gradus.errors import FileError
from gradus.files import write_bytes
from gradus.lab.catalogue import EXPERIMENTS
from gradus.lab.experiment import VERDICTS, Experiment, Setting
from gradus.lab.pictures import style
from gradus.runs.page import page
from gradus.train import StopSignals
from gradus.train.strict_json import to_json
from gradus.version import __version__

Result = dict[str, Any]  # what result.json holds


def run(experiment: Experiment, setting: Setting, folder: Path) -> Result:
    """Measure, and write ``result.json``, the pictures and ``index.html`` into a folder.

    The result is written last: a folder that has one is whole. Ctrl-C ends the measurement at
    once, where alone it would end a training early, which would then count as a whole one.

    Raises:
        FileError: the folder cannot be made or written.
    """
    make_folder(folder)
    began = time.perf_counter()
    pictures = []
    with style(), StopSignals(()):
        finding = experiment.measure(setting)
        for k, picture in enumerate(finding.pictures, 1):
            files = {kind: f"picture-{k}.{kind}" for kind in ("svg", "png")}
            for kind, name in files.items():
                drawn = io.BytesIO()
                dated: Any = {"metadata": {"Date": None}} if kind == "svg" else {"dpi": 150}
                picture.figure.savefig(drawn, format=kind, **dated)
                write_bytes(folder / name, drawn.getvalue(), "picture")
            pictures.append({**files, "caption": picture.caption})
    result: Result = {
        "name": experiment.name,
        "question": experiment.question,
        "lecture": experiment.lecture,
        "claim": experiment.claim,
        "verdict": finding.verdict,
        "because": finding.because,
        "remark": finding.remark,
        "done": finding.done,
        "seed": setting.seed,
        "quick": setting.quick,
        "seconds": round(time.perf_counter() - began, 2),
        "gradus": __version__,
        "pictures": pictures,
        "numbers": dict(finding.numbers),
    }
    text = page("lab/finding.html.jinja", **result)
    write_bytes(folder / "index.html", text.encode(), "page")
    write_bytes(folder / "result.json", to_json(result).encode(), "result")
    return result


def make_folder(folder: Path) -> None:
    """Make a folder for what the lab finds, with those above it.

    Raises:
        FileError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(
            "results need a folder that can be made",
            received=f"{str(folder)!r}: {error.strerror}",
            remedy="choose another one with --out",
        ) from None


def results(folder: Path) -> Iterable[Result]:
    """Results that lie in a folder of experiments, in the order of the catalogue.

    Raises:
        FileError: a result that is damaged.
    """
    for name in EXPERIMENTS:
        path = folder / name / "result.json"
        if not path.is_file():
            continue
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            _check(found)
        except (OSError, ValueError) as error:
            raise FileError(
                "each result is a file of JSON as gradus lab run writes it",
                received=f"{str(path)!r}: {error}",
                remedy=f"run it again: gradus lab run {name}",
            ) from None
        yield found


def _check(found: Any) -> None:
    """Refuse what lacks anything that the index shows."""
    shown = {"name": str, "question": str, "claim": str, "verdict": str, "pictures": list}
    for key, kind in shown.items():
        if not isinstance(found, dict) or not isinstance(found.get(key), kind):
            raise ValueError(f"no {key}")
    if found["verdict"] not in VERDICTS:
        raise ValueError(f"the verdict {found['verdict']!r}")
    first = found["pictures"][0] if found["pictures"] else None
    if not isinstance(first, dict) or not {"svg", "caption"} <= first.keys():
        raise ValueError("no picture")


def write_index(folder: Path) -> Path:
    """Write the page that lists what lies in a folder, and return its place."""
    place = folder / "index.html"
    demos = (folder / "demos" / "index.html").is_file()
    text = page("lab/index.html.jinja", results=list(results(folder)), demos=demos)
    write_bytes(place, text.encode(), "page")
    return place
