"""``python -m benchmarks.learning``: gradus' presets beside scikit-learn's models, and the report.

A full run writes docs/benchmarks/learning.md; a part, or a quick run, only prints its report, but
where it is told to write, too.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from benchmarks.client import ROOT
from benchmarks.learning.cache import Cache
from benchmarks.learning.compare import Comparison, Plan
from benchmarks.learning.models import MODELS
from benchmarks.learning.picture import draw
from benchmarks.learning.report import document, verdicts
from benchmarks.learning.results import Results, gather
from benchmarks.learning.sets import REPORTED
from benchmarks.machine import cores, description

DOCS = ROOT / "docs" / "benchmarks"
CACHE = ROOT / "runs" / "learning.jsonl"


def main() -> None:
    """Run what was asked for."""
    # An ordinary end closes the workers; a sudden one would leave them stopped for good.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    options = _parser().parse_args()
    if options.redraw:
        write(json.loads((DOCS / "learning.json").read_text()))
        return
    sets = {n: load for n, load in REPORTED.items() if n in _sets(options)}
    models = {n: m for n, m in MODELS.items() if n in options.models}
    plan = Plan(
        folds=options.folds,
        taken=min(2, options.folds) if options.quick else options.folds,
        seeds=1 if options.quick else options.seeds,
        threads=len(cores(options.threads)),
        limit=options.limit,
    )
    with Comparison(models, plan, Cache(options.cache)) as comparison:
        results = gather(comparison.run(sets, options.again), models, plan)
    results = {"machine": description(), **results}
    print(document(results))
    print(*verdicts(results), sep="\n")
    everything = len(sets) == len(REPORTED) and len(models) == len(MODELS)
    if options.write or (everything and (plan.taken, plan.seeds) == (Plan.folds, Plan.seeds)):
        write(results)


def write(results: Results) -> None:
    """The report, its picture and its data, into the documentation."""
    DOCS.mkdir(parents=True, exist_ok=True)
    (DOCS / "learning.md").write_text(document(results))
    (DOCS / "learning.json").write_text(json.dumps(results) + "\n")
    draw(results, DOCS / "learning.svg")


def _sets(options: argparse.Namespace) -> list[str]:
    if options.sets:
        return list(options.sets)
    return [n for n in REPORTED if not options.quick or n != "large"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning", description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=REPORTED, help="all by default")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--folds", type=int, default=Plan.folds, help="parts of the rows")
    parser.add_argument("--seeds", type=int, default=Plan.seeds, help="shuffles of the rows")
    parser.add_argument("--threads", type=int, default=Plan.threads, help="cores of each model")
    parser.add_argument("--limit", type=float, default=Plan.limit, help="seconds a fit may take")
    parser.add_argument(
        "--quick", action="store_true", help="two folds, one seed, not the large set"
    )
    parser.add_argument(
        "--again", action="store_true", help="measure even what the cache already has"
    )
    parser.add_argument("--write", action="store_true", help="write the report of a part, too")
    parser.add_argument("--cache", type=Path, default=CACHE, help="file of the results so far")
    parser.add_argument(
        "--redraw", action="store_true", help="write the report again, from its data"
    )
    return parser


if __name__ == "__main__":
    main()
