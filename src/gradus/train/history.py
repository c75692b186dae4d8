"""What a training run recorded, one row an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gradus.errors import ArgumentError
from gradus.train.diagnosis.diagnose import diagnose, gather
from gradus.train.diagnosis.kept import Kept
from gradus.train.diagnosis.verdict import Diagnosis
from gradus.train.strict_json import to_json
from gradus.types import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Columns that are no metric: plots leave them out.
_PLAIN = ("epoch", "steps", "seconds", "learning_rate")


@dataclass
class History:
    """Rows of a training run, and how it ended.

    Attributes:
        rows: one dictionary an epoch: ``epoch`` (from 1), ``steps`` so far, ``loss`` (mean or sum,
            as it was trained on, over the examples of the epoch, each counted once), ``val_loss``
            (likewise) and metrics where measured, ``gradient_norm`` (Euclidean, all parameters, at
            the last batch that is at least half full), ``gradient_norms`` (by parameter),
            ``learning_rate``, ``seconds`` since the start.
        stop_reason: why the run ended.
        best_epoch: epoch whose weights early stopping kept, or None.
        kept: what ``diagnose`` looks at, of the last ``fit``.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    stop_reason: str = ""
    best_epoch: int | None = None
    kept: Kept | None = field(default=None, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    def __getitem__(self, column: str) -> Array:
        """One column as an array, NaN where an epoch has no such value.

        >>> History([{"loss": 2.0}, {"loss": 1.0}])["loss"].tolist()
        [2.0, 1.0]
        """
        if not any(column in row for row in self.rows):
            raise ArgumentError(f"the columns are {', '.join(self.columns)}", received=column)
        values = [row.get(column) for row in self.rows]
        return np.array([np.nan if v is None else v for v in values])

    @property
    def columns(self) -> list[str]:
        """Names of the recorded values."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    @property
    def metrics(self) -> list[str]:
        """Columns that hold losses and metrics."""
        numbers = (int, float)
        return [
            c
            for c in self.columns
            if c not in _PLAIN
            and not c.startswith("gradient_norm")
            and any(isinstance(row.get(c), numbers) for row in self.rows)
        ]

    def to_jsonl(self) -> str:
        """One line of JSON an epoch; null where a number is not finite, for which JSON has none."""
        return "".join(to_json(row) + "\n" for row in self.rows)

    def diagnose(
        self,
        features: Sequence[str] = (),
        classes: Sequence[str] = (),
        beside: str = "held-out rows",
    ) -> Diagnosis:
        """Say what went wrong or well in the last ``fit``, with the evidence and a remedy.

        A few rows (256 at most) are looked at with the weights that the fit began and ended with,
        the first time that somebody asks; a later change of the network's weights does not matter.
        Until then the history keeps those weights and rows, and the network. Copies of a history,
        and what is pickled, hold the findings. What broke down with a ``DivergenceError`` is judged
        by ``trainer.history.diagnose()``, and curves from elsewhere by themselves alone.

        Args:
            features: names of the inputs, for the sentences; used where the first layer is given
                as many inputs.
            classes: names of the classes, likewise; used where there are as many.
            beside: what the rows validated on are called.

        >>> import gradus as gd
        >>> from gradus import losses, nn, optim
        >>> gd.manual_seed(0)
        >>> X, y = gd.data.toy.xor(200)
        >>> line = nn.Sequential(nn.Linear(2, 2))  # no line parts these classes
        >>> history = gd.Trainer(line, losses.cross_entropy, optim.Adam(0.1)).fit(X, y, epochs=20)
        >>> print(history.diagnose())  # doctest: +ELLIPSIS
        Problem: underfitting
          The loss on the training rows themselves is 0.69..., where always giving the same ...
          What to do: give the network more units or a further hidden layer, ...
        """
        return diagnose(gather(self.rows, self.kept, self.best_epoch, features, classes, beside))

    def plot(self) -> Figure:
        """Curves of the losses and of each metric over the epochs.

        Training and validation share a panel; the epoch whose weights were kept is marked.
        """
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator

        panels = list(dict.fromkeys(name.removeprefix("val_") for name in self.metrics))
        figure = Figure(figsize=(5.0 * max(len(panels), 1), 3.4), layout="constrained")
        marker = "o" if len(self) == 1 else ""  # a curve of one point shows nothing
        for k, name in enumerate(panels):
            axes = figure.add_subplot(1, len(panels), k + 1)
            curves = ((name, "training", "C0-"), (f"val_{name}", "validation", "C1--"))
            for column, label, style in curves:
                if column in self.metrics:
                    values = self[column]
                    axes.plot(self["epoch"], values, style + marker, label=label, linewidth=1.8)
            if self.best_epoch is not None:
                axes.axvline(self.best_epoch, color="0.5", linestyle=":", label="weights kept")
            axes.set(xlabel="epoch", ylabel=name)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(alpha=0.3)
            axes.legend()
        return figure
