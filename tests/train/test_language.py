"""A model of language: what is scored, what is drawn, what is kept, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import nn, ops, optim
from gradus.data import Alphabet, NGrams, split_text
from gradus.errors import ArgumentError, DataError, FileError
from gradus.train import LanguageModel

SENTENCE = "the cat sat on the mat and the dog sat on the log. "
TEXT = SENTENCE * 60
ALPHABET = Alphabet.of(TEXT)
K, T = len(ALPHABET), 12


def transformer(causal: bool = True, classes: int = K) -> nn.Sequential:
    gd.manual_seed(0)
    return nn.Sequential(
        nn.Embedding(classes, 16, init=nn.Normal(0.1)),
        nn.LearnedPositions(T, 16),
        nn.TransformerEncoderLayer(16, 2, 32, 0.1, "gelu", norm_first=True, causal=causal),
        nn.LayerNorm(16),
        nn.Linear(16, classes),
    )


@pytest.fixture(scope="module")
def trained() -> LanguageModel:
    model = LanguageModel(transformer(), ALPHABET, T)
    model.fit(TEXT, epochs=25, batch_size=16, step=5, optimizer=optim.Adam(0.01), progress=False)
    return model


class Remembering(nn.Module):
    """Scores that show how many characters they were made from: a count, from 1 to T."""

    def __init__(self) -> None:
        self.weight = gd.tensor(np.zeros((1, 1, K)), requires_grad=True, dtype="float32")
        self.rise = 0.25

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        places = ops.cumulative_sum((0 * x + 1).astype("float32"), axis=1)
        first = ops.equal(np.arange(K), 0)
        lead = ops.where(first, self.rise * ops.expand_dims(places, 2), 0.0)
        return lead + self.weight


@pytest.mark.parametrize("n", [2, 5, T, T + 1, T + 2, 2 * T, 2 * T + 1, 5 * T + 7])
def test_each_character_is_scored_once_from_the_context_that_is_stated(n: int) -> None:
    model = LanguageModel(Remembering(), ALPHABET, T)
    text = ALPHABET.characters[0] * n
    expected = 0.0
    for i in range(1, n):
        # As many as there are in the first T; then from T/2 + 1 up to T, over and over. The last
        # window ends with the text.
        seen = i if i <= T else T // 2 + 1 + (i - T - 1) % (T // 2)
        last = max(n - 1 - T, 0)
        whole = len(range(0, last, T // 2)) - 1  # windows before the last, beyond the first
        if i > T + whole * (T // 2):
            seen = i - last
        s = 0.25 * seen
        expected += np.log2(np.exp(s) + K - 1) - s / np.log(2)
    assert model.bits_per_character(text) == pytest.approx(expected / (n - 1), rel=1e-6)


def test_a_uniform_model_takes_the_logarithm_of_the_alphabet() -> None:
    network = transformer()
    network[-1].weight, network[-1].bias = np.zeros((K, 16)), np.zeros(K)
    model = LanguageModel(network, ALPHABET, T)
    assert model.bits_per_character(TEXT[:100]) == pytest.approx(np.log2(K), rel=1e-6)


def test_a_transformer_learns_what_bigrams_cannot_know(trained: LanguageModel) -> None:
    training, validation, held = (ALPHABET.encode(part) for part in split_text(TEXT))
    bigrams = NGrams(training, validation, K, 2).bits(held)
    assert trained.bits_per_character(TEXT[-300:]) < bigrams / 2


def test_a_single_window_has_the_bits_of_the_trainers_loss(trained: LanguageModel) -> None:
    x, y = gd.data.windows(ALPHABET.encode(TEXT[: T + 1]), T)
    nats = gd.Trainer(trained.network, gd.losses.cross_entropy).evaluate(x, y)["loss"]
    assert trained.bits_per_character(TEXT[: T + 1]) == pytest.approx(nats / np.log(2), rel=1e-5)


# ── Drawing ─────────────────────────────────────────────────────────────────────────────────────


def test_a_seed_draws_the_same_text_and_a_longer_one_begins_with_the_shorter(
    trained: LanguageModel,
) -> None:
    one = trained.sample("the ", 40, seed=3)
    assert len(one) == 40
    assert trained.sample("the ", 40, seed=3) == one
    assert trained.sample("the ", 15, seed=3) == one[:15]
    assert trained.sample("the ", 0) == ""
    assert len({trained.sample("the ", 40, temperature=2.0, seed=s) for s in range(4)}) > 1


def test_one_candidate_or_a_low_temperature_takes_the_likeliest(trained: LanguageModel) -> None:
    greedy = {trained.sample("the c", 60, top_k=1, seed=s) for s in range(3)}
    assert len(greedy) == 1
    assert trained.sample("the c", 60, temperature=1e-4) in greedy
    assert greedy.pop().startswith("at sat on the ")


def test_draws_follow_the_softmax_of_scores_over_temperature() -> None:
    network = transformer()
    network[-1].weight = np.zeros((K, 16))
    bias = np.linspace(-1, 1, K)
    network[-1].bias = bias
    model = LanguageModel(network, ALPHABET, T)
    drawn = np.bincount(ALPHABET.encode(model.sample("t", 4000, temperature=0.5)), minlength=K)
    p = np.exp(bias / 0.5) / np.exp(bias / 0.5).sum()
    # 4,000 draws: the share of a character spreads by √(p (1 − p) / 4000).
    assert (np.abs(drawn / 4000 - p) < 4.5 * np.sqrt(p / 4000)).all()
    few = set(ALPHABET.encode(model.sample("t", 300, top_k=3)).tolist())
    assert few == {K - 3, K - 2, K - 1}


def test_no_more_than_the_context_is_looked_at(trained: LanguageModel) -> None:
    prompt = TEXT[: 3 * T]
    assert trained.sample(prompt, 5) == trained.sample(prompt[-T:], 5)


# ── One file ────────────────────────────────────────────────────────────────────────────────────


def test_a_file_brings_back_bits_and_text(trained: LanguageModel, tmp_path: Path) -> None:
    trained.save(tmp_path / "m.safetensors")
    again = LanguageModel.load(tmp_path / "m.safetensors")
    assert again.alphabet == ALPHABET
    assert again.context == T
    assert again.bits_per_character(TEXT[:200]) == trained.bits_per_character(TEXT[:200])
    assert again.sample("the ", 50, seed=1) == trained.sample("the ", 50, seed=1)


def test_ones_own_body_is_named_on_loading(tmp_path: Path) -> None:
    model = LanguageModel(Remembering(), ALPHABET, T)
    model.save(tmp_path / "m.safetensors")
    with pytest.raises(FileError, match="pass the class itself"):
        LanguageModel.load(tmp_path / "m.safetensors")
    assert LanguageModel.load(tmp_path / "m.safetensors", [Remembering]).context == T


EXTRAS: list[dict[str, Any]] = [
    {},
    {"alphabet": ALPHABET.to_config()},
    {"alphabet": ALPHABET.to_config(), "context": "12"},
    {"alphabet": ALPHABET.to_config(), "context": 0},
    {"alphabet": ALPHABET.to_config(), "context": T + 1},
    {"alphabet": {"characters": "ab"}, "context": T},
    {"alphabet": "ab", "context": T},
]


@pytest.mark.parametrize("extra", EXTRAS)
def test_a_file_with_another_story_is_refused(extra: dict[str, Any], tmp_path: Path) -> None:
    nn.save(transformer(), tmp_path / "m.safetensors", extra)
    with pytest.raises(FileError):
        LanguageModel.load(tmp_path / "m.safetensors")


# ── What is refused ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: LanguageModel(transformer(causal=False), ALPHABET, T), "build attention with"),
        (lambda: LanguageModel(transformer(classes=K + 1), ALPHABET, T), rf"\(n, {T}, {K}\)"),
        (
            lambda: LanguageModel(
                nn.Sequential(*transformer(), nn.Flatten(), nn.Linear(T * K, K)), ALPHABET, T
            ),
            rf"scores \(1, {K}\)",
        ),
        (lambda: LanguageModel(transformer(), "abc", T), "Alphabet.of"),  # type: ignore[arg-type]
        (lambda: LanguageModel(transformer(), ALPHABET, 0), "context must be at least 1"),
    ],
)
def test_networks_that_are_no_models_of_language_are_refused(wrong: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        wrong()


def test_texts_and_settings_that_do_not_fit_are_refused(trained: LanguageModel) -> None:
    for wrong in (lambda: trained.sample("", 3), lambda: trained.bits_per_character("t")):
        with pytest.raises(DataError, match=r"(one character|two characters) or more"):
            wrong()
    for wrong in (
        lambda: trained.sample("Z", 3),
        lambda: trained.bits_per_character("theZ"),
        lambda: trained.fit("Z" * 50, progress=False),
    ):
        with pytest.raises(DataError, match="'Z' at character"):
            wrong()
    with pytest.raises(DataError, match=f"at least {T + 1}"):
        trained.fit("the", progress=False)
    with pytest.raises(ArgumentError, match="temperature must be"):
        trained.sample("t", 3, temperature=0.0)
    with pytest.raises(ArgumentError, match="top_k must be at least 1"):
        trained.sample("t", 3, top_k=0)
    with pytest.raises(ArgumentError, match="length must be at least 0"):
        trained.sample("t", -1)


def test_weights_that_are_not_finite_are_not_called_a_look_ahead() -> None:
    body = nn.Sequential(nn.Embedding(2, 4), nn.Linear(4, 2))
    body[1].bias = [np.nan, 0.0]
    assert np.isnan(LanguageModel(body, Alphabet("ab"), 4).bits_per_character("abab"))
