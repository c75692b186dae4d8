"""A recipe in words: what the preset is, what happens to the columns, and how it was trained."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from gradus.data.target import Task
from gradus.runs.words import count

if TYPE_CHECKING:  # estimators bring scikit-learn, which is slow to import
    from gradus.estimators.recipe import Recipe

PRESETS = {
    "classic": "one hidden layer, as scikit-learn's MLP",
    "default": "three layers, robust scaling, tuned rates; quick and good",
    "strong": "as default with numbers embedded; slower, often better",
    "ensemble": "16 networks that share their layers, averaged; slowest",
}
_SCALINGS = {
    "standard": "have their mean subtracted and are divided by their standard deviation",
    "robust": "have their median subtracted, are divided by the distance of their quartiles, and "
    "far ones are drawn in",
    "none": "are taken as they are",
}
_EMBEDDINGS = {
    "periodic": "sines and cosines of them",
    "piecewise": "how far they are through each of their bins",
}
_LOSSES = {
    "cross_entropy": "cross-entropy",
    "squared_error": "squared error of the standardised target",
    "absolute_error": "absolute error of the standardised target",
    "max_margin": "max margin",
}


def columns(recipe: Recipe, kinds: Collection[str]) -> str:
    """What becomes of features of these kinds on their way into the network."""
    sentences = []
    if {"numeric", "date"} & {*kinds}:
        what = "Numbers and days" if {"numeric", "date"} <= {*kinds} else "Numbers"
        what = what if "numeric" in kinds else "Days"
        sentences.append(f"{what} {_SCALINGS[recipe.scaling]}")
        if recipe.numeric_embedding != "none":
            sentences[0] += f"; the first layer sees {_EMBEDDINGS[recipe.numeric_embedding]}"
    if "categorical" in kinds:
        sentences.append("Categories get one input each")
    if "coded" in kinds:
        each = count(recipe.embedding_size, "number")
        sentences.append(
            f"In columns of more than {recipe.max_one_hot} categories, each category has {each} of "
            "its own, which training sets"
        )
    return "".join(f" {sentence}." for sentence in sentences)


def loss(recipe: Recipe, task: Task) -> str:
    """The loss, and what keeps it from becoming 0."""
    usual = "cross_entropy" if task == "classification" else "squared_error"
    name = usual if recipe.loss == "auto" else str(recipe.loss)
    text = _LOSSES.get(name, name)
    return (
        f"{text}, with labels smoothed by {recipe.label_smoothing:g}"
        if smooth(recipe, task)
        else text
    )


def smooth(recipe: Recipe, task: Task) -> bool:
    """Whether labels are smoothed, so that no network reaches a loss of 0."""
    return task == "classification" and recipe.label_smoothing > 0


def training(recipe: Recipe, task: Task, watched: bool, copies: int) -> list[tuple[str, str]]:
    """Names and values of what most matters in a recipe.

    Args:
        recipe: the options.
        task: of the run.
        watched: whether rows were kept to choose the weights by.
        copies: networks that were trained, each by itself.
    """
    return [*_training(recipe, task, watched, copies)]


def _training(recipe: Recipe, task: Task, watched: bool, copies: int) -> Iterator[tuple[str, str]]:
    sizes = ", ".join(map(str, recipe.hidden_layer_sizes))
    yield (
        "hidden layers",
        f"{sizes} units, {recipe.activation}" if sizes else "none: a linear model",
    )
    if recipe.members > 1:
        yield "networks", f"{recipe.members}, which share the hidden layers"
    if copies > 1:
        apart = ", each watched on other rows" if watched else ""
        yield "networks", f"{copies}{apart}; their predictions are averaged"
    yield "loss", loss(recipe, task)
    schedule = (
        "constant" if recipe.learning_rate == "constant" else f"schedule {recipe.learning_rate}"
    )
    yield "optimizer", f"{recipe.solver}, learning rate {recipe.learning_rate_init:g}, {schedule}"
    named = {
        "dropout": recipe.dropout,
        "weight decay": recipe.weight_decay,
        "squared weights in the loss": recipe.alpha,
        "gradients clipped to a norm of": recipe.clip_norm,
    }
    against = [f"{name} {value:g}" for name, value in named.items() if value]
    if against:
        yield "regularisation", ", ".join(against)
    if watched:
        by = "loss" if recipe.monitor == "loss" else _score(task)
        yield "weights kept", f"those of the epoch with the best {by} on the validation rows"
    else:
        yield "weights kept", "those of the last epoch"
    if watched and recipe.calibrate and task == "classification":
        yield (
            "probabilities",
            "calibrated: scores are divided by a temperature that fits those rows",
        )


def _score(task: Task) -> str:
    return "accuracy" if task == "classification" else "R²"


def settings(recipe: Recipe) -> list[tuple[str, str]]:
    """Every option and its value, under its name in Python."""
    return [(f.name, _value(getattr(recipe, f.name))) for f in fields(recipe)]


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {v:g}" for name, v in value.items()) or "none"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "∞" if value == np.inf else f"{value:g}" if isinstance(value, float) else str(value)
