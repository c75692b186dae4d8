"""The pages of the demos: recordings, and a player that needs no server."""

from __future__ import annotations

from dataclasses import asdict
from importlib.resources import files
from pathlib import Path

from gradus.files import write_bytes
from gradus.lab.demos.boundary import BOUNDARY
from gradus.lab.demos.demo import Demo, Recording
from gradus.lab.demos.downhill import DOWNHILL
from gradus.lab.demos.linear import LINEAR
from gradus.lab.demos.tinker import TINKER
from gradus.lab.experiment import Setting
from gradus.lab.report import make_folder
from gradus.runs.page import page
from gradus.train import StopSignals
from gradus.train.strict_json import to_json
from gradus.version import __version__

DEMOS: dict[str, Demo] = {d.name: d for d in (LINEAR, DOWNHILL, BOUNDARY, TINKER)}


def write_demo(demo: Demo, setting: Setting, folder: Path) -> Path:
    """Record a demo and write its page, which opens from anywhere; the same seed, the same bytes.

    Raises:
        FileError: the folder cannot be made or written.
    """
    make_folder(folder)
    with StopSignals(()):  # Ctrl-C ends it; else it would end a training that then counts as whole
        recording = demo.record(setting)
    text = page(
        "lab/demos/demo.html.jinja",
        demo=demo,
        recording=recording,
        embedded=embedded(recording),
        scripts=[script(name) for name in ("plot", "player", *demo.scripts)],
        setting=setting,
        gradus=__version__,
    )
    place = folder / f"{demo.name}.html"
    write_bytes(place, text.encode(), "page")
    return place


def write_demo_index(folder: Path) -> Path:
    """Write the page that leads to the demos, and return its place."""
    place = folder / "index.html"
    text = page("lab/demos/index.html.jinja", demos=list(DEMOS.values()))
    write_bytes(place, text.encode(), "page")
    return place


def embedded(recording: Recording) -> str:
    r"""Controls and data as JSON that nothing in it can end: it has no ``<``.

    >>> embedded(Recording([], {"name": "</script>"}, ""))
    '{"controls": [], "data": {"name": "\\u003c/script>"}}'
    """
    controls = [asdict(control) for control in recording.controls]
    text = to_json({"controls": controls, "data": recording.data})
    return text.replace("<", "\\u003c")  # outside of strings, JSON has none


def script(name: str) -> str:
    """The JavaScript of this name, beside this file."""
    return files("gradus.lab.demos").joinpath(f"{name}.js").read_text(encoding="utf-8")
