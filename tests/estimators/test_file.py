"""A fitted estimator is one file: the same predictions to the bit, nothing trusted, no pickle."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

import gradus as gd
from gradus import nn, optim
from gradus.cli.main import main
from gradus.data import Table
from gradus.errors import ArgumentError, FileError
from gradus.estimators import (
    Autoencoder,
    LinearClassifier,
    LogisticNeuron,
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
    Perceptron,
    load,
)
from gradus.estimators.plain import from_plain, to_plain
from gradus.random import current_stream
from gradus.tensor import tensor
from gradus.train.table_model import TableModel, log_odds
from gradus.types import Array

RNG = np.random.default_rng(0)
N = 60
X = RNG.normal(size=(N, 4))
NUMBER = X @ [1.0, -2.0, 0.0, 3.0] + 10.0
LABELS = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
FRAME = pd.DataFrame(
    {
        "age": np.where(RNG.random(N) < 0.1, np.nan, X[:, 0]),
        "city": RNG.choice(["Bonn", "Köln", "Ulm"], N),
        "member": RNG.random(N) < 0.5,
        "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(RNG.integers(0, 900, N), unit="D"),
    }
)
MEMBER = np.where(FRAME["member"], "in", "out")  # a plane divides them
BUYS = pd.Series(np.where(X[:, 0] > 0, "yes", "no"), name="buys")
SPARSE = sparse.csr_array(np.where(RNG.random((N, 9)) < 0.3, 1.0, 0.0))
WORDS = RNG.integers(0, 5, size=(N, 3))
IMAGES = RNG.normal(size=(N, 1, 4, 4))
SMALL: dict[str, Any] = {"hidden_layer_sizes": (6,), "max_iter": 3, "random_state": 0}
NET: dict[str, Any] = {"max_iter": 2, "random_state": 0}


def words() -> nn.Module:
    return nn.Sequential(nn.Embedding(5, 2), nn.Flatten(), nn.Linear(6, 3))


def convolution() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 1))


# Each kind of rows and targets: the estimator, X, y.
FITTED: dict[str, Callable[[], tuple[Any, Any, Any]]] = {
    "two classes of a table": lambda: (MLPClassifier(**SMALL), FRAME, BUYS),
    "three classes": lambda: (MLPClassifier(**SMALL, preset="classic"), X, LABELS),
    "max margin": lambda: (MLPClassifier(**SMALL, loss="max_margin"), FRAME, BUYS),
    "calibrated margins": lambda: (
        MLPClassifier(**SMALL, loss="max_margin", calibrate=True),
        FRAME,
        BUYS,
    ),
    "several answers": lambda: (MLPClassifier(**SMALL), X, np.eye(3, dtype=int)[LABELS]),
    "several questions": lambda: (MLPClassifier(**SMALL), X, np.stack([LABELS, -LABELS], 1)),
    "calibrated classes": lambda: (MLPClassifier(**SMALL, calibrate=True), X, LABELS),
    "an ensemble": lambda: (MLPClassifier(**SMALL, preset="ensemble", members=2), FRAME, BUYS),
    "strong": lambda: (MLPRegressor(**SMALL, preset="strong", max_one_hot=2), FRAME, NUMBER),
    "several numbers": lambda: (MLPRegressor(**SMALL), X, X[:, :2] * 2),
    "quantiles": lambda: (MLPRegressor(**SMALL, loss="quantile"), X, NUMBER),
    "intervals": lambda: (MLPRegressor(**SMALL, calibrate=True), X, NUMBER),
    "sparse rows": lambda: (MLPRegressor(**SMALL), SPARSE, NUMBER),
    "words": lambda: (NetworkClassifier(words(), **NET), WORDS, LABELS),
    "images": lambda: (NetworkRegressor(convolution(), **NET), IMAGES, NUMBER),
    "an autoencoder": lambda: (Autoencoder((5,), **NET), FRAME, None),
    "a perceptron": lambda: (Perceptron(random_state=0, scaling="standard"), FRAME, MEMBER),
    "a neuron": lambda: (LogisticNeuron(alpha=0.1, random_state=0), FRAME, BUYS),
    "softmax": lambda: (LinearClassifier(random_state=0, fit_intercept=False), FRAME, LABELS),
    "softmax of sparse rows": lambda: (LinearClassifier(random_state=0, alpha=0.1), SPARSE, LABELS),
    "margin": lambda: (LinearClassifier("max_margin", random_state=0, alpha=0.1), FRAME, LABELS),
}


@cache
def fitted(kind: str) -> tuple[Any, Any, Any]:
    """The estimator after its fit, which no test changes; its rows and targets."""
    model, rows, y = FITTED[kind]()
    return model.fit(rows, y), rows, y


# What a fit leaves, of each kind of estimator.
LEFT = (
    "recipe_", "schema_", "rows_", "n_iter_", "n_features_in_", "loss_curve_", "loss_", "gap_",
    "converged_", "reason_", "mistakes_", "coef_", "intercept_",
)  # fmt: skip


def outputs(model: Any, rows: Any) -> Array:
    """All that an estimator says of rows."""
    found = []
    for name in ("predict", "predict_proba", "decision_function", "transform"):
        if hasattr(model, name):
            given = getattr(model, name)(rows)
            found += given if isinstance(given, list) else [given]
    if hasattr(model, "conformity_"):
        found.append(model.predict_interval(rows, coverage=0.5))
    return np.concatenate([np.asarray(a, object).reshape(len(FRAME), -1) for a in found], axis=1)


def saved(model: Any, folder: Path) -> Any:
    """The estimator after its file."""
    model.save(folder / "model.safetensors")
    return load(folder / "model.safetensors")


# ── There and back ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", FITTED)
def test_all_is_the_same_to_the_bit(kind: str, tmp_path: Path) -> None:
    model, rows, _ = fitted(kind)
    found = saved(model, tmp_path)
    assert type(found) is type(model)
    np.testing.assert_array_equal(outputs(found, rows), outputs(model, rows))
    assert repr(found) == repr(model)
    left = [name for name in LEFT if hasattr(model, name)]
    assert left == [name for name in LEFT if hasattr(found, name)]
    for name in left:
        np.testing.assert_equal(getattr(found, name), getattr(model, name))
    assert (tmp_path / "model.safetensors").read_bytes()[:2] != b"\x80\x04", "no pickle"


def test_another_process_predicts_the_same(tmp_path: Path) -> None:
    model = MLPClassifier(**SMALL, dtype="float32").fit(FRAME, BUYS)
    model.save(tmp_path / "m")
    FRAME.to_parquet(tmp_path / "rows.parquet")
    program = (
        "import sys, pandas, gradus.estimators as e\n"
        "print(e.load(sys.argv[1]).predict_proba(pandas.read_parquet(sys.argv[2])).tobytes().hex())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "m", tmp_path / "rows.parquet"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == model.predict_proba(FRAME).tobytes().hex()


@pytest.mark.parametrize(
    "labels",
    [np.array([-1, 7], np.int8), np.array([False, True]), np.array([1.0, 2.0], np.float32),
     np.array(["a", "long"], "<U9"), np.array([2**62, 2**62 + 1])],
    ids=lambda a: a.dtype.str,
)  # fmt: skip
@pytest.mark.parametrize("made", [MLPClassifier(**SMALL), LogisticNeuron(alpha=0.1)], ids=repr)
def test_classes_keep_their_dtype(made: Any, labels: Array, tmp_path: Path) -> None:
    y = labels[(X[:, 0] > 0).astype(int)]
    found = saved(clone(made).fit(X, y), tmp_path)
    assert found.classes_.dtype == labels.dtype
    np.testing.assert_array_equal(found.classes_, labels)
    assert found.predict(X).dtype == labels.dtype


@pytest.mark.parametrize("kind", ["strong", "a perceptron"])
def test_names_of_columns_are_checked_after_loading(kind: str, tmp_path: Path) -> None:
    found = saved(fitted(kind)[0], tmp_path)
    assert found.feature_names_in_.tolist() == list(FRAME)
    with pytest.raises(ValueError, match="feature names"):
        found.predict(FRAME.rename(columns={"age": "years"}))
    assert not hasattr(saved(MLPRegressor(**SMALL).fit(X, NUMBER), tmp_path), "feature_names_in_")


def test_training_goes_on_after_loading(tmp_path: Path) -> None:
    model = MLPRegressor(**SMALL, preset="classic").fit(X, NUMBER)
    found = saved(model, tmp_path)
    np.testing.assert_array_equal(found.predict(X), model.predict(X))
    found.partial_fit(X, NUMBER)
    assert found.n_iter_ == 4
    assert found.loss_ < model.loss_
    found.set_params(warm_start=True).fit(X, NUMBER)
    assert found.n_iter_ == 7


@pytest.mark.parametrize("kind", ["a perceptron", "a neuron", "softmax", "margin"])
def test_one_layer_goes_on_as_the_one_that_was_saved(kind: str, tmp_path: Path) -> None:
    model, rows, y = fitted(kind)
    model.save(tmp_path / "m")
    model = copy.deepcopy(model)  # which has no working memory of its training either
    found = load(tmp_path / "m")
    for estimator in (model, found):
        estimator.partial_fit(rows, y)
    np.testing.assert_array_equal(outputs(found, rows), outputs(model, rows))
    for estimator in (model, found):
        estimator.set_params(warm_start=True).fit(rows, y)
    np.testing.assert_array_equal(outputs(found, rows), outputs(model, rows))
    if kind != "margin":  # which begins anew with wide corners, wherever it stands
        assert found.n_iter_ < fitted(kind)[0].n_iter_, "it began where it was"


def test_what_only_a_full_fit_says_is_not_made_up(tmp_path: Path) -> None:
    found = saved(LinearClassifier(random_state=0).partial_fit(X, LABELS), tmp_path)
    assert found.n_iter_ == 1
    assert not hasattr(found, "loss_")


def test_the_callers_random_stream_stays_where_it_is(tmp_path: Path) -> None:
    fitted("words")[0].save(tmp_path / "m")
    gd.manual_seed(5)
    load(tmp_path / "m")
    assert current_stream().next() == (5, 0, 0)


# ── Options ─────────────────────────────────────────────────────────────────────────────────────

OPTIONS: dict[str, Any] = {
    "solver": optim.AdamW(0.01, schedule=optim.WarmUp(3, then=optim.Cosine())),
    "learning_rate": optim.OneCycle(),
    "rule": optim.LBFGS(history_size=5),
    "activation": ("tanh", nn.GELU()),
    "layer_rates": {"*.bias": 0.5},
    "n_iter_no_change": np.inf,
    "hidden_layer_sizes": (4, np.int64(3)),
    "quantiles": np.array([0.1, 0.5]),
    "kinds": {"a": "numeric"},
    "class_weight": {0: 1.0, 1: 2.5},
    "random_state": np.int64(3),
}
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner)
    | st.dictionaries(st.text() | st.integers(), inner),
)  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_is_the_same_again(name: str) -> None:
    again = from_plain(json.loads(json.dumps(to_plain(name, OPTIONS[name]))))
    assert repr(again) == repr(copy.deepcopy(OPTIONS[name])).replace("np.int64(3)", "3")


@settings(max_examples=60)
@given(value=PLAIN)
def test_plain_data_is_the_same_again(value: Any) -> None:
    assert repr(from_plain(json.loads(json.dumps(to_plain("x", value))))) == repr(value)


@pytest.mark.parametrize("names", [("solver", "activation"), ("learning_rate",)])
def test_options_with_objects_are_saved(names: tuple[str, ...], tmp_path: Path) -> None:
    options = {k: OPTIONS[k] for k in names}
    model = MLPClassifier((4, 4), **options, max_iter=2, random_state=0).fit(X, LABELS)
    found = saved(model, tmp_path)
    assert found.solver == model.solver
    assert repr(found.activation) == repr(model.activation)
    np.testing.assert_array_equal(found.fit(X, LABELS).predict_proba(X), model.predict_proba(X))


def test_options_that_no_fit_would_take_are_refused_when_they_are_saved(tmp_path: Path) -> None:
    fitted = MLPClassifier(preset="classic", max_iter=1).fit(FRAME, BUYS).set_params(max_iter=-3)
    with pytest.raises(ArgumentError, match="max_iter must be at least 1"):
        fitted.save(tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())


def test_an_option_that_is_no_plain_data_is_named(tmp_path: Path) -> None:
    def loss(prediction: gd.Tensor, target: gd.Tensor) -> gd.Tensor:
        return ((prediction - target) ** 2).sum(axis=1)

    model = MLPRegressor(**SMALL, loss=loss).fit(X, NUMBER)
    with pytest.raises(ArgumentError, match=r"option loss is plain data(.|\n)*loss=None"):
        model.save(tmp_path / "m")
    found = saved(model.set_params(loss=None), tmp_path)
    np.testing.assert_array_equal(found.predict(X), model.predict(X))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("random_state", np.random.RandomState(0)),
        ("callbacks", [gd.train.EarlyStopping("loss")]),
        ("activation", lambda x: x),
        ("executor", gd.compiler.ReferenceExecutor()),
    ],
)
def test_so_is_every_other(name: str, value: Any, tmp_path: Path) -> None:
    model = MLPRegressor(**{**SMALL, name: value}).fit(X, NUMBER)
    with pytest.raises(ArgumentError, match=f"option {name} is"):
        model.save(tmp_path / "m")


class Squares(nn.Module):
    """A module of one's own."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.layer = nn.Linear(size, 1)

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        """A parabola."""
        return self.layer(x) ** 2


def test_modules_of_ones_own_are_named_to_load(tmp_path: Path) -> None:
    model = NetworkRegressor(Squares(4), **NET).fit(X, NUMBER)
    model.save(tmp_path / "m")
    with pytest.raises(FileError, match="known type"):
        load(tmp_path / "m")
    found = NetworkRegressor.load(tmp_path / "m", modules=[Squares])
    np.testing.assert_array_equal(found.predict(X), model.predict(X))


# ── What is refused ─────────────────────────────────────────────────────────────────────────────


class Own(MLPRegressor):
    """An estimator of one's own."""


def test_only_fitted_estimators_of_gradus_are_saved(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError):
        MLPRegressor().save(tmp_path / "m")
    with pytest.raises(ArgumentError, match="MLPRegressor"):
        Own(**SMALL).fit(X, NUMBER).save(tmp_path / "m")


def test_a_class_loads_its_own_kind(tmp_path: Path) -> None:
    MLPRegressor(**SMALL).fit(X, NUMBER).save(tmp_path / "m")
    assert isinstance(MLPRegressor.load(tmp_path / "m"), MLPRegressor)
    with pytest.raises(FileError, match="a MLPRegressor"):
        MLPClassifier.load(tmp_path / "m")


def test_a_bare_network_is_no_estimator(tmp_path: Path) -> None:
    nn.Linear(2, 1).save(tmp_path / "m")
    with pytest.raises(FileError, match=r"gradus\.load"):
        load(tmp_path / "m")


def test_a_changed_byte_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "m"
    MLPRegressor(**SMALL).fit(X, NUMBER).save(path)
    content = bytearray(path.read_bytes())
    for at in (3, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        with pytest.raises(FileError):
            load(path)


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each part of nested plain data, the first two of a list."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:2])
    for key, part in items:
        if key == "history":
            continue
        yield (*way, key)
        if isinstance(part, (dict, list)):
            yield from places(part, (*way, key))


JUNK: list[Any] = [None, True, -1, 10**9, 0.5, "junk", [], {}, [[1]], {"type": "Linear"}]


@pytest.mark.parametrize("kind", ["intervals", "words", "a perceptron", "softmax of sparse rows"])
def test_nothing_in_a_file_is_trusted(kind: str, tmp_path: Path) -> None:
    """Whatever is changed behind a right checksum: FileError, or an estimator."""
    fitted(kind)[0].save(tmp_path / "m")
    network, extra = nn.read(tmp_path / "m")
    refused = total = 0
    for k, way in enumerate(places(extra["estimator"], ("estimator",))):
        changed = copy.deepcopy(dict(extra))
        part: Any = changed
        for key in way[:-1]:
            part = part[key]
        if k % 3:
            part[way[-1]] = JUNK[k % len(JUNK)]
        else:
            del part[way[-1]]
        nn.save(network, tmp_path / "changed", changed)
        total += 1
        try:
            model = load(tmp_path / "changed")
        except FileError:
            refused += 1
        else:
            assert type(model) is type(fitted(kind)[0])
    assert refused > total / 2


@pytest.mark.parametrize(
    ("kind", "network"),
    [
        ("three classes", nn.Sequential(nn.Linear(4, 2))),
        ("sparse rows", nn.Sequential(nn.SparseInput(8, 1))),
        ("softmax of sparse rows", nn.Sequential(nn.SparseInput(8, 3))),
        ("softmax of sparse rows", nn.SparseInput(9, 3)),
        ("softmax of sparse rows", nn.Sequential(nn.SparseInput(9, 3), nn.ReLU())),
        ("softmax of sparse rows", nn.Sequential(nn.Linear(9, 3))),
    ],
    ids=repr,
)
def test_a_network_that_does_not_fit_the_rest_is_refused(
    kind: str, network: nn.Module, tmp_path: Path
) -> None:
    fitted(kind)[0].save(tmp_path / "m")
    nn.save(network, tmp_path / "m", nn.read(tmp_path / "m")[1])
    with pytest.raises(FileError, match="as it was written"):
        load(tmp_path / "m")


# ── The command line ────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    FRAME.assign(buys=BUYS, target=NUMBER).to_csv("rows.csv", index=False)
    return tmp_path


@pytest.mark.parametrize("kind", ["two classes of a table", "calibrated margins", "an ensemble"])
def test_the_command_line_predicts_the_same_probabilities(kind: str, here: Path) -> None:
    model, rows, _ = fitted(kind)
    model.save("m")
    assert main(["predict", "m", "rows.csv", "--out", "p.csv"]) == 0
    found = Table.read("p.csv")
    expected = model.predict_proba(rows)
    for k, name in enumerate(("no", "yes")):
        np.testing.assert_array_equal(found.column(f"probability {name}"), expected[:, k])
    assert found.column("predicted buys").tolist() == model.predict(rows).tolist()


@pytest.mark.parametrize("kind", ["a neuron", "softmax"])
def test_the_command_line_reads_one_layer(kind: str, here: Path) -> None:
    model, rows, _ = fitted(kind)
    model.save("m")
    assert main(["predict", "m", "rows.csv", "--out", "p.csv"]) == 0
    found = Table.read("p.csv")
    probabilities = [n for n in found.names if n.startswith("probability")]
    assert probabilities == [f"probability {label}" for label in model.classes_]
    # The estimator multiplies by NumPy and the command line natively: sums in another order.
    np.testing.assert_allclose(np.column_stack([found.column(n) for n in probabilities]),
                               model.predict_proba(rows), rtol=1e-13)  # fmt: skip


def test_the_command_line_predicts_the_same_numbers(here: Path) -> None:
    model, rows, _ = fitted("strong")
    model.save("m")
    assert TableModel.load("m").target_name == "target"
    assert main(["predict", "m", "rows.csv", "--out", "p.csv"]) == 0
    np.testing.assert_array_equal(Table.read("p.csv").column("predicted target"),
                                  model.predict(rows))  # fmt: skip


@pytest.mark.parametrize(
    "kind", ["two classes of a table", "calibrated margins", "strong", "a neuron"]
)
def test_the_command_line_evaluates_and_explains(
    kind: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, rows, y = fitted(kind)
    model.save("m")
    assert main(["evaluate", "m", "rows.csv", "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out)["metrics"]
    score = metrics["r2" if kind == "strong" else "accuracy"]
    # The command line reads a target through float32.
    assert score == pytest.approx(model.score(rows, y), rel=1e-6)
    words = ["explain", "m", "--data", "rows.csv", "--row", "3", "--out", "page.html", "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["remainder"]["shapley"] == pytest.approx(0, abs=1e-5)
    if kind in ("two classes of a table", "a neuron"):
        z = model.decision_function(rows)[2]
        sign = 1 if found["explained"]["class"] == "yes" else -1
        assert found["explained"]["score"] == pytest.approx(sign * z, rel=1e-4)


def test_a_column_of_the_targets_name_is_not_the_target(here: Path) -> None:
    MLPRegressor(**SMALL).fit(FRAME.rename(columns={"age": "target"}), NUMBER).save("m")
    assert TableModel.load("m").target_name == "target_"


@pytest.mark.parametrize("kind", ["several answers", "quantiles", "sparse rows", "an autoencoder",
                                  "a perceptron", "margin", "max margin"])  # fmt: skip
def test_what_is_not_one_class_or_number_of_a_table_is_refused(
    kind: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fitted(kind)[0].save("m")
    assert main(["predict", "m", "rows.csv"]) == 2
    said = capsys.readouterr().err
    assert "one number, or the probabilities" in " ".join(said.split())
    assert "gradus.estimators.load" in said


def test_one_score_of_two_classes_has_the_log_odds_of_both() -> None:
    scores = np.array([[-1.5], [0.25]])
    both = np.hstack([np.zeros_like(scores), scores])
    for label in (0, 1):
        alone, pair = (log_odds(tensor(s), label=label).numpy() for s in (scores, both))
        np.testing.assert_allclose(alone, pair)


# ── Copies in memory ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", FITTED)
def test_pickles_and_copies_predict_the_same_to_the_bit(kind: str) -> None:
    model, rows, y = fitted(kind)
    expected = outputs(model, rows)
    np.testing.assert_array_equal(outputs(pickle.loads(pickle.dumps(model)), rows), expected)
    np.testing.assert_array_equal(outputs(copy.deepcopy(model), rows), expected)
    np.testing.assert_array_equal(outputs(clone(model).fit(rows, y), rows), expected)


def test_a_search_runs_in_several_processes() -> None:
    grid = {"network": [None, nn.Linear(4, 3)]}
    search = GridSearchCV(NetworkClassifier(**NET), grid, n_jobs=2, cv=2).fit(X, LABELS)
    alone = GridSearchCV(NetworkClassifier(**NET), grid, cv=2).fit(X, LABELS)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"],
                                  alone.cv_results_["mean_test_score"])  # fmt: skip
