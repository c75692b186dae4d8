"""Who is compared: gradus' presets and scikit-learn's models, and what the results depend on."""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.base import BaseEstimator

import gradus
from benchmarks.learning.dataset import Task
from benchmarks.learning.peers import PEERS

BY_TASK = ("MLPClassifier", "MLPRegressor")


@dataclass(frozen=True)
class Model:
    """A model by name.

    Attributes:
        title: what tables call it.
        kind: ``"gradus"``, or a name of `peers.PEERS`.
        settings: keyword arguments of the estimator; for gradus, those of one task alone may stand
            in a dictionary under the name of its estimator.
    """

    title: str
    kind: str = "gradus"
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def ours(self) -> bool:
        """Whether it is one of gradus'."""
        return self.kind == "gradus"

    def identity(self, task: Task) -> dict[str, Any]:
        """All that two results of it must share to be results of the same model.

        For gradus that is each option of the recipe that its preset and settings come to.
        """
        packages = ("gradus", "numpy") if self.ours else ("scikit-learn", "numpy")
        return {
            "kind": self.kind,
            "settings": self.settings,
            "recipe": _recipe(self.settings, task) if self.ours else None,
            "versions": {name: version(name) for name in packages},
        }


PRESETS = ("classic", "default", "strong", "ensemble")
MODELS = {name: Model(f"gradus {name}", settings={"preset": name}) for name in PRESETS} | {
    "linear": Model("logistic or ridge", "linear"),
    "network": Model("scikit-learn MLP", "network", {"max_iter": 1000}),
    "forest": Model("random forest", "forest"),
    "boosting": Model("boosted trees", "boosting"),
}


def make(
    kind: str, settings: dict[str, Any], X: pd.DataFrame, task: Task, seed: int, threads: int
) -> BaseEstimator:
    """The estimator, not yet fitted, for a frame with the columns of X."""
    if kind != "gradus":
        return PEERS[kind](X, task, seed, threads, **settings)
    return _estimator(settings, task).set_params(random_state=seed, n_threads=threads)


@cache
def code_digest() -> str:
    """A name of gradus' code, comments and docstrings aside: another one when the code changes."""
    digest = hashlib.sha256()
    for path in sorted(Path(gradus.__file__).parent.rglob("*")):
        if path.suffix == ".py":
            digest.update(plain_code(path.read_text()).encode())
        elif path.suffix == ".so":
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def plain_code(source: str) -> str:
    """Python without comments and docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)


def _estimator(settings: dict[str, Any], task: Task) -> BaseEstimator:
    # Late, so that the processes of scikit-learn's models do without.
    from gradus.estimators import MLPClassifier, MLPRegressor

    made = MLPClassifier if task == "classification" else MLPRegressor
    common = {k: v for k, v in settings.items() if k not in BY_TASK}
    return made(**common, **settings.get(made.__name__, {}))


def _recipe(settings: dict[str, Any], task: Task) -> dict[str, str]:
    from gradus.estimators.presets import settled

    options = _estimator(settings, task).get_params(deep=False)
    recipe = settled(options["preset"], task, options)
    return {f.name: str(getattr(recipe, f.name)) for f in fields(recipe)}
