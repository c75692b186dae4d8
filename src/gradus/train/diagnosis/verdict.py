"""What a diagnosis says: verdicts with their evidence and remedy, in words and as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any, Literal

Severity = Literal["problem", "warning", "good"]

# Colours are those of the page around it.
_STYLE = """
.gradus-diagnosis { margin: 0; padding: 0; list-style: none; max-width: 46rem; }
.gradus-diagnosis li { border-left: 4px solid #2f855a; padding: .1em .8em; margin: 0 0 .8em; }
.gradus-diagnosis li.problem { border-color: #c2410c; }
.gradus-diagnosis li.warning { border-color: #b7791f; }
.gradus-diagnosis p { margin: .2em 0; }
"""


@dataclass(frozen=True)
class Verdict:
    """One finding.

    Attributes:
        name: such as ``"vanishing_gradients"``; every rule has one of its own.
        severity: ``"problem"``, ``"warning"`` or ``"good"``.
        evidence: a sentence or two with the figures.
        remedy: what to do, or empty where all is well.
        where: names of the layers, inputs or classes that it is about.
        numbers: the figures.
    """

    name: str
    severity: Severity
    evidence: str
    remedy: str = ""
    where: tuple[str, ...] = ()
    numbers: dict[str, float] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The name in words.

        >>> Verdict("dead_relus", "problem", "").title
        'Dead ReLUs'
        """
        words = self.name.replace("_", " ").replace("relus", "ReLUs")
        return words[:1].upper() + words[1:]

    @property
    def label(self) -> str:
        """Severity and name in words.

        >>> Verdict("overfitting", "problem", "").label
        'Problem: overfitting'
        """
        title = self.title
        return f"{self.severity.capitalize()}: {title[:1].lower()}{title[1:]}"

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {**asdict(self), "where": list(self.where)}


@dataclass(frozen=True)
class Diagnosis:
    """Verdicts on a training run, the gravest first; ``str`` says them in words.

    Attributes:
        verdicts: there is always one.
        note: what could not be judged, and why; or empty.
    """

    verdicts: tuple[Verdict, ...]
    note: str = ""

    def __iter__(self) -> Iterator[Verdict]:
        return iter(self.verdicts)

    def __len__(self) -> int:
        return len(self.verdicts)

    def __getitem__(self, name: str) -> Verdict:
        """The verdict of a name; KeyError where the run does not get it."""
        for verdict in self.verdicts:
            if verdict.name == name:
                return verdict
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return any(verdict.name == name for verdict in self.verdicts)

    @property
    def healthy(self) -> bool:
        """Whether there is neither a problem nor a warning."""
        return all(verdict.severity == "good" for verdict in self.verdicts)

    def __str__(self) -> str:
        parts = []
        for verdict in self.verdicts:
            lines = [verdict.label, f"  {verdict.evidence}"]
            if verdict.remedy:
                lines.append(f"  What to do: {verdict.remedy}")
            parts.append("\n".join(lines))
        return "\n".join([*parts, *([f"({self.note})"] if self.note else [])])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        """For notebooks."""
        items = "".join(
            f'<li class="{v.severity}"><p><strong>{escape(v.label)}</strong></p>'
            f"<p>{escape(v.evidence)}</p>"
            + (f"<p>What to do: {escape(v.remedy)}</p>" if v.remedy else "")
            + "</li>"
            for v in self.verdicts
        )
        note = f"<p>({escape(self.note)})</p>" if self.note else ""
        return f'<style>{_STYLE}</style><ul class="gradus-diagnosis">{items}</ul>{note}'

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return {"verdicts": [verdict.to_dict() for verdict in self.verdicts], "note": self.note}
