"""``python -m benchmarks``: measure, say whether the goals are met, and write the report.

A full run writes docs/benchmarks; a run of a part, or a quick one, only prints its report.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import fit_costs, prediction, startup, training
from benchmarks.client import ROOT
from benchmarks.goals import goals
from benchmarks.machine import Others, cores, description, environment
from benchmarks.peers import FRAMEWORKS
from benchmarks.picture import draw
from benchmarks.progress import say
from benchmarks.rounds import Effort
from benchmarks.tables import document
from benchmarks.workloads import WORKLOADS

DOCS = ROOT / "docs" / "benchmarks"
QUICK = {"tiny": 1, "digits": 1, "lecture": 2, "mnist": 2, "wide": 2}  # threads of a quick run
QUICK_PREDICTION = (("digits", 1, 1), ("mnist", 10_000, 2))


def main() -> None:
    """Run what was asked for."""
    # An ordinary end closes the workers; a sudden one would leave them stopped for good.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    options = _parser().parse_args()
    if options.redraw:
        results = json.loads((DOCS / "results.json").read_text())
        results["goals"] = goals(results)
        write(results)
        return
    results = measure(options)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    say("")
    print(document(results))
    whole = options.only == list(WORKLOADS) and options.peers == list(FRAMEWORKS)
    if whole and not options.quick:
        write(results)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All measurements of the chosen workloads and frameworks."""
    peers = ["gradus", "gradus fit", *(n for p in options.peers for n in FRAMEWORKS[p])]
    effort, repeats = Effort(), 5
    if options.quick:
        effort, repeats = Effort(rounds=3, seconds=0.05, budget=5.0), 1
        peers = [p for p in peers if p != "PyTorch compiled"]  # minutes of compiling
    if options.rounds:
        effort = Effort(options.rounds, effort.seconds, effort.budget)
    chosen = [WORKLOADS[n] for n in options.only]
    counts = sorted({len(cores(1)), len(cores(2))})
    cells = [(w, t) for w in chosen for t in counts if not options.quick or t == QUICK[w.name]]
    cases = QUICK_PREDICTION if options.quick else prediction.CASES
    results: dict[str, Any] = {"machine": description()}
    others = Others()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results["imports"] = startup.imports(peers, repeats)
        results["first_steps"] = {
            w.name: startup.first_steps(w, peers, min(repeats, 3), folder)
            for w in chosen
            if w.name in startup.FIRST_STEPS
        }
        results["fit"] = _fit_costs()
        results["floors"] = [training.floors(chosen, t) for t in counts]
        results["training"] = [training.measure(w, t, peers, effort, folder) for w, t in cells]
        results["prediction"] = [
            prediction.measure(name, rows, t, peers, effort, folder)
            for name, rows, t in cases
            if name in options.only and t in counts
        ]
    results["machine"]["others"] = others.share()
    results["goals"] = goals(results)
    return results


def write(results: dict[str, Any]) -> None:
    """The report, its picture and its data, into the documentation."""
    DOCS.mkdir(parents=True, exist_ok=True)
    (DOCS / "README.md").write_text(document(results))
    (DOCS / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    draw(results, DOCS / "steps.svg")


def _fit_costs() -> dict[str, Any]:
    """What `fit_costs.py` finds, in a process of its own."""
    say("fit: first step and memory")
    command = [sys.executable, "-m", fit_costs.__name__]
    done = subprocess.run(command, cwd=ROOT, env=environment(1), check=True, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--peers", nargs="*", choices=FRAMEWORKS, default=list(FRAMEWORKS))
    parser.add_argument(
        "--quick",
        action="store_true",
        help="few rounds, no compiled PyTorch, each workload once",
    )
    parser.add_argument("--rounds", type=int, help="rounds of two passes; ten by default")
    parser.add_argument("--json", type=Path, help="where to write the raw results")
    parser.add_argument(
        "--redraw", action="store_true", help="write the report again, from its data"
    )
    return parser


if __name__ == "__main__":
    main()
