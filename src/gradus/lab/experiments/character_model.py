"""A small model of language: the next character."""

from __future__ import annotations

import numpy as np

from gradus import nn, optim
from gradus.data import Alphabet, NGrams, split_text
from gradus.lab.experiment import Finding, Picture, Setting, experiment, verdict
from gradus.lab.pictures import COLOURS, panels
from gradus.random import manual_seed
from gradus.train import LanguageModel

_CONTEXT = 64


def _bodies(classes: int, width: int, layers: int) -> dict[str, nn.Module]:
    """What maps numbers of characters to scores of the next."""
    return {
        **{
            name: nn.Sequential(
                nn.Embedding(classes, width, init=nn.Normal(0.1)),
                kind(width, 2 * width), nn.EveryStep(), nn.Linear(2 * width, classes),
            )
            for name, kind in {"plain RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}.items()
        },
        "transformer": nn.Sequential(
            nn.Embedding(classes, width, init=nn.Normal(0.1)),
            nn.LearnedPositions(_CONTEXT, width),
            *(
                nn.TransformerEncoderLayer(
                    width, 4, 4 * width, 0.0, "gelu", norm_first=True, causal=True
                )
                for _ in range(layers)
            ),
            nn.LayerNorm(width), nn.Linear(width, classes),
        ),
    }  # fmt: skip


@experiment(
    "Can a network learn to write?",
    lecture="000, 003",
    claim="A network that sees the characters so far predicts the next one better than the "
    "frequencies of characters and of pairs do, on text it has never seen.",
)
def character_model(setting: Setting) -> Finding:
    """Bits per character on the last tenth of Python's own documentation, which ships with it."""
    from pydoc_data.topics import topics

    text = "\n".join(topics[name] for name in sorted(topics))
    alphabet = Alphabet.of(text)
    training, validation, held_out = split_text(text)
    if setting.quick:  # a part of the text to learn from; all of what is held out
        training = training[-80_000:]
    counted_from, chosen_by, scored = map(alphabet.encode, (training, validation, held_out))
    bits = {
        name: NGrams(counted_from, chosen_by, len(alphabet), order).bits(scored)
        for name, order in {"characters": 1, "pairs": 2, "5-grams": 5}.items()
    }
    manual_seed(setting.seed)
    curves, samples = {}, {}
    for name, body in _bodies(len(alphabet), *setting.pick((32, 1), (64, 2))).items():
        model = LanguageModel(body, alphabet, _CONTEXT)
        history = model.fit(
            training, validation, epochs=setting.pick(3, 20), batch_size=setting.pick(8, 32),
            seed=setting.seed, progress=False,
            optimizer=optim.AdamW(setting.pick(1e-2, 3e-3), weight_decay=0.1,
                                  schedule=optim.OneCycle(0.1)),
        )  # fmt: skip
        bits[name] = model.bits_per_character(held_out)
        curves[name] = (history["val_loss"] / np.log(2)).tolist()
        samples[name] = model.sample("The ", 120, temperature=0.7, seed=setting.seed)

    figure, (left, right) = panels(2, 4.8)
    places = np.arange(len(bits))
    colours = [COLOURS[6]] * 3 + list(COLOURS[: len(bits) - 3])
    left.bar(places, list(bits.values()), color=colours)
    for place, value in zip(places, bits.values(), strict=True):
        left.annotate(f"{value:.2f}", (place, value), (0, 3), textcoords="offset points",
                      ha="center", fontsize=10)  # fmt: skip
    left.set_xticks(places, list(bits), rotation=20)
    left.set(ylabel="bits per character, held out", title="grey: by counting")
    for (name, curve), colour in zip(curves.items(), COLOURS, strict=False):
        right.plot(range(1, len(curve) + 1), curve, color=colour, label=name)
    right.axhline(bits["pairs"], color="0.3", linewidth=1, linestyle=":", label="pairs")
    right.set(xlabel="epoch", ylabel="bits per character, validation")
    right.locator_params(axis="x", integer=True)
    right.legend()
    networks = {name: bits[name] for name in curves}
    counted = min(bits["characters"], bits["pairs"])
    return Finding(
        verdict(max(networks.values()) < counted, in_part=min(networks.values()) < counted),
        f"Held-out characters cost {bits['characters']:.3f} bits each by their frequencies and "
        f"{bits['pairs']:.3f} by those of pairs; "
        + ", ".join(f"{value:.3f} with the {name}" for name, value in networks.items())
        + f". 5-grams: {bits['5-grams']:.3f}.",
        f"Learnt from {len(training):,} characters of Python's own documentation "
        f"({len(alphabet)} different ones), with contexts of up to {_CONTEXT}; counted characters "
        "and sequences of them in the same text, smoothed as a validation part likes best. The "
        f"last {len(held_out):,} characters decide.",
        {"bits_per_character": bits, "validation_bits_by_epoch": curves, "samples": samples},
        [
            Picture(
                figure,
                "Left: bits per character on held-out text, by counting and by networks; fewer is "
                "better. Right: bits on validation text over the epochs.",
            )
        ],
        remark=f"Counting is no weak rival: 5-grams need {bits['5-grams']:.3f} bits. The "
        f"transformer goes on from “The ” like this: “{samples['transformer'].strip()}”",
    )
