"""A small model of language: the next character of Python's own documentation.

The text ships with Python (``pydoc_data.topics``, 0.46 MB of English). Its last tenth is held out;
on it the network is compared with counting characters, alone and in n-grams.

    python examples/character_model.py              # minutes: 1.86 bits, bigrams 3.37
    python examples/character_model.py --quick      # seconds
    python examples/character_model.py --body mlp   # Bengio et al. (2003) instead of a transformer
"""

from __future__ import annotations

import argparse
import time
from pydoc_data.topics import topics

import gradus as gd
from gradus import nn, ops, optim
from gradus.data import Alphabet, NGrams, split_text
from gradus.train import LanguageModel

CONTEXT = 64


def transformer(classes: int, width: int = 64, layers: int = 2) -> nn.Sequential:
    """Two layers of attention over the characters up to each place."""
    return nn.Sequential(
        nn.Embedding(classes, width, init=nn.Normal(0.1)),
        nn.LearnedPositions(CONTEXT, width),
        *(
            nn.TransformerEncoderLayer(
                width, 4, 4 * width, 0.0, "gelu", norm_first=True, causal=True
            )
            for _ in range(layers)
        ),
        nn.LayerNorm(width),
        nn.Linear(width, classes),
    )


class Recent(nn.Module):
    """Each row with those before it, (n, T, d) to (n, T, rows · d); zeros before the first."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def forward(self, x: gd.Tensor) -> gd.Tensor:
        padded = ops.pad(x, ((0, 0), (self.rows - 1, 0), (0, 0)))
        return ops.concat([padded[:, k : k + x.shape[1]] for k in range(self.rows)], axis=2)


def mlp(classes: int, rows: int = 8, width: int = 24, units: int = 200) -> nn.Sequential:
    """A multilayer perceptron on the last characters: an n-gram model that generalises."""
    return nn.Sequential(
        nn.Embedding(classes, width), Recent(rows),
        nn.Linear(rows * width, units), nn.GELU(), nn.Linear(units, classes),
    )  # fmt: skip


BODIES = {"transformer": transformer, "mlp": mlp}


def main() -> None:
    parser = argparse.ArgumentParser(description="A small model of language.")
    parser.add_argument("--body", choices=BODIES, default="transformer")
    parser.add_argument("--quick", action="store_true", help="train for seconds only")
    parser.add_argument("--epochs", type=int, help="passes over the text")
    parser.add_argument("--save", metavar="FILE", help="write the model to a .safetensors file")
    options = parser.parse_args()

    text = "\n".join(topics[name] for name in sorted(topics))
    alphabet = Alphabet.of(text)
    training, validation, held_out = split_text(text)
    print(f"{len(text):,} characters, {len(alphabet)} different ones")

    gd.manual_seed(0)
    model = LanguageModel(BODIES[options.body](len(alphabet)), alphabet, CONTEXT)
    began = time.perf_counter()
    model.fit(
        training,
        validation,
        epochs=options.epochs or (2 if options.quick else 20),
        optimizer=optim.AdamW(3e-3, weight_decay=0.1, schedule=optim.OneCycle(0.1)),
    )
    print(f"{model.network.parameter_count:,} weights, {time.perf_counter() - began:.0f} s\n")

    print("bits per character, held out")
    parts = [alphabet.encode(part) for part in (training, validation)]
    for name, order in (("unigrams", 1), ("bigrams", 2), ("5-grams", 5)):
        counted = NGrams(*parts, len(alphabet), order)
        print(f"  {name:12} {counted.bits(alphabet.encode(held_out)):.3f}")
    print(f"  {options.body:12} {model.bits_per_character(held_out):.3f}\n")

    prompt = "The "
    print(prompt + model.sample(prompt, 400, temperature=0.8))
    if options.save:
        model.save(options.save)


if __name__ == "__main__":
    main()
