"""The same table gives the same model from the command line, from pandas and from Polars."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.metrics import accuracy_score, log_loss

from gradus.data import Table, split_indices
from gradus.estimators import MLPClassifier, MLPRegressor, load

if TYPE_CHECKING:
    from tests.cli.conftest import Gradus

ROWS = 240
SHORT: dict[str, Any] = {"max_iter": 3, "random_state": 5}


@pytest.fixture
def frame() -> pd.DataFrame:
    """Strings, categories few and many, dates, times, truth, numbers, gaps, weights."""
    draw = np.random.default_rng(0)
    k = np.arange(ROWS)

    def gaps(values: Any) -> list[Any]:
        return [None if draw.random() < 0.1 else v for v in values]

    size = draw.normal(size=ROWS)
    town = draw.integers(0, 30, ROWS)
    return pd.DataFrame({
        "colour": gaps(np.array(["red", "green", "Grün, “blau”"])[k % 3]),
        "town": pd.Categorical(gaps([f"t{t:02}" for t in town])),
        "when": pd.to_datetime(np.datetime64("2023-11-03") + k.astype("timedelta64[D]")),
        "at": pd.Series(gaps(pd.Timestamp("2024-02-28 06:30") + pd.to_timedelta(k * 97, "min"))),
        "member": draw.random(ROWS) < 0.5,
        "agrees": pd.array(gaps((draw.random(ROWS) < 0.5).tolist()), dtype="boolean"),
        "size": size,
        "count": pd.array(gaps(draw.integers(-5, 90, ROWS).tolist()), dtype="Int64"),
        "price": [np.nan if draw.random() < 0.1 else v for v in draw.exponential(1e4, ROWS)],
        "w": np.where(k % 11 == 4, 0.0, draw.exponential(size=ROWS)),
        "kind": np.array(["no", "yes"])[(size + (town > 14) > 0.5).astype(int)],
        "value": 100 + 3 * size + town,
    })  # fmt: skip


def written(frame: pd.DataFrame, path: Path) -> None:
    """As pandas itself writes it; a midnight is a day."""
    frame.to_csv(path, index=False)


def weights(model: Any) -> dict[str, np.ndarray]:
    return {n: t.numpy() for n, t in model.network_.named_parameters().items()}


def assert_same(one: Any, other: Any) -> None:
    assert weights(one).keys() == weights(other).keys()
    for name, value in weights(one).items():
        assert value.dtype == weights(other)[name].dtype
        assert np.array_equal(value, weights(other)[name]), name
    assert one.encoder_ == other.encoder_


def features(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns=["kind", "value", "w"])


@pytest.mark.parametrize("preset", ["classic", "default", "strong", "ensemble"])
def test_classes_from_a_file_from_pandas_and_from_polars(
    gradus: Gradus, here: Path, frame: pd.DataFrame, preset: str
) -> None:
    written(frame.drop(columns="value"), here / "t.csv")
    words = ["--target", "kind", "--weight", "w", "--preset", preset, "--epochs", 3, "--seed", 5]
    done = gradus("train", "t.csv", *words, "--validation", 0, "--out", "r")
    assert done.code == 0, done.err
    by_file = load(here / "r" / "model.safetensors")
    model = MLPClassifier(preset=preset, **SHORT)
    by_pandas = model.fit(features(frame), frame["kind"], frame["w"])
    assert_same(by_file, by_pandas)
    assert {c.kind for c in by_pandas.schema_} == {"categorical", "date", "boolean", "numeric"}
    rows = pl.from_pandas(features(frame))
    model = MLPClassifier(preset=preset, **SHORT)
    by_polars = model.fit(rows, pl.Series(frame["kind"].to_list()), frame["w"].to_numpy())
    assert_same(by_file, by_polars)
    # What the command line predicts is what Python predicts.
    assert gradus("predict", "r", "t.csv", "--out", "p.csv").code == 0
    predicted = Table.read(here / "p.csv")
    assert (
        predicted.column("predicted kind").tolist() == by_pandas.predict(features(frame)).tolist()
    )
    p = by_pandas.predict_proba(features(frame))[:, 1]
    assert np.array_equal(predicted.column("probability yes"), p)


def test_numbers_from_a_file_and_from_the_same_rows_in_pandas(
    gradus: Gradus, here: Path, frame: pd.DataFrame
) -> None:
    written(frame.drop(columns="kind"), here / "t.csv")
    words = ["--target", "value", "--weight", "w", "--epochs", 3, "--seed", 5]
    assert gradus("train", "t.csv", *words, "--validation", 0, "--out", "r").code == 0
    by_file = load(here / "r" / "model.safetensors")
    by_pandas = MLPRegressor(**SHORT).fit(features(frame), frame["value"], frame["w"])
    assert_same(by_file, by_pandas)
    assert by_file.targets_.scales == by_pandas.targets_.scales
    assert gradus("predict", "r", "t.csv", "--out", "p.csv").code == 0
    predicted = Table.read(here / "p.csv").column("predicted value")
    assert np.array_equal(predicted, by_pandas.predict(features(frame)))


def test_numbers_alone_from_a_file_and_from_a_frame_which_is_a_matrix(
    gradus: Gradus, here: Path, frame: pd.DataFrame
) -> None:
    columns = ["size", "price", "value"]
    written(frame[columns], here / "t.csv")
    words = ["--target", "value", "--epochs", 3, "--seed", 5, "--validation", 0]
    assert gradus("train", "t.csv", *words, "--out", "r").code == 0
    by_pandas = MLPRegressor(**SHORT).fit(frame[columns[:2]], frame["value"])
    assert_same(load(here / "r" / "model.safetensors"), by_pandas)


def test_rows_held_out_change_nothing_in_what_is_learnt_from_the_others(
    gradus: Gradus, here: Path, frame: pd.DataFrame
) -> None:
    columns = ["colour", "town", "size", "member", "kind"]
    written(frame[columns], here / "t.csv")
    done = gradus("train", "t.csv", "--target", "kind", "--epochs", 3, "--seed", 5, "--out", "r",
                  "--json")  # fmt: skip
    rows = done.json["rows"]
    assert rows["training"] + rows["held_out"] == ROWS
    by_file = load(here / "r" / "model.safetensors")
    kept, _ = split_indices(ROWS, 0.2, 5, frame["kind"])
    part = frame[columns].iloc[kept]
    by_pandas = MLPClassifier(**SHORT).fit(part.drop(columns="kind"), part["kind"])
    assert_same(by_file, by_pandas)


def test_weights_leave_rows_out_and_are_not_needed_to_predict(
    gradus: Gradus, here: Path, frame: pd.DataFrame
) -> None:
    table = frame[["size", "w", "kind"]]
    written(table, here / "t.csv")
    done = gradus("train", "t.csv", "--target", "kind", "--weight", "w", "--epochs", 3, "--out",
                  "r", "--json").json  # fmt: skip
    assert done["weight"] == "w"
    left_out = int((frame["w"] == 0).sum())
    assert done["rows"]["left_out"] == left_out > 0
    assert done["columns"] == 1
    written(frame[["size"]], here / "new.csv")
    assert gradus("predict", "r", "new.csv").code == 0
    assert gradus("explain", "r", "--row", 1).code == 0  # the file still has as many rows
    said = gradus("train", "--config", "r/config.toml", "--out", "again").out
    assert "1 column to learn from" in said
    assert ", rows counted by their weight." in said
    models = [(here / run / "model.safetensors").read_bytes() for run in ("r", "again")]
    assert models[0] == models[1]
    report = (here / "r" / "report.html").read_text()
    assert "Each row counts by its weight" in report
    assert f"{left_out} rows of weight 0 were left out" in report


def test_results_are_weighted_as_scikit_learn_weighs_them(
    gradus: Gradus, here: Path, frame: pd.DataFrame
) -> None:
    table = frame[["size", "w", "kind"]]
    written(table, here / "t.csv")
    found = gradus("train", "t.csv", "--target", "kind", "--weight", "w", "--epochs", 3,
                   "--validation", 0, "--out", "r", "--json").json["training_metrics"]  # fmt: skip
    model = load(here / "r" / "model.safetensors")
    p, y, w = model.predict_proba(frame[["size"]]), frame["kind"], frame["w"]
    predicted = model.classes_[p.argmax(axis=1)]
    assert found["accuracy"] == pytest.approx(accuracy_score(y, predicted, sample_weight=w))
    assert found["log_loss"] == pytest.approx(log_loss(y, p, sample_weight=w))
    judged = gradus("evaluate", "r", "t.csv", "--weight", "w", "--json").json["metrics"]
    assert judged == pytest.approx(found)
    assert gradus("evaluate", "r", "t.csv", "--json").json["metrics"] != pytest.approx(found)


@pytest.mark.parametrize(
    ("cells", "messages"),
    [
        (["1", "-2"], ["weight of 0 or more in 'w'", "-2 in row 2"]),
        (["1", ""], ["weight of 0 or more in 'w'", "in row 2"]),
        (["0", "0"], ["some row has a weight above 0"]),
        (["a", "b"], ["weight of 0 or more in 'w'"]),
        (["1", "inf"], ["inf in row 2"]),
    ],
)
def test_weights_that_make_no_sense_are_refused(
    gradus: Gradus, here: Path, cells: list[str], messages: list[str]
) -> None:
    rows = "".join(f"{i},{cells[i % 2]},{'uv'[i % 3 > 0]}\n" for i in range(30))
    (here / "t.csv").write_text("a,w,y\n" + rows)
    done = gradus("train", "t.csv", "--target", "y", "--weight", "w", "--out", "r")
    assert done.code == 2
    for message in messages:
        assert message in done.err
    done = gradus("train", "t.csv", "--target", "y", "--weight", "y", "--out", "r")
    assert "another column than the target" in done.err
    done = gradus("train", "t.csv", "--target", "y", "--weight", "v", "--out", "r")
    assert "choose one of 'a', 'w', 'y'" in done.err
