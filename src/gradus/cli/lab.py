"""``gradus lab``: the lectures' questions as experiments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gradus.cli.screen import remark, say, say_json, say_table
from gradus.errors import ArgumentError
from gradus.lab import EXPERIMENTS, Setting, run, write_index
from gradus.lab.demos import DEMOS, write_demo, write_demo_index
from gradus.train.progress import wanted

lab = typer.Typer(
    name="lab",
    no_args_is_help=True,
    help="Questions of the lectures as experiments: a claim, a measurement, a verdict.",
)

_STYLES = {"holds": "green", "holds in part": "yellow", "does not hold": "red"}


@lab.command("list")
def list_experiments(
    *, json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False
) -> None:
    """List the experiments, and the lectures that ask."""
    rows = [(e.name, e.question, e.lecture) for e in EXPERIMENTS.values()]
    if json:
        header = ("name", "question", "lecture")
        say_json({"experiments": [dict(zip(header, row, strict=True)) for row in rows]})
        return
    say_table(["name", "question", "lectures"], rows)


@lab.command("run")
def run_experiments(
    names: Annotated[
        list[str] | None, typer.Argument(help="Experiments, by name; see gradus lab list.")
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Run all of them.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything that is drawn.")] = 0,
    quick: Annotated[
        bool, typer.Option("--quick", help="Smaller sizes; all of them within three minutes.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for data, pictures and pages.")] = Path(
        "runs/lab"
    ),
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Run experiments: each ends with a verdict, a picture and a page."""
    chosen = _chosen(names or [], everything)
    found: list[dict[str, Any]] = []
    shown = wanted(None)
    for k, name in enumerate(chosen, 1):
        if shown:
            remark(f"[{k}/{len(chosen)}] {EXPERIMENTS[name].question}", "dim")
        result = run(EXPERIMENTS[name], Setting(seed, quick), out / name)
        place = write_index(out)  # after each: whoever stops here keeps what is done
        found.append(result)
        if not json:
            say(f"{name}: {result['verdict']}", f"bold {_STYLES[result['verdict']]}")
            say(result["because"])
            if result["remark"]:
                say(result["remark"], "dim")
            say("")
    if json:
        kept = ("name", "verdict", "because", "remark", "seconds")
        say_json({"index": str(place), "results": [{n: r[n] for n in kept} for r in found]})
        return
    say(f"Pages and pictures: {place}")


@lab.command("demos")
def make_demos(
    *,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything that is drawn.")] = 0,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Fewer settings to choose from; within a quarter minute."),
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for the pages.")] = Path("runs/lab/demos"),
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make pages to play with, offline: a line, a walk downhill, a boundary, a network."""
    pages = {}
    shown = wanted(None)
    for k, (name, demo) in enumerate(DEMOS.items(), 1):
        if shown:
            remark(f"[{k}/{len(DEMOS)}] {demo.title}", "dim")
        pages[name] = write_demo(demo, Setting(seed, quick), out)
    place = write_demo_index(out)
    if json:
        say_json({"index": str(place), "pages": {n: str(page) for n, page in pages.items()}})
        return
    for name, page in pages.items():
        say(f"{name}: {DEMOS[name].title}", "bold")
        say(f"{page}, {page.stat().st_size / 1e6:.1f} MB")
        say("")
    say(f"All of them: {place}")


def _chosen(names: list[str], everything: bool) -> list[str]:
    """Names of the experiments to run."""
    if bool(names) == everything:
        raise ArgumentError(
            "name experiments, or ask for --all",
            received="both" if everything else "neither",
            remedy="see gradus lab list",
        )
    for name in names:
        if name not in EXPERIMENTS:
            raise ArgumentError(
                "an experiment has one of the names that gradus lab list shows", received=repr(name)
            )
    return list(dict.fromkeys(names)) or list(EXPERIMENTS)
