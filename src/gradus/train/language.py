"""A model of language: the next character from those before it, its bits, and text drawn by it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gradus import losses, nn
from gradus.checks import finite_number, whole_number
from gradus.data import Alphabet, windows
from gradus.data.config import entry
from gradus.errors import ArgumentError, DataError, FileError, GradusError
from gradus.optim import Optimizer
from gradus.random import SITE_TEXT, uniform
from gradus.tensor import tensor
from gradus.train.callbacks import Callback
from gradus.train.history import History
from gradus.train.trainer import Trainer
from gradus.types import Array

_ROWS = 256  # windows whose scores are held at once


class LanguageModel:
    """A network that gives scores of the next character, and the alphabet that says what these are.

    The network sees windows of a fixed number of characters, so that one compiled program serves
    all. It must be causal: scores at a place depend on the characters up to there alone. That is
    tried when the model is made, since a network that peeks would seem to predict everything.

    Args:
        network: any body that maps numbers of characters (n, T) to scores (n, T, K): transformer
            layers with ``causal=True``, or recurrent ones.
        alphabet: the K characters.
        context: T, the most characters that a prediction is made from.
        threads: the most threads to use; see ``Trainer``.

    Raises:
        ArgumentError: a network with other outputs, or one that looks ahead.

    >>> import gradus as gd
    >>> alphabet = Alphabet.of("ab")
    >>> body = nn.Sequential(nn.Embedding(2, 8), nn.Linear(8, 2))
    >>> model = LanguageModel(body, alphabet, context=8)
    >>> history = model.fit("ab" * 200, epochs=20, optimizer=gd.optim.Adam(0.03), progress=False)
    >>> round(model.bits_per_character("abababab"), 1), model.sample("a", 5)
    (0.0, 'babab')
    """

    def __init__(
        self,
        network: nn.Module,
        alphabet: Alphabet,
        context: int = 64,
        threads: int | None = None,
    ) -> None:
        if not isinstance(alphabet, Alphabet):
            raise ArgumentError(
                "a model of language has a gradus.data.Alphabet",
                received=type(alphabet).__name__,
                remedy="use Alphabet.of(text)",
            )
        self.network = network
        self.alphabet = alphabet
        self.context = whole_number("context", context, least=1)
        self.threads = threads
        self._predict = Trainer(network, losses.cross_entropy, threads=threads).predict
        self._check_network()

    def fit(
        self,
        text: str,
        validation: str | None = None,
        *,
        epochs: int = 10,
        batch_size: int = 32,
        step: int | None = None,
        optimizer: Optimizer | None = None,
        seed: int = 0,
        callbacks: Sequence[Callback] = (),
        progress: bool | None = None,
    ) -> History:
        """Train on windows of a text, by ``Trainer`` with cross-entropy.

        The history's losses are in nats per character, bits times ln 2, and of whole windows: their
        first characters are predicted from few, so they lie above ``bits_per_character``.

        Args:
            text: to train on.
            validation: another text, whose loss is recorded.
            epochs: passes over the windows.
            batch_size: windows a step of training.
            step: from the start of a window to that of the next; a window where none is given.
            optimizer: as for ``Trainer``.
            seed: of the order of the windows, and of dropout.
            callbacks: as for ``Trainer.fit``.
            progress: as for ``Trainer.fit``.

        Raises:
            DataError: a text that is no longer than a window, or has unknown characters.
            DivergenceError, ArgumentError: as ``Trainer.fit``.
        """
        trainer = Trainer(
            self.network, losses.cross_entropy, optimizer, seed=seed, threads=self.threads
        )
        held = None if validation is None else self._windows(validation, None)
        return trainer.fit(
            *self._windows(text, step),
            epochs=epochs,
            batch_size=batch_size,
            validation=held,
            callbacks=callbacks,
            progress=progress,
        )

    def bits_per_character(self, text: str) -> float:
        """Mean of −log₂ p over all characters of a text but the first, which is given.

        Each is predicted from the characters before it in its window of T. Windows overlap by half,
        and the first half of a window is only looked at where a window before it has scored it: so
        a character is predicted from T/2 to T others, and the first T of the text from as many as
        there are. ``data.NGrams.bits`` is over the same characters.

        Raises:
            DataError: unknown characters, or fewer than two.
        """
        numbers = self.alphabet.encode(text)
        if len(numbers) < 2:
            raise DataError(
                "a text to be predicted has two characters or more", received=repr(text)
            )
        count, T = len(numbers) - 1, self.context
        last = max(count - T, 0)
        starts = [*range(0, last, (T + 1) // 2), last]
        inputs, targets = (
            np.stack([_filled(part[i : i + T], T) for i in starts])
            for part in (numbers[:-1], numbers[1:])
        )
        total, done = 0.0, 0
        for at in range(0, len(starts), _ROWS):
            surprise = _surprise(self._predict(inputs[at : at + _ROWS]), targets[at : at + _ROWS])
            for start, row in zip(starts[at : at + _ROWS], surprise, strict=True):
                end = min(start + T, count)
                total += float(row[done - start : end - start].sum())
                done = end
        return total / count

    def sample(
        self,
        prompt: str,
        length: int,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: int = 0,
    ) -> str:
        """Text that goes on from the prompt, character by character drawn from softmax(s / τ).

        The same seed draws the same text, and a longer one begins with the shorter.

        Args:
            prompt: one character or more; the last T are looked at.
            length: number of characters to draw.
            temperature: τ > 0; below 1 likely characters become likelier still.
            top_k: draw from so many of the likeliest alone; 1 always takes the likeliest.
            seed: of the draws.

        Returns:
            The drawn characters, without the prompt.

        Raises:
            DataError: a prompt that is empty or has unknown characters.
            ArgumentError: settings outside their ranges.
        """
        length = whole_number("length", length, least=0)
        temperature = finite_number("temperature", temperature, above=0)
        kept = len(self.alphabet) if top_k is None else whole_number("top_k", top_k, least=1)
        numbers = self.alphabet.encode(prompt).tolist()
        if not numbers:
            raise DataError("a prompt has one character or more", received=repr(prompt))
        begun = len(numbers)
        for u in uniform(whole_number("seed", seed), 0, SITE_TEXT, (length,)):
            known = np.array(numbers[-self.context :])
            # What stands behind the known characters does not count: the network is causal.
            scores = self._predict(_filled(known, self.context)[None])[0, len(known) - 1]
            numbers.append(_drawn(scores.astype(np.float64) / temperature, kept, u))
        return self.alphabet.decode(numbers[begun:])

    def save(self, path: str | Path) -> None:
        """Write one model file: network, alphabet and context.

        Raises:
            ArgumentError: a network that is no plain data.
            FileError: the folder cannot be written.
        """
        extra = {"alphabet": self.alphabet.to_config(), "context": self.context}
        nn.save(self.network, path, extra)

    @classmethod
    def load(
        cls, path: str | Path, modules: Sequence[type[nn.Module]] = (), threads: int | None = None
    ) -> LanguageModel:
        """Read a model file that ``save`` wrote.

        Args:
            path: the file.
            modules: the caller's own Module classes that may occur in it.
            threads: as for the model.

        Raises:
            FileError: the file is missing, damaged, or holds another kind of model.
        """
        network, extra = nn.read(path, modules)
        if extra.keys() != {"alphabet", "context"}:
            raise FileError(
                "a model of language is saved with its alphabet",
                received=f"{path}, a network without one",
                remedy="use gradus.load and give it arrays",
            )
        alphabet = Alphabet.from_config(entry(extra, "alphabet", dict))
        try:
            return cls(network, alphabet, entry(extra, "context", int), threads)
        except GradusError as error:
            raise FileError(
                "a model of language has a network that fits its alphabet",
                received=f"{path}: {error}",
                remedy="the file was made by other means; train again",
            ) from error

    def _windows(self, text: str, step: int | None) -> tuple[Array, Array]:
        return windows(self.alphabet.encode(text), self.context, step)

    def _check_network(self) -> None:
        T, K = self.context, len(self.alphabet)
        x = np.arange(T)[None] % K
        before = self._predict(x)
        if before.shape != (1, T, K):
            raise ArgumentError(
                f"the network of a model of language maps (n, {T}) characters to scores "
                f"(n, {T}, {K})",
                received=f"scores {before.shape} for characters {x.shape}",
                remedy="end it in nn.Linear(…, len(alphabet)), and keep the axis of places",
            )
        half = T // 2
        x[:, half:] = (x[:, half:] + 1) % K
        after = self._predict(x)
        if not np.array_equal(after[:, :half], before[:, :half], equal_nan=True):
            raise ArgumentError(
                "the network of a model of language is causal: its scores depend on the characters "
                "up to their place alone",
                received="scores that change with later characters",
                remedy="build attention with causal=True, and recurrent layers in one direction",
            )


def _filled(numbers: Array, length: int) -> Array:
    """The numbers and zeros behind them, up to the length."""
    return np.pad(numbers, (0, length - len(numbers)))


def _surprise(scores: Array, targets: Array) -> Array:
    """−log₂ softmax(s) of the targets, in float64: (n, T, K) and (n, T) to (n, T)."""
    flat = tensor(scores.reshape(-1, scores.shape[-1]).astype(np.float64))
    nats = losses.cross_entropy(flat, targets.ravel()).numpy().reshape(targets.shape)
    found: Array = nats / np.log(2.0)
    return found


def _drawn(scores: Array, kept: int, u: float) -> int:
    """A number drawn from the softmax of the largest scores, by u in [0, 1)."""
    likeliest = np.argsort(-scores, kind="stable")[:kept]
    p = np.exp(scores[likeliest] - scores[likeliest[0]])
    upto = np.cumsum(p)
    place = np.searchsorted(upto, u * upto[-1], side="right")
    return int(likeliest[min(place, len(likeliest) - 1)])  # the product may round up to the sum
