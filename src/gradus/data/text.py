"""Text as numbers: an alphabet, windows of characters and what follows each, parts of a text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from gradus.checks import finite_number, whole_number
from gradus.data.config import entry
from gradus.errors import ArgumentError, DataError, FileError
from gradus.types import Array


@dataclass(frozen=True)
class Alphabet:
    """The characters that a text may have; each is known by its place, 0 … K − 1.

    A character outside it is an error and not some symbol for "unknown": that symbol would be
    easier to predict than the character, and figures of texts with it could not be compared.

    Attributes:
        characters: all of them, each once.

    Raises:
        ArgumentError: no character, or one that stands there twice.

    >>> alphabet = Alphabet.of("banana")
    >>> alphabet.characters, alphabet.encode("nab").tolist(), alphabet.decode([2, 0, 1])
    ('abn', [2, 0, 1], 'nab')
    """

    characters: str

    def __post_init__(self) -> None:
        if not isinstance(self.characters, str) or not self.characters:
            raise ArgumentError(
                "an alphabet is made of the characters in a text",
                received=repr(self.characters)[:100],
            )
        if len(set(self.characters)) < len(self.characters):
            raise ArgumentError(
                "an alphabet has each character once",
                received=repr(self.characters)[:100],
                remedy="use Alphabet.of(text)",
            )

    @classmethod
    def of(cls, text: str) -> Alphabet:
        """The characters of a text, in the order of their code points."""
        return cls("".join(sorted(set(_text(text)))))

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, text: str) -> Array:
        """Number of each character, int64 (n,).

        Raises:
            DataError: a character that the alphabet does not have.
        """
        points = _points(_text(text))
        order, known = self._sorted
        places = np.minimum(np.searchsorted(known, points), len(known) - 1)
        wrong = np.flatnonzero(known[places] != points)
        if wrong.size:
            first = int(wrong[0])
            raise DataError(
                f"a text has the characters of its alphabet, here {self.characters!r}"[:300],
                received=f"{text[first]!r} at character {first}, counted from 0",
                remedy="leave it out, or build the alphabet and the model from a text that has it",
            )
        return order[places]

    def decode(self, numbers: npt.ArrayLike) -> str:
        """The text of the numbers.

        Raises:
            ArgumentError: what are no whole numbers in a row, or lie outside 0 … K − 1.
        """
        return "".join(self.characters[i] for i in numbered(numbers, len(self)).tolist())

    @cached_property
    def _sorted(self) -> tuple[Array, Array]:
        """Numbers of the characters in the order of their code points, and these."""
        points = _points(self.characters)
        order = np.argsort(points)
        return order, points[order]

    def to_config(self) -> dict[str, object]:
        """Plain data for a model file."""
        return {"characters": self.characters}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Alphabet:
        """The alphabet that ``to_config`` described.

        Raises:
            FileError: it does not describe one.
        """
        try:
            return cls(entry(config, "characters", str))
        except ArgumentError as error:
            raise FileError(
                "a model of language has an alphabet",
                received=error.received,
                remedy="the file is damaged; train again",
            ) from None


def windows(numbers: Array, length: int, step: int | None = None) -> tuple[Array, Array]:
    """Cut a text into rows of characters, and what follows each of them.

    Row i of the inputs has the characters i · step to i · step + length − 1, row i of the targets
    those one further on. What is left at the end and makes no whole row is left out.

    Args:
        numbers: of the characters, (n,).
        length: characters a row.
        step: from the start of a row to that of the next; ``length`` where none is given, so that
            every character is a target once, save the first of all.

    Returns:
        Inputs and targets, (rows, length).

    Raises:
        ArgumentError: a length or a step below 1, or a text that is not encoded.
        DataError: a text with no more characters than a row.

    >>> inputs, targets = windows(np.arange(6), 2)
    >>> inputs.tolist(), targets.tolist()
    ([[0, 1], [2, 3]], [[1, 2], [3, 4]])
    """
    length = whole_number("length", length, least=1)
    step = length if step is None else whole_number("step", step, least=1)
    numbers = numbered(numbers)
    if len(numbers) <= length:
        raise DataError(
            f"a text to be cut into rows of {length} characters has at least {length + 1}",
            received=f"{len(numbers)} characters",
            remedy="give a longer text, or shorter rows",
        )
    rows = np.lib.stride_tricks.sliding_window_view(numbers, length + 1)[::step]
    return rows[:, :-1].copy(), rows[:, 1:].copy()


def numbered(numbers: npt.ArrayLike, classes: int | None = None) -> Array:
    """Check a text that is given as the numbers of its characters: int64 (n,).

    Raises:
        ArgumentError: what are no whole numbers in a row, or lie outside 0 … classes − 1.

    >>> numbered([2, 0, 1], 3).dtype.name
    'int64'
    """
    given = np.asarray(numbers)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise ArgumentError(
            "an encoded text is a row of whole numbers",
            received=f"{given.dtype} of shape {given.shape}",
            remedy="use Alphabet.encode(text)",
        )
    if classes is not None and given.size and (given.min() < 0 or given.max() >= classes):
        raise ArgumentError(
            f"numbers of characters lie between 0 and {classes - 1}",
            received=f"{given.min()} to {given.max()}",
        )
    return given.astype(np.int64)


def split_text(text: str, validation: float = 0.1, held_out: float = 0.1) -> tuple[str, str, str]:
    """Contiguous parts of a text: to train on, to choose settings by, and to judge by.

    Contiguous, since neighbouring lines of a text resemble each other: drawn at random, the parts
    would be easier than a text that is new.

    Args:
        text: the whole.
        validation: share of the characters for the second part.
        held_out: share for the last one.

    Raises:
        ArgumentError: shares outside (0, 1), or that leave nothing.
        DataError: a text too short for three parts.

    >>> split_text("0123456789")
    ('01234567', '8', '9')
    """
    shares = [
        finite_number(name, share, above=0, below=1)
        for name, share in (("validation", validation), ("held_out", held_out))
    ]
    if sum(shares) >= 1:
        raise ArgumentError(
            "validation and held_out leave something to train on",
            received=f"{validation} and {held_out}",
        )
    n = len(_text(text))
    held, middle = (round(n * share) for share in shares[::-1])
    parts = text[: n - held - middle], text[n - held - middle : n - held], text[n - held :]
    if not all(parts):
        raise DataError("each part of a text has a character", received=f"{n} characters in all")
    return parts


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ArgumentError("a text is a str", received=type(value).__name__)
    return value


def _points(text: str) -> Array:
    """Code points of the characters."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
