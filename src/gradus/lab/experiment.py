"""What an experiment is: a question, a claim, and a measurement that may speak against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gradus.errors import ArgumentError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VERDICTS = ("holds", "holds in part", "does not hold")


@dataclass(frozen=True)
class Setting:
    """How an experiment is run.

    Attributes:
        seed: of everything that is drawn; the same seed measures the same.
        quick: smaller and fewer, for a result within seconds.
    """

    seed: int = 0
    quick: bool = False

    def pick(self, quick: Any, full: Any) -> Any:
        """The one or the other size."""
        return quick if self.quick else full


@dataclass(frozen=True)
class Picture:
    """A figure, and what it shows in words, also for those who cannot see it."""

    figure: Figure
    caption: str


@dataclass(frozen=True)
class Finding:
    """What an experiment measured.

    Attributes:
        verdict: on the claim, one of ``VERDICTS``.
        because: the figures that decide, in a sentence.
        done: what was done, in sentences.
        numbers: everything measured, as plain data.
        pictures: at least one.
        remark: what the claim leaves out, or where it is too strong; "" where nothing is to say.
    """

    verdict: str
    because: str
    done: str
    numbers: Mapping[str, Any]
    pictures: list[Picture] = field(default_factory=list)
    remark: str = ""

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ArgumentError(f"a verdict is one of {', '.join(VERDICTS)}", received=self.verdict)


@dataclass(frozen=True)
class Experiment:
    """A question of the lectures as something that can be run.

    Attributes:
        name: to call it by.
        question: as a person would ask it.
        lecture: numbers of the notes that ask it.
        claim: what is put to the test.
        measure: runs it.
    """

    name: str
    question: str
    lecture: str
    claim: str
    measure: Callable[[Setting], Finding]


def experiment(
    question: str, *, lecture: str, claim: str
) -> Callable[[Callable[[Setting], Finding]], Experiment]:
    """Make a function that measures into an experiment of its name, with - for _."""

    def made(measure: Callable[[Setting], Finding]) -> Experiment:
        name = measure.__name__.replace("_", "-")
        return Experiment(name, question, lecture, claim, measure)

    return made


def verdict(holds: bool, in_part: bool = False) -> str:
    """The word for what was found."""
    return VERDICTS[0 if holds else 1 if in_part else 2]
