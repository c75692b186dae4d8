"""The results as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.goals import best_peer, count, threads
from benchmarks.peers import PREDICTION, TRAINING
from benchmarks.workloads import WORKLOADS, Workload

_MIB = 1 << 20
_BUSY = 0.1  # cores that other programs may take


def document(results: dict[str, Any]) -> str:
    """The whole report."""
    parts = [
        "# Benchmarks",
        _introduction(results),
        "![Time of a step of each framework, as a multiple of gradus's](steps.svg)",
        "## Goals",
        _goals(results),
        "## Training",
        _training_text(results),
        _steps(results),
        "How many times as long as gradus, with quartiles over the passes:",
        _ratios(results["training"], list(TRAINING), _workload_name),
        *_errors(results["training"]),
        "## Prediction",
        "Outputs are compared first; rows are the framework's own arrays. Microseconds a call, in "
        "brackets how many times as long as gradus:",
        _prediction(results),
        *_errors(results["prediction"]),
        "## Before the first step, and memory",
        _start(results),
        "## Workloads",
        _workloads(),
        "## How it is measured",
        _METHOD,
    ]
    return "\n\n".join(parts) + "\n"


def _introduction(results: dict[str, Any]) -> str:
    machine = results["machine"]
    versions = ", ".join(f"{n} {v}" for n, v in machine["versions"].items())
    worst = min(
        (
            (cell["frameworks"][best]["ratio"], f"{cell['workload']} on {threads(cell['threads'])}")
            for cell in results["training"]
            if (best := best_peer(cell))
        ),
        default=None,
    )
    said = (
        f" On the worst of them, {worst[1]}, the fastest other framework takes {worst[0]:.2f} "
        "times as long as gradus."
        if worst
        else ""
    )
    if (machine["others"] or 0) > _BUSY:
        said += (
            f" **Other programs took {machine['others']:.2f} cores while this was measured: the "
            "figures, above all those of two threads, are not to be relied on.**"
        )
    return (
        f"Five workloads, in float32, on gradus and on other frameworks.{said}\n\n"
        f"Measured {machine['date']} on {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gb']} GB, {machine['system']}; {versions}; gradus with its kernels for "
        f"{machine['targets'][0]}. `make bench` measures again and writes this page "
        "(a quarter of an hour; nothing else should run); `python -m benchmarks --quick` takes "
        "less and prints it. The raw times are in [results.json](results.json). Microseconds move "
        "from machine to machine; compare ratios."
    )


def _goals(results: dict[str, Any]) -> str:
    rows = [
        (goal["what"], goal["goal"], goal["found"], "yes" if goal["met"] else "**no**")
        for goal in results["goals"]
    ]
    return table(("", "goal", "found", "met"), rows)


def _training_text(results: dict[str, Any]) -> str:
    rates = "; ".join(
        f"{f['flops'] / 1e9:.0f} GFLOP/s on {threads(f['threads'])}" for f in results["floors"]
    )
    return (
        "Microseconds a step, medians: gathering the batch, forward, backward and update. "
        "*gradus* takes as many steps a call as *JAX* does; *gradus fit* is `Trainer.fit`, with "
        "its order of the rows, its checks, the gradient norms and the history. The *floor* is "
        "what the products need at the best rate found here "
        f"({rates}), and what memory needs to move the batch and the state once."
    )


def _steps(results: dict[str, Any]) -> str:
    floors = {f["threads"]: f["seconds"] for f in results["floors"]}
    names = _present(results["training"], list(TRAINING))
    rows = []
    for cell in results["training"]:
        floor = floors[cell["threads"]][cell["workload"]]
        share = floor / cell["frameworks"]["gradus"]["seconds"]
        times = [_micro(cell["frameworks"].get(n)) for n in names]
        rows.append((_workload_name(cell), *times, f"{_number(floor * 1e6)} ({share:.0%})"))
    return table(("", *names, "floor (share of gradus)"), rows)


def _ratios(cells: list[dict[str, Any]], order: list[str], name: Any) -> str:
    names = [n for n in _present(cells, order) if n != "gradus"]
    rows = [(name(c), *(_ratio(c["frameworks"].get(n)) for n in names)) for c in cells]
    return table(("", *names), rows)


def _prediction(results: dict[str, Any]) -> str:
    names = _present(results["prediction"], list(PREDICTION))
    rows = []
    for cell in results["prediction"]:
        where = f"{count(cell['rows'])}, {cell['workload']}, {threads(cell['threads'])}"
        found = [cell["frameworks"].get(n) for n in names]
        rows.append((where, *(f"{_micro(f)} ({_plain_ratio(f)})" if f else "–" for f in found)))
    return table(("", *names), rows)


def _start(results: dict[str, Any]) -> str:
    """Imports, first steps and memory: one line a framework."""
    firsts, cells = results["first_steps"], results["training"]
    memory = {
        c["workload"]: c["memory"]
        for c in cells
        if c["threads"] == 1 and c["workload"] in ("mnist", "wide")
    }
    rows = []
    for name in (*TRAINING, "ONNX Runtime"):
        line = [_milli(results["imports"].get(name))]
        line += [_milli(times.get(name)) for times in firsts.values()]
        line += [_mebi(sizes.get(name)) for sizes in memory.values()]
        if any(entry != "–" for entry in line):
            rows.append((name, *line))
    header = (
        "",
        "import, ms",
        *(f"first step of {w}, ms" for w in firsts),
        *(f"peak memory of {w}, MiB" for w in memory),
    )
    text = (
        "The import is on top of the interpreter's start. The first step is timed from the call "
        "that trains, with one batch of rows, in a process that has imported the framework and "
        "made network and arrays. The peak includes the data."
    )
    fit = results["fit"]
    if fit["growth"] is not None:
        text += (
            f" Between epochs 1 and {fit['epochs']} of digits, gradus grows by "
            f"{fit['growth'] / _MIB:.2f} MiB."
        )
    return f"{text}\n\n{table(header, rows)}"


def _workloads() -> str:
    rows = [(w.name, _network(w), w.batch, f"{w.rows:,}", _rule(w)) for w in WORKLOADS.values()]
    return table(("", "network", "batch", "rows", "optimizer and loss"), rows)


def _network(w: Workload) -> str:
    layers = "–".join(map(str, w.sizes))
    ends = ", sigmoid at the end" if w.output == "sigmoid" else ""
    return f"{layers}, {w.hidden}{ends}{'' if w.bias else ', no bias'}"


def _rule(w: Workload) -> str:
    loss = {"bce": "binary cross-entropy", "ce": "cross-entropy", "sse": "sum of squared errors"}
    return f"{w.optimizer.replace('adam', 'Adam').replace('sgd', 'SGD')} {w.rate:g}, {loss[w.loss]}"


def _errors(cells: list[dict[str, Any]]) -> list[str]:
    """What could not be measured, one line each, once for all cells it holds for."""
    places: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        for name, reason in cell["errors"].items():
            where = f"{cell['workload']} ({threads(cell['threads'])})"
            places.setdefault((name, reason), []).append(where)
    lines = [f"- {n} left out of {', '.join(w)}: {reason}" for (n, reason), w in places.items()]
    return ["\n".join(lines)] if lines else []


def _workload_name(cell: dict[str, Any]) -> str:
    return f"{cell['workload']}, {threads(cell['threads'])}"


def _present(cells: list[dict[str, Any]], order: list[str]) -> list[str]:
    return [n for n in order if any(n in c["frameworks"] for c in cells)]


def _micro(found: dict[str, float] | None) -> str:
    return "–" if found is None else _number(found["seconds"] * 1e6)


def _milli(seconds: float | None) -> str:
    return "–" if seconds is None else _number(seconds * 1e3)


def _mebi(size: float | None) -> str:
    return "–" if size is None else f"{size / _MIB:.0f}"


def _ratio(found: dict[str, float] | None) -> str:
    if found is None:
        return "–"
    return f"{_plain_ratio(found)} ({_short(found['low'])}–{_short(found['high'])})"


def _plain_ratio(found: dict[str, float]) -> str:
    return f"{_short(found['ratio'])}×"


def _short(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"


def _number(value: float) -> str:
    """Three figures that count, and thousands apart."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table, numbers to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


_METHOD = """\
- Each framework has a process of its own, on the same cores (one for one thread), with every
  library held to that number of threads. All start from the same weights and take the same rows in
  the same order, by row numbers that they are given.
- Before anything is timed, each framework takes five runs of 5 steps (2 of wide) on different rows,
  and its parameters are compared with gradus's: in most of the runs each weight matrix and bias is
  within a thousandth of its change, in the Euclidean norm, or the framework is left out. (In a run
  where the input of a ReLU lies within rounding of 0, it may fall to either side.) Where
  scikit-learn's rules are its own (the place of ε in its Adam; the loss, outputs and biases of its
  regressor, which stands in for lecture) nothing is compared; the work is the same to within those
  operations.
- Rounds: all in turn, then all in reverse order, ten times or until 40 seconds a workload are
  over. A framework is timed for a tenth of a second or one call, always from the initial weights,
  while the others' processes are stopped. Ratios are taken within a pass; the tables show their
  median and quartiles.
- NumPy: parameters in one flat array, every result in a buffer made beforehand, Adam in blocks
  that fit the cache. PyTorch eager: fused optimizers, gradients set to None. PyTorch compiled:
  gradients by `torch.func` and the update in one graph with the C++ wrapper, the fastest of the
  ways tried. JAX: `jit` of a `scan` over the steps with donated state, weights stored (out, in),
  Adam's scalars computed once a step. scikit-learn: `partial_fit`, an epoch a call.
- The rows of mnist and wide, and the points of tiny, are drawn around a centre for each class with
  a tenth of the labels wrong; mnist has 59,904 rows, so that every batch is full."""
