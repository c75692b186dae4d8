"""What the figures of a comparison are made to say."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from benchmarks.learning.judgement import judgements, means, relative
from benchmarks.learning.picture import draw
from benchmarks.learning.report import decimals, document, verdicts
from benchmarks.learning.results import spread
from benchmarks.machine import description


def cell(task: str = "classification", **models: list[float | None]) -> dict[str, Any]:
    other = "log_loss" if task == "classification" else "rmse"
    return {
        "task": task, "about": "", "rows": 10, "columns": 2, "best": None, "scale": 1.0,
        "fits": 2, "dates": ["2026-01-01", "2026-01-02"], "code": [], "left_out": {},
        "models": {
            name: {"error": v, other: v, "seconds": [1.0] * len(v), "others": [0.0] * len(v)}
            for name, v in models.items()
        },
    }  # fmt: skip


def results(**sets: Any) -> dict[str, Any]:
    titles = {"default": "gradus default", "linear": "logistic or ridge", "network": "MLP"}
    return {
        "machine": description(),
        "plan": {"folds": 2, "taken": 2, "seeds": 1, "threads": 1, "limit": 5.0},
        "models": {n: {"title": t, "settings": {}} for n, t in titles.items()},
        "sets": sets,
    }


IRIS = cell(default=[0.2, 0.4], linear=[0.1, 0.3], network=[0.3, 0.5])
DIABETES = cell("regression", default=[0.7, 0.7], linear=[0.8, 0.9], network=[0.7, 0.8])


def test_a_spread_is_the_mean_and_its_standard_error() -> None:
    assert spread([1.0, None, 3.0]) == (2.0, 1.0)
    assert spread([None]) is None
    assert math.isnan(spread([1.0]).error)  # type: ignore[union-attr]


def test_the_default_is_judged_by_the_better_simple_model_fold_by_fold() -> None:
    error, loss, rmse = judgements(results(iris=IRIS, diabetes=DIABETES))
    assert (error.set, error.figure, error.peer) == ("iris", "error", "linear")
    assert (loss.figure, rmse.figure) == ("log_loss", "rmse")
    # 0.1 worse in either fold: the folds differ, the differences do not.
    assert error.difference == pytest.approx(0.1)
    assert error.deviation == pytest.approx(0, abs=1e-12)
    assert not error.as_good
    assert not error.within
    assert (rmse.peer, rmse.as_good) == ("network", True)
    assert rmse.difference == pytest.approx(-0.05)


def test_worse_by_less_than_a_standard_error_is_within_it() -> None:
    near = cell(default=[0.1, 0.4], linear=[0.1, 0.3], network=[0.5, 0.5])
    judged = judgements(results(iris=near))[0]
    assert not judged.as_good
    assert judged.within


def test_the_report_of_a_part_says_what_is_not_measured_yet() -> None:
    found = document(results(iris=IRIS))
    line = next(line for line in found.splitlines() if "Not measured yet" in line)
    assert "gradus ensemble" in line
    assert "large" in line
    assert "gradus default, " not in line
    assert "iris" not in line


def test_means_are_geometric_and_shifted() -> None:
    other = cell(default=[0.0, 0.0], linear=[0.05, 0.05], network=[0.1, 0.1])
    found = means(results(iris=IRIS, wine=other), "error", ["default", "linear"])
    assert found["sets"] == ["iris", "wine"]
    assert found["means"]["default"] == pytest.approx(math.sqrt(0.31 * 0.01) - 0.01)
    ratios = relative(results(iris=IRIS, wine=other), "error", ["default"], "network")["ratios"]
    logs = math.log(0.31 / 0.41), math.log(0.01 / 0.11)
    assert ratios["default"][0] == pytest.approx(math.exp(sum(logs) / 2))
    assert ratios["default"][1] == pytest.approx(math.exp(abs(logs[0] - logs[1]) / 2))


def test_a_set_that_a_model_has_not_finished_is_in_no_mean() -> None:
    part = cell(default=[0.1, None], linear=[0.1, 0.1], network=[0.1, 0.1])
    assert means(results(iris=IRIS, wine=part), "error", ["default", "linear"])["sets"] == ["iris"]
    assert all(j.set == "iris" for j in judgements(results(iris=IRIS, wine=part)))


def test_the_report_says_what_is_missing_and_why() -> None:
    part = cell(default=[0.1, None], linear=[0.1, 0.1], network=[0.2, 0.2])
    part["left_out"] = {"default": "a fit takes over 5 s"}
    text = document(results(iris=IRIS, wine=part))
    assert "- gradus default: wine: a fit takes over 5 s" in text
    assert "Without wine" in text
    assert "†" in text
    assert "| iris | 0.300 ± 0.100 | **0.200 ± 0.100** | 0.400 ± 0.100 | – |" in text


def test_busy_cores_are_told() -> None:
    busy = cell(default=[0.2, 0.4], linear=[0.1, 0.3], network=[0.3, 0.5])
    busy["models"]["linear"]["others"] = [1.0, 0.5]
    assert "Other programs took 0.25 cores" in document(results(iris=busy))
    assert "Other programs" not in document(results(iris=IRIS))


def test_a_terminal_is_told_what_is_worse() -> None:
    lines = verdicts(results(iris=IRIS, diabetes=DIABETES))
    assert lines[0].endswith("WORSE")
    assert lines[2].endswith("as good")
    assert lines[3].startswith("error relative to MLP, over 2 sets")


def test_the_picture_has_every_set(tmp_path: Path) -> None:
    path = tmp_path / "learning.svg"
    draw(results(iris=IRIS, diabetes=DIABETES), path)
    assert path.read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("value", "count"), [(54.321, 1), (0.0123, 4), (1.5, 2), (123.4, 0), (0.0, 4), (1e-9, 4)]
)
def test_three_figures_count(value: float, count: int) -> None:
    assert decimals(value) == count
