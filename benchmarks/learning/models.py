"""Who is compared: gradus' presets and scikit-learn's models, and what the results depend on."""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.base import BaseEstimator

from benchmarks.learning.dataset import Task
from benchmarks.learning.peers import PEERS

ESTIMATORS = "gradus.estimators"
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

    def identity(self) -> dict[str, Any]:
        """All that two results of it must share to be results of the same model."""
        packages = ("gradus", "numpy") if self.ours else ("scikit-learn", "numpy")
        versions = {name: version(name) for name in packages}
        if self.ours:
            versions["estimators"] = estimators_digest()
        return {"kind": self.kind, "settings": self.settings, "versions": versions}


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
    from gradus.estimators import MLPClassifier, MLPRegressor

    made = MLPClassifier if task == "classes" else MLPRegressor
    own = settings.get(made.__name__, {})
    common = {k: v for k, v in settings.items() if k not in BY_TASK}
    return made(random_state=seed, n_threads=threads, **common, **own)


@cache
def estimators_digest() -> str:
    """A name of the code that says what a preset is: another one when that code changes.

    Comments and docstrings do not count.
    """
    found = find_spec(ESTIMATORS)
    if found is None or found.origin is None:
        return "none"
    digest = hashlib.sha256()
    for path in sorted(Path(found.origin).parent.rglob("*.py")):
        digest.update(plain_code(path.read_text()).encode())
    return digest.hexdigest()[:12]


def plain_code(source: str) -> str:
    """Python without comments and docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)
