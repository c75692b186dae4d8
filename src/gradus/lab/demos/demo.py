"""What a demo is: a recording of something gradus computed, and a page that plays it back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradus.lab.experiment import Setting


@dataclass(frozen=True)
class Control:
    """What a visitor sets: a choice between names, or a slider over numbers.

    Attributes:
        name: of the control in the page's address, such as ``w`` in ``demo.html#w=1.4``.
        label: what people read beside it.
        values: what it can be, by name or number; the recording has an axis of this length.
        start: index of the value that a page opens with.
        kind: ``"choice"``, ``"slider"``, or ``"time"``: the one slider that is played.
        texts: each value for people; by default the value itself.
        restarts: whether a change of it sets the time back to its beginning.
    """

    name: str
    label: str
    values: Sequence[str | float]
    start: int = 0
    kind: str = "choice"
    texts: Sequence[str] = ()
    restarts: bool = False

    def __post_init__(self) -> None:
        if not self.texts:
            texts = [v if isinstance(v, str) else minus(f"{v:g}") for v in self.values]
            object.__setattr__(self, "texts", texts)


@dataclass(frozen=True)
class Figure:
    """A place that the page's script draws on.

    Attributes:
        name: the script's word for it.
        caption: what it shows, also for those who cannot see it.
        tall: whether two others fit beside it.
        kind: ``"plot"``, or ``"gallery"`` for many small pictures.
    """

    name: str
    caption: str
    tall: bool = False
    kind: str = "plot"


@dataclass(frozen=True)
class Recording:
    """Everything a page can show.

    Attributes:
        controls: in the order of the page; one of them is the time.
        data: plain data and arrays packed by ``packing``, for the script.
        made: how it was computed, in sentences.
    """

    controls: Sequence[Control]
    data: Mapping[str, Any]
    made: str


@dataclass(frozen=True)
class Demo:
    """Something of the lectures to play with.

    Attributes:
        name: of the page and of its script.
        title: as a person would say it.
        lecture: numbers of the notes it belongs to.
        part: what the notes say there.
        text: what to try and what one sees, a few sentences.
        figures: what the page draws.
        record: computes what there is to see.
        scripts: names of the JavaScript that draws it, beside this file; by default its own name.
    """

    name: str
    title: str
    lecture: str
    part: str
    text: str
    figures: Sequence[Figure]
    record: Callable[[Setting], Recording]
    scripts: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.scripts:
            object.__setattr__(self, "scripts", (self.name,))


def minus(text: str) -> str:
    """A number with the sign that print has for it."""
    return text.replace("-", "−")
