"""The results as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable

from benchmarks.goals import threads
from benchmarks.learning.judgement import SHIFT, judgements, means, relative
from benchmarks.learning.models import MODELS
from benchmarks.learning.results import Results, Spread, figures, spread, whole
from benchmarks.learning.sets import REPORTED
from benchmarks.tables import table

_PACKAGES = ("python", "gradus", "numpy", "scikit-learn")
_BUSY = 0.1  # cores that other programs may take
_FIGURES = {"error": "error", "log_loss": "log-loss", "rmse": "RMSE"}


def document(results: Results) -> str:
    """The whole report."""
    parts = [
        "# Learning by default",
        _introduction(results),
        "![Error and time of each model on each set](learning.svg)",
        "## Is the default as good as simple models?",
        _judgements(results),
        "## Over all sets",
        _means(results),
        "## Errors",
        "Share of held-out rows that are put into a wrong class, mean ± standard error over the "
        "fits. *Best possible* is what no model can go below, where the generator knows it.",
        _figure(results, "classification", "error"),
        "Log-loss of the same predictions:",
        _figure(results, "classification", "log_loss"),
        "Root mean squared error, in the target's units:",
        _figure(results, "regression", "rmse"),
        "## Time",
        f"Seconds of a fit on {threads(results['plan']['threads'])}, mean ± standard error:",
        _figure(results, None, "seconds"),
        *_left_out(results),
        "## Sets",
        _sets(results),
        "## How it is measured",
        _method(results),
    ]
    return "\n\n".join(p for p in parts if p) + "\n"


def verdicts(results: Results) -> list[str]:
    """The judgements and the means, one line each, for a terminal."""
    lines = []
    for j in judgements(results):
        verdict = "as good" if j.as_good else "within one s.e." if j.within else "WORSE"
        title = results["models"][j.peer]["title"]
        lines.append(
            f"{j.set:14} {_FIGURES[j.figure]:8} default {_four(j.ours)}  {title} {_four(j.theirs)}"
            f"  difference {j.difference:+.2g} ± {j.deviation:.2g}  {verdict}"
        )
    names = _models(results)
    if names:
        found = relative(results, "error", names, _reference(names))
        title = results["models"][_reference(names)]["title"]
        lines.append(f"error relative to {title}, over {len(found['sets'])} sets:")
        for name, (ratio, factor) in sorted(found["ratios"].items(), key=lambda x: x[1]):
            lines.append(f"  {results['models'][name]['title']:18} {_ratio(ratio, factor)}")
    return lines


def _ratio(ratio: float, factor: float) -> str:
    """A ratio with its spread over sets, where there is more than one."""
    return f"{ratio:.3f} ×/÷ {factor:.3f}" if math.isfinite(factor) else f"{ratio:.3f}"


def _introduction(results: Results) -> str:
    machine, plan = results["machine"], results["plan"]
    versions = ", ".join(f"{n} {machine['versions'][n]}" for n in _PACKAGES)
    dates = sorted(d for cell in results["sets"].values() for d in cell["dates"])
    when = " to ".join(dict.fromkeys([*dates[:1], *dates[-1:]])) or "nothing"
    states = {code for cell in results["sets"].values() for code in cell["code"]}
    busy = _busy(results)
    often = f"{plan['taken']} folds × {plan['seeds']} seed{'s' * (plan['seeds'] > 1)}"
    warning = (
        f" **Other programs took {busy:.2f} cores while this was measured, so the times are not to "
        "be relied on;** the errors do not depend on it."
        if busy > _BUSY
        else ""
    )
    return (
        f"gradus' presets beside scikit-learn's models, all without tuning by hand, on "
        f"{len(results['sets'])} tables: {often}, the same for all.{_missing(results)}{warning}\n\n"
        f"Measured {when} on {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gb']} GB, {machine['system']}; {versions}; each model on "
        f"{threads(plan['threads'])}{_states(len(states))}. `make learn` measures what is not "
        "measured yet and writes this page; `python -m benchmarks.learning --quick` takes minutes "
        "and prints it. Every fit's figures are in [learning.json](learning.json)."
    )


def _missing(results: Results) -> str:
    """What a whole run has beside this one."""
    models = [m.title for name, m in MODELS.items() if name not in results["models"]]
    sets = [name for name in REPORTED if name not in results["sets"]]
    return f" **Not measured yet:** {', '.join(models + sets)}." if models or sets else ""


def _judgements(results: Results) -> str:
    title = {n: m["title"] for n, m in results["models"].items()}
    rows = [
        (
            f"{j.set}, {_FIGURES[j.figure]}",
            _four(j.ours),
            f"{_four(j.theirs)} ({title[j.peer]})",
            f"{j.difference:+.2g} ± {j.deviation:.2g}",
            "yes" if j.as_good else "**no**",
            "yes" if j.within else "**no**",
        )
        for j in judgements(results)
    ]
    if not rows:
        return "*gradus default* was not measured on the bundled sets."
    header = ("", "gradus default", "best simple model", "difference", "as good", "within 1 s.e.")
    return (
        "*gradus default* on the bundled sets beside the better of logistic or ridge regression "
        "and scikit-learn's MLP, in the mean; the difference is taken fold by fold, with its "
        f"standard error:\n\n{table(header, rows)}"
    )


def _means(results: Results) -> str:
    names = _models(results)
    title = {n: results["models"][n]["title"] for n in names}
    tasks = {"classification": "error of classes", "regression": "nRMSE of numbers"}
    columns: list[tuple[str, dict[str, float], int]] = []
    for task, what in tasks.items():
        part = _only(results, task)
        found = means(part, "error", names)
        columns.append((what, found["means"], len(found["sets"])))
        if task == "classification":
            found = means(part, "log_loss", names)
            columns.append(("log-loss", found["means"], len(found["sets"])))
    columns = [c for c in columns if c[2]]
    together = relative(results, "error", names, _reference(names)) if names else {"sets": []}
    if not together["sets"]:
        return "No set has results of all models."
    rows = []
    for name in names:
        ratio, factor = together["ratios"][name]
        rows.append(
            (
                title[name],
                *(_four(found[name]) for _, found, _ in columns),
                _ratio(ratio, factor),
            )
        )
    header = (
        "",
        *(f"{what} ({_count(count)})" for what, _, count in columns),
        f"error / that of {title[_reference(names)]} ({_count(len(together['sets']))})",
    )
    missing = [n for n in results["sets"] if n not in together["sets"]]
    note = f" Without {', '.join(missing)}, where not all models have results." if missing else ""
    return (
        f"Shifted geometric means, exp(mean of log(e + {SHIFT:g})) − {SHIFT:g}; nRMSE is the RMSE "
        "over the standard deviation of the target. The last column is the geometric mean of "
        f"(e + {SHIFT:g}) / (e of the reference + {SHIFT:g}), with its standard error over sets as "
        f"a factor.{note}\n\n{table(header, rows)}"
    )


def _figure(results: Results, task: str | None, figure: str) -> str:
    """A table of one figure: a line a set, a column a model, the least of each line bold."""
    names = _models(results)
    rows = []
    for name, cell in results["sets"].items():
        if task in (None, cell["task"]):
            found = {m: spread(figures(cell, m, figure)) for m in names}
            line = [_entry(cell, m, found[m], _least(found.values())) for m in names]
            best = [_best(cell)] if figure in ("error", "rmse") else []
            rows.append((name, *line, *best))
    last = ["best possible"] if figure in ("error", "rmse") else []
    header = ("", *(results["models"][n]["title"] for n in names), *last)
    return table(header, rows) if rows else ""


def _entry(cell: Results, model: str, found: Spread | None, least: float | None) -> str:
    if found is None:
        return "–"
    text = _four(found.mean)
    if math.isfinite(found.error):
        text += f" ± {found.error:,.{decimals(found.mean)}f}"
    text = f"**{text}**" if found.mean == least else text
    return text if whole(cell, model) else f"{text} †"


def _least(found: Iterable[Spread | None]) -> float | None:
    return min((f.mean for f in found if f is not None), default=None)


def _best(cell: Results) -> str:
    return "–" if cell["best"] is None else _four(cell["best"] * cell["scale"])


def _left_out(results: Results) -> list[str]:
    """What could not be measured, and why."""
    places: dict[tuple[str, str], list[str]] = {}
    for name, cell in results["sets"].items():
        for model, reason in cell["left_out"].items():
            places.setdefault((results["models"][model]["title"], reason), []).append(name)
    lines = [f"- {title}: {', '.join(names)}: {why}" for (title, why), names in places.items()]
    if not lines:
        return []
    text = "Left out (†: only some of the folds, so not in the means):"
    return ["## Left out", text, "\n".join(lines)]


def _sets(results: Results) -> str:
    rows = [
        (
            name,
            cell["about"],
            "numbers" if cell["task"] == "regression" else "classes",
            f"{cell['rows']:,}",
            cell["columns"],
            cell["fits"],
        )
        for name, cell in results["sets"].items()
    ]
    return table(("", "", "target", "rows", "columns", "fits a model"), rows)


def _method(results: Results) -> str:
    plan = results["plan"]
    return f"""\
- All models take the same training rows and are judged on the same held-out rows: {plan["folds"]}
  folds, stratified for classes, shuffled anew for each seed, which is the models' seed, too. The
  largest set takes one seed.
- Each model has a process of its own, on the same cores, with every library held to
  {threads(plan["threads"])}; a small fit comes first and is not counted. Within a fold the models
  take turns, another one first each time, while the others' processes are stopped. The time is that
  of `fit`, with whatever the model does to the table.
- A fit may take {plan["limit"]:g} s; a model that takes longer is left out of the set, and of the
  means, with the reason given above.
- gradus takes the table as it is. scikit-learn's linear models and MLP take it through
  `SimpleImputer` (median, with a column that says what was missing), `StandardScaler` and
  `OneHotEncoder`; its trees take numbers as they are and categories as codes, which the boosted
  trees treat as categories. The penalty of the logistic regression is chosen among 7 by 5-fold
  cross-validation of the log-loss, that of ridge regression among 13 by leaving one out. The MLP
  has `max_iter=1000`, and its target is not scaled; forests and boosted trees have
  scikit-learn's settings.
- Defaults were chosen on other sets (`benchmarks/learning/choosing_sets.py`), none of these.
- The standard errors take the fits as independent. Folds share training rows, so the truth is
  somewhat wider."""


def _models(results: Results) -> list[str]:
    """Models that have a result somewhere, in their order."""
    cells = results["sets"].values()
    return [m for m in results["models"] if any(spread(figures(c, m, "error")) for c in cells)]


def _states(count: int) -> str:
    """Results of the same recipe may be of code that has changed around it."""
    return f"; gradus' code changed while it was measured, {count} states of it" * (count > 1)


def _count(sets: int) -> str:
    return f"{sets} set{'s' * (sets != 1)}"


def _reference(names: list[str]) -> str:
    """Whom the others are compared with: scikit-learn's MLP, where it was measured."""
    return "network" if "network" in names else names[0]


def _only(results: Results, task: str) -> Results:
    cells = {n: c for n, c in results["sets"].items() if c["task"] == task}
    return {**results, "sets": cells}


def _busy(results: Results) -> float:
    """Cores that other programs took during the fits, on average over their time."""
    spent = taken = 0.0
    for cell in results["sets"].values():
        for model in cell["models"]:
            pairs = zip(
                figures(cell, model, "seconds"), figures(cell, model, "others"), strict=False
            )
            for seconds, others in pairs:
                if seconds is not None and others is not None:
                    spent, taken = spent + seconds, taken + seconds * others
    return taken / spent if spent else 0.0


def _four(value: float) -> str:
    return f"{value:,.{decimals(value)}f}" if math.isfinite(value) else f"{value}"


def decimals(value: float) -> int:
    """So many that three figures count, but four at most."""
    return max(0, min(4, 2 - math.floor(math.log10(abs(value))))) if value else 4
