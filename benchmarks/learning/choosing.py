"""``python -m benchmarks.learning.choosing``: compare recipes on the sets defaults are chosen on.

Recipes are named keyword arguments of MLPClassifier and MLPRegressor, in a file of JSON; those of
one task alone stand under the name of its estimator, and the first recipe is what the others are
compared with:

    {"now": {"preset": "default"},
     "wide": {"hidden_layer_sizes": [512, 512, 512]},
     "rates": {"MLPClassifier": {"learning_rate": 0.03}, "MLPRegressor": {"learning_rate": 0.05}}}

From Python, ``compare({"now": {...}, ...})`` does the same.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.client import ROOT
from benchmarks.learning.cache import Cache
from benchmarks.learning.choosing_sets import CHOOSING, FEW, MANY
from benchmarks.learning.compare import Comparison, Plan
from benchmarks.learning.judgement import relative
from benchmarks.learning.models import MODELS, Model
from benchmarks.learning.results import Results, figures, gather, spread, whole
from benchmarks.tables import table

CACHE = ROOT / "runs" / "choosing.jsonl"
FULL = Plan(folds=3, taken=3, seeds=2, rows=3000, threads=1, limit=300.0)
MANY_ROWS = Plan(folds=5, taken=1, seeds=1, rows=40_000, threads=1, limit=600.0)
QUICK = Plan(folds=3, taken=3, seeds=1, rows=600, threads=1, limit=60.0)
_SETS = CHOOSING | MANY
_FIGURES = (("classification", "error"), ("classification", "log_loss"), ("regression", "error"))


def compare(
    recipes: Mapping[str, Mapping[str, Any]],
    sets: tuple[str, ...] = FEW,
    plan: Plan = QUICK,
    peers: tuple[str, ...] = (),
    cache: Path = CACHE,
) -> Results:
    """Fit every recipe, and models of `MODELS` by name, on the sets; print what `summary` says."""
    models = {name: Model(name, settings=dict(kept)) for name, kept in recipes.items()}
    models |= {name: MODELS[name] for name in peers}
    with Comparison(models, plan, Cache(cache)) as comparison:
        results = gather(comparison.run({n: _SETS[n] for n in sets}), models, plan)
    print(summary(results))
    return results


def summary(results: Results) -> str:
    """A line a recipe: errors relative to the first one's, and seconds.

    Standard errors are over sets. Sets on which a recipe has failed count for none; the reasons
    follow.
    """
    names = list(results["models"])
    found = [relative(_only(results, task), figure, names, names[0]) for task, figure in _FIGURES]
    found.append(relative(results, "error", names, names[0]))
    heads = ("error, classes", "log-loss", "nRMSE", "error, all")
    header = (
        "",
        *(f"{h} ({len(f['sets'])} sets)" for h, f in zip(heads, found, strict=True)),
        "s / 1,000 rows",
        "s in all",
    )
    rows = []
    for name in names:
        ratios = [_ratio(f["ratios"].get(name)) for f in found]
        per_row, total = _seconds(results, name)
        rows.append((results["models"][name]["title"], *ratios, f"{per_row:.2f}", f"{total:.0f}"))
    reasons = [
        f"- {results['models'][m]['title']} on {name}: {reason}"
        for name, cell in results["sets"].items()
        for m, reason in cell["left_out"].items()
    ]
    return "\n".join([table(header, rows), *reasons])


def each(results: Results) -> str:
    """A line a set: errors relative to the first recipe's."""
    names = list(results["models"])
    rows = []
    for place, cell in results["sets"].items():
        found = [spread(figures(cell, n, "error")) for n in names]
        first = found[0].mean if found[0] else math.nan
        others = [f"{f.mean / first:.3f}" if f and first else "–" for f in found[1:]]
        rows.append((place, f"{first:.4f}", *others))
    return table(("", *(results["models"][n]["title"] for n in names)), rows)


def main() -> None:
    """Compare the recipes of a file."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.learning.choosing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("recipes", type=Path, nargs="?", help="a file of JSON")
    parser.add_argument("--sets", nargs="+", choices=_SETS, help="these alone")
    parser.add_argument("--peers", nargs="+", choices=MODELS, default=[])
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--quick", action="store_true", help="600 rows of 16 sets, one seed")
    kind.add_argument("--many", action="store_true", help="40,000 rows of 4 others, one fold")
    parser.add_argument("--each", action="store_true", help="show the sets one by one, too")
    parser.add_argument("--cache", type=Path, default=CACHE, help="file of the results so far")
    options = parser.parse_args()
    recipes = json.loads(options.recipes.read_text()) if options.recipes else {}
    if not recipes and not options.peers:
        parser.error("name a file of recipes, or some --peers")
    plan, sets = FULL, tuple(CHOOSING)
    if options.quick:
        plan, sets = QUICK, FEW
    if options.many:
        plan, sets = MANY_ROWS, tuple(MANY)
    if options.sets:
        sets = tuple(options.sets)
    results = compare(recipes, sets, plan, tuple(options.peers), options.cache)
    if options.each:
        print(each(results))


def _seconds(results: Results, model: str) -> tuple[float, float]:
    """Mean seconds for 1,000 rows of training over sets, and all seconds together."""
    plan, per_row, total = results["plan"], [], 0.0
    for cell in results["sets"].values():
        if whole(cell, model):
            times = [s for s in figures(cell, model, "seconds") if s is not None]
            trained = cell["rows"] * (1 - 1 / plan["folds"])
            per_row.append(1000 * sum(times) / len(times) / trained)
            total += sum(times)
    return (sum(per_row) / len(per_row) if per_row else math.nan), total


def _only(results: Results, task: str) -> Results:
    return {**results, "sets": {n: c for n, c in results["sets"].items() if c["task"] == task}}


def _ratio(found: tuple[float, float] | None) -> str:
    if found is None:
        return "–"
    ratio, factor = found
    return f"{ratio:.3f} ± {ratio * (factor - 1):.3f}" if math.isfinite(factor) else f"{ratio:.3f}"


if __name__ == "__main__":
    main()
