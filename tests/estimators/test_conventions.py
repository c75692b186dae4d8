"""scikit-learn's conventions beyond its own checks: frames out, routing, repetition, threads."""

from __future__ import annotations

import copy
import pickle
import threading
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from gradus import nn
from gradus.errors import ArgumentError, DataError
from gradus.estimators import MLPClassifier, MLPRegressor

X, Y = load_iris(return_X_y=True)
FRAME = pd.DataFrame(X, columns=["sl", "sw", "pl", "pw"])
SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (8, 5),
    "preset": "classic",
    "max_iter": 15,
    "learning_rate_init": 0.02,
    "batch_size": 50,
    "random_state": 0,
}


def model(**options: Any) -> MLPClassifier:
    return MLPClassifier(**{**SMALL, **options})


# Names --------------------------------------------------------------------------------------------


def test_columns_in_and_out_have_names() -> None:
    fitted = model().fit(FRAME, Y)
    assert fitted.n_features_in_ == 4
    assert fitted.feature_names_in_.tolist() == ["sl", "sw", "pl", "pw"]
    names = [f"mlpclassifier{i}" for i in range(5)]
    assert fitted.get_feature_names_out().tolist() == names
    assert fitted.transform(FRAME).shape == (150, 5)


@pytest.mark.parametrize(("library", "kind"), [("pandas", pd.DataFrame), ("polars", pl.DataFrame)])
def test_hidden_activations_come_as_a_frame_where_one_is_wanted(library: str, kind: type) -> None:
    fitted = model().set_output(transform=library).fit(FRAME, Y)
    found = fitted.transform(FRAME)
    assert isinstance(found, kind)
    assert list(found.columns) == fitted.get_feature_names_out().tolist()
    np.testing.assert_array_equal(found.to_numpy(), model().fit(FRAME, Y).transform(FRAME))
    assert fitted.predict(FRAME).shape == (150,), "predictions stay arrays"


def test_pandas_out_keeps_the_index() -> None:
    frame = FRAME.set_index(np.arange(150) * 2)
    assert model().set_output(transform="pandas").fit(frame, Y).transform(frame).index[-1] == 298


def test_the_number_of_outputs_counts_members() -> None:
    ensemble = model(members=3, max_iter=1).fit(X, Y)
    assert ensemble.transform(X).shape == (150, len(ensemble.get_feature_names_out())) == (150, 15)


# Copies -------------------------------------------------------------------------------------------


def test_a_clone_has_the_options_and_nothing_learnt() -> None:
    fitted = model(layer_rates={"*.bias": 0.5}).fit(X, Y)
    copied = clone(fitted)
    assert copied.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        copied.predict(X)


@pytest.mark.parametrize("way", ["pickle", "joblib", "deepcopy"])
def test_a_copy_of_a_fitted_estimator_predicts_the_same_bits(way: str, tmp_path: Any) -> None:
    fitted = model(callbacks=None).fit(FRAME, Y)
    if way == "pickle":
        copied = pickle.loads(pickle.dumps(fitted))
    elif way == "joblib":
        joblib.dump(fitted, tmp_path / "model")
        copied = joblib.load(tmp_path / "model")
    else:
        copied = copy.deepcopy(fitted)
    np.testing.assert_array_equal(copied.predict_proba(FRAME), fitted.predict_proba(FRAME))
    assert copied.loss_curve_ == fitted.loss_curve_
    copied.set_params(warm_start=True).fit(FRAME, Y)
    assert copied.n_iter_ == 30
    copied.partial_fit(FRAME, Y)
    assert fitted.n_iter_ == 15, "the copy shares nothing that is trained"


def test_repr_shows_what_was_changed_alone() -> None:
    assert repr(MLPClassifier(max_iter=5)) == "MLPClassifier(max_iter=5)"
    assert repr(MLPRegressor()) == "MLPRegressor()"


def test_options_are_set_by_name_and_unknown_ones_refused() -> None:
    changed = MLPRegressor().set_params(alpha=0.5, preset="classic")
    assert changed.get_params()["alpha"] == 0.5
    with pytest.raises(ValueError, match="Invalid parameter 'momentum'"):
        changed.set_params(momentum=1)


@pytest.mark.parametrize("preset", ["classic", "default", "strong", "ensemble"])
def test_each_preset_takes_a_linear_model(preset: str) -> None:
    model = MLPClassifier((), preset=preset, max_iter=2, random_state=0).fit(X, Y)
    assert model.predict_proba(X).shape == (150, 3)


@pytest.mark.parametrize("name", ["calibrate", "early_stopping", "shuffle"])
def test_true_of_numpy_is_true(name: str) -> None:
    options = {"max_iter": 3, "random_state": 0, "validation_fraction": 0.3, name: True}
    one = MLPClassifier(**options).fit(X, Y)
    other = MLPClassifier(**{**options, name: np.True_}).fit(X, Y)
    assert other.recipe_ == one.recipe_
    assert other.rows_ == one.rows_
    assert np.array_equal(other.predict_proba(X), one.predict_proba(X))


def test_the_recipe_shows_what_the_preset_came_to() -> None:
    fitted = MLPClassifier(max_iter=2, random_state=0).fit(X, Y)
    assert fitted.max_iter == 2
    assert fitted.activation is None, "the options stay as they were given"
    assert fitted.recipe_.activation == "selu"
    assert fitted.recipe_.max_iter == 2


# Composition --------------------------------------------------------------------------------------


def test_a_grid_is_searched_by_several_processes() -> None:
    grid = {"hidden_layer_sizes": [(2,), (8,)], "alpha": [0.0, 1.0]}
    found = [
        GridSearchCV(model(max_iter=2), grid, cv=2, n_jobs=jobs).fit(FRAME, Y).cv_results_
        for jobs in (1, 2)
    ]
    np.testing.assert_array_equal(found[0]["mean_test_score"], found[1]["mean_test_score"])


def test_a_pipeline_with_a_column_transformer_in_front() -> None:
    frame = FRAME.assign(kind=np.where(Y == 2, "big", "small"))
    front = ColumnTransformer(
        [("number", StandardScaler(), ["sl", "pw"]), ("kind", OneHotEncoder(), ["kind"])]
    )
    pipeline = make_pipeline(front, model()).fit(frame, Y)
    assert pipeline.score(frame, Y) > 0.6
    assert pipeline[-1].n_features_in_ == 4
    pipeline.set_params(mlpclassifier__max_iter=1).fit(frame, Y)
    assert pipeline[-1].n_iter_ == 1


def test_hidden_activations_feed_another_estimator() -> None:
    pipeline = Pipeline([("net", model()), ("line", LogisticRegression(max_iter=1000))]).fit(X, Y)
    assert pipeline.score(X, Y) > 0.8
    assert pipeline[:-1].get_feature_names_out().tolist()[0] == "mlpclassifier0"


def test_it_stands_in_every_kind_of_composition() -> None:
    small = model(max_iter=3, executor="reference")
    assert cross_val_score(small, FRAME, Y, cv=3).shape == (3,)
    assert cross_val_predict(small, FRAME, Y, cv=3, method="predict_proba").shape == (150, 3)
    for kind in (
        BaggingClassifier(small, 2, random_state=0),
        VotingClassifier([("a", small), ("b", LogisticRegression(max_iter=1000))], voting="soft"),
        StackingClassifier([("a", small)], LogisticRegression(max_iter=1000), cv=2),
    ):
        assert kind.fit(X, Y).predict(X).shape == (150,)
    found = permutation_importance(small.fit(FRAME, Y), FRAME, Y, n_repeats=2, random_state=0)
    assert found.importances_mean.shape == (4,)


# Routing ------------------------------------------------------------------------------------------


def test_weights_and_rows_to_validate_on_are_routed_through_a_pipeline() -> None:
    weight = np.random.default_rng(0).uniform(size=150)
    with sklearn.config_context(enable_metadata_routing=True):
        asking = model(early_stopping=True).set_fit_request(
            sample_weight=True, X_val=True, y_val=True
        )
        scale = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = Pipeline([("scale", scale), ("net", asking)], transform_input=["X_val"])
        pipeline.fit(X, Y, sample_weight=weight, X_val=X[::3], y_val=Y[::3])
    scale.fit(X)
    expected = model(early_stopping=True).fit(
        scale.transform(X), Y, weight, X_val=scale.transform(X[::3]), y_val=Y[::3]
    )
    np.testing.assert_array_equal(pipeline[-1].loss_curve_, expected.loss_curve_)
    np.testing.assert_array_equal(
        pipeline[-1].validation_loss_curve_, expected.validation_loss_curve_
    )


def test_weights_are_routed_through_cross_validation() -> None:
    weight = np.where(Y == 0, 0.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        asking = model().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        found = cross_val_score(asking, X, Y, cv=2, params={"sample_weight": weight})
        silent = model().set_fit_request(sample_weight=False).set_score_request(sample_weight=True)
        other = cross_val_score(silent, X, Y, cv=2, params={"sample_weight": weight})
    assert found.tolist() != other.tolist()


# Randomness ---------------------------------------------------------------------------------------


def test_the_same_random_state_gives_the_same_bits() -> None:
    first, second = (model(dropout=0.2).fit(X, Y).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(model(random_state=1, dropout=0.2).fit(X, Y).predict_proba(X), first)


def test_a_random_state_object_gives_another_fit_each_time() -> None:
    one = model(random_state=np.random.RandomState(3))
    first, second = (one.fit(X, Y).predict_proba(X) for _ in range(2))
    assert not np.array_equal(first, second)
    again = model(random_state=np.random.RandomState(3)).fit(X, Y).predict_proba(X)
    np.testing.assert_array_equal(first, again)


def test_without_a_random_state_numpys_global_one_decides() -> None:
    np.random.seed(5)  # noqa: NPY002
    first = model(random_state=None).fit(X, Y).predict_proba(X)
    second = model(random_state=None).fit(X, Y).predict_proba(X)
    np.random.seed(5)  # noqa: NPY002
    again = model(random_state=None).fit(X, Y).predict_proba(X)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, second)


def test_training_does_not_draw_from_numpys_global_numbers() -> None:
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    model(dropout=0.1).fit(X, Y)
    assert np.random.random() == expected  # noqa: NPY002


@pytest.mark.parametrize("wrong", ["seed", 1.5, -1])
def test_a_random_state_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"seed|random_state"):
        model(random_state=wrong).fit(X, Y)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_number_of_threads_changes_no_bit(threads: int) -> None:
    # Wide enough for the native executor to split.
    wide = {"hidden_layer_sizes": (96, 64), "max_iter": 3, "batch_size": 150}
    one = model(n_threads=1, **wide).fit(X, Y)
    more = model(n_threads=threads, **wide).fit(X, Y)
    np.testing.assert_array_equal(one.predict_proba(X), more.predict_proba(X))
    assert one.loss_curve_ == more.loss_curve_


def test_both_executors_learn_the_same() -> None:
    native, reference = (
        model(executor=executor, dtype="float64").fit(X, Y) for executor in ("auto", "reference")
    )
    np.testing.assert_allclose(native.predict_proba(X), reference.predict_proba(X), rtol=1e-9)


def test_several_threads_may_predict_at_once() -> None:
    fitted = pickle.loads(pickle.dumps(model().fit(X, Y)))  # nothing is prepared yet
    expected = model().fit(X, Y).predict_proba(X)
    found: list[Any] = []

    def ask() -> None:
        for rows in (150, 7, 31):
            found.append((rows, fitted.predict_proba(X[:rows])))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 18
    for rows, probabilities in found:
        np.testing.assert_allclose(probabilities, expected[:rows], rtol=1e-6)


def test_several_threads_may_fit_estimators_of_their_own() -> None:
    expected = [model(random_state=seed).fit(X, Y).predict_proba(X) for seed in range(4)]
    with joblib.parallel_config("threading", n_jobs=4):
        found = joblib.Parallel()(
            joblib.delayed(model(random_state=seed).fit)(X, Y) for seed in range(4)
        )
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.predict_proba(X), other)


# Again --------------------------------------------------------------------------------------------


def test_a_second_fit_begins_anew() -> None:
    one = model()
    first = one.fit(X, Y).predict_proba(X)
    np.testing.assert_array_equal(one.fit(X, Y).predict_proba(X), first)
    assert one.n_iter_ == 15
    assert one.fit(FRAME, np.minimum(Y, 1)).predict_proba(FRAME).shape == (150, 2)


def test_a_fit_without_names_forgets_those_of_before() -> None:
    one = model().fit(FRAME, Y)
    one.fit(X[:, :3], Y)
    assert one.n_features_in_ == 3
    assert not hasattr(one, "feature_names_in_")


def test_warm_start_goes_on_from_the_weights_of_before() -> None:
    warm = model(warm_start=True, max_iter=5).fit(X, Y)
    before = warm.loss_
    warm.fit(X, Y)
    assert warm.n_iter_ == len(warm.loss_curve_) == 10
    assert warm.loss_ < before
    np.testing.assert_array_equal(warm.history_["epoch"], np.arange(1, 11))


def test_warm_start_refuses_a_network_of_another_shape() -> None:
    warm = model(warm_start=True).fit(X, Y)
    with pytest.raises(ArgumentError, match=r"warm_start.*hidden_layer_sizes.*warm_start=False"):
        warm.set_params(hidden_layer_sizes=(3,)).fit(X, Y)


def test_warm_start_goes_on_with_modules_that_a_file_has_brought_back(tmp_path: Path) -> None:
    one = model(activation=["relu", nn.LeakyReLU(0.1)], warm_start=True, max_iter=2).fit(X, Y)
    one.save(tmp_path / "model.safetensors")
    again = MLPClassifier.load(tmp_path / "model.safetensors").fit(X, Y)
    assert again.n_iter_ == 4
    with pytest.raises(ArgumentError, match="activation"):
        again.set_params(activation=["relu", nn.LeakyReLU(0.2)]).fit(X, Y)


def test_warm_start_may_change_how_it_is_trained() -> None:
    warm = model(warm_start=True).fit(X, Y)
    warm.set_params(max_iter=2, solver="sgd", learning_rate_init=1e-3, alpha=0.5).fit(X, Y)
    assert warm.n_iter_ == 17
    assert warm.recipe_.solver == "sgd"
    assert warm.history_["learning_rate"][-1] == 1e-3


def test_warm_start_keeps_the_columns_of_before() -> None:
    warm = model(warm_start=True).fit(FRAME, Y)
    with pytest.raises(ValueError, match="feature names"):
        warm.fit(FRAME.rename(columns={"sl": "other"}), Y)
    with pytest.raises(DataError, match="one of the classes"):
        warm.fit(FRAME, Y + 1)


def test_partial_fit_goes_on_where_fit_ended() -> None:
    one = model().fit(X, Y)
    one.partial_fit(X, Y)
    assert one.n_iter_ == 16
    assert one.loss_curve_[-1] < one.loss_curve_[0]


def test_calls_of_partial_fit_are_passes_of_one_fit() -> None:
    # With the same rows each time: the moments of Adam go on from call to call.
    X_, y = load_diabetes(return_X_y=True)
    options = {**SMALL, "max_iter": 4, "n_iter_no_change": np.inf}
    whole, parts = MLPRegressor(**options).fit(X_, y), MLPRegressor(**options)
    for _ in range(4):
        parts.partial_fit(X_, y)
    np.testing.assert_array_equal(parts.predict(X_), whole.predict(X_))
    assert parts.loss_curve_ == whole.loss_curve_


def test_before_fit_every_question_says_so() -> None:
    fresh = model()
    for ask in (fresh.predict, fresh.predict_proba, fresh.decision_function, fresh.transform):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            ask(X)
    assert not hasattr(fresh, "classes_")
    assert not hasattr(fresh, "coefs_")
    with pytest.raises(NotFittedError):
        fresh.get_feature_names_out()
