"""Every model on every fold of every set: within a fold in turn, each in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import NamedTuple

from benchmarks.client import Worker, WorkerError
from benchmarks.learning.cache import Cache, Row
from benchmarks.learning.dataset import DataSet, Sets
from benchmarks.learning.models import Model, code_digest
from benchmarks.machine import cores, description
from benchmarks.progress import say

_PREDICTING = 60.0  # seconds on top of a fit's limit for the set, the process and the predictions


@dataclass(frozen=True)
class Plan:
    """How often each set is folded, and what a fit may take.

    Attributes:
        folds: parts that the rows are split into, each held out once.
        taken: so many of the folds are done, the first ones.
        seeds: times that the rows are shuffled and split anew; also the models' seeds.
        rows: of a set, the first so many are used.
        threads: of each model.
        limit: seconds a fit may take; one that takes longer leaves the model out of the set.
    """

    folds: int = 5
    taken: int = 5
    seeds: int = 3
    rows: int = 1_000_000
    threads: int = 1
    limit: float = 600.0

    def fits(self, data: DataSet) -> list[tuple[int, int]]:
        """Seed and fold of each fit of a model on this set."""
        seeds = min(self.seeds, data.seeds or self.seeds)
        return [(seed, fold) for seed in range(seeds) for fold in range(self.taken)]


class Found(NamedTuple):
    """What came of one fit: a row of the cache, or the reason why there is none."""

    model: str
    seed: int
    fold: int
    row: Row | None
    reason: str | None


class Comparison:
    """Models by name, each with its process as soon as it has something to do."""

    def __init__(self, models: Mapping[str, Model], plan: Plan, cache: Cache) -> None:
        self.models, self.plan, self.cache = models, plan, cache
        self.processor: str = description()["processor"]
        self._workers: dict[str, Worker] = {}

    def run(self, sets: Sets, again: bool = False) -> Iterator[tuple[str, DataSet, list[Found]]]:
        """All fits on a set, set by set; what the cache knows is not done once more but `again`."""
        for name, load in sets.items():
            data = load().first(self.plan.rows)
            yield name, data, self._all_folds(name, data, again)

    def _all_folds(self, name: str, data: DataSet, again: bool) -> list[Found]:
        fits = self.plan.fits(data)
        identities = {n: model.identity(data.task) for n, model in self.models.items()}
        common = {
            "set": name,
            "content": data.digest,
            "folds": self.plan.folds,
            "threads": self.plan.threads,
            "processor": self.processor,
        }
        found: list[Found] = []
        out: dict[str, str] = {}  # models that are left out of the rest, and why
        for turn, (seed, fold) in enumerate(fits):
            first = turn % len(self.models)  # another one begins each time
            names = [*self.models][first:] + [*self.models][:first]
            for model in names:
                say(f"{name}, fit {turn + 1} of {len(fits)}: {self.models[model].title}")
                key = {**common, "model": identities[model], "seed": seed, "fold": fold}
                row = None if again else self._known(key)
                reason = out.get(model)
                if row is None and reason is None:
                    row, reason = self._fit(model, name, key)
                if row is not None and "over" in row:
                    row, reason = None, f"a fit takes over {row['over']:g} s"
                if reason is not None:
                    out[model] = reason
                found.append(Found(model, seed, fold, row, reason))
        say("")
        return found

    def _known(self, key: Row) -> Row | None:
        """What the cache has; a fit that took too long counts only if this limit is no longer."""
        row = self.cache.get(key)
        return None if row and row.get("over", self.plan.limit) < self.plan.limit else row

    def _fit(self, model: str, name: str, key: Row) -> tuple[Row | None, str | None]:
        """The row, kept in the cache, or the reason why there is none."""
        plan, start = self.plan, time.perf_counter()
        request = {
            "name": name,
            "rows": plan.rows,
            "folds": plan.folds,
            "fold": key["fold"],
            "seed": key["seed"],
        }
        try:
            worker = self._worker(model)
            row = worker.ask("fit", timeout=plan.limit + _PREDICTING, **request)["row"]
        except WorkerError as error:
            self._workers.pop(model, None)
            if time.perf_counter() - start < plan.limit:
                return None, str(error)
            row = {"over": plan.limit}
        if row.get("seconds", 0.0) > plan.limit:
            row = {"over": plan.limit}
        row["date"] = datetime.now(UTC).date().isoformat()
        if self.models[model].ours:
            row["code"] = code_digest()
        self.cache.put(key, row)
        return row, None

    def _worker(self, model: str) -> Worker:
        if model not in self._workers:
            job = {
                "kind": "learning",
                "model": self.models[model].kind,
                "settings": self.models[model].settings,
            }
            self._workers[model] = Worker(model, cores(self.plan.threads), job)
        return self._workers[model]

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()

    def __enter__(self) -> Comparison:
        """The comparison, its processes ended with the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()
