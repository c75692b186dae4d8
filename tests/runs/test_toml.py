"""What is written as TOML is what tomllib reads."""

from __future__ import annotations

import math
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradus.runs.toml import to_toml

# TOML holds Unicode scalar values: everything but surrogates.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = TEXTS | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats()


def same(read: object, written: object) -> bool:
    if isinstance(written, float) and math.isnan(written):
        return isinstance(read, float) and math.isnan(read)
    return type(read) is type(written) and read == written


@given(st.dictionaries(TEXTS, SCALARS))
def test_every_scalar_and_every_key_comes_back_as_it_was(values: dict[str, object]) -> None:
    read = tomllib.loads(to_toml(values))  # type: ignore[arg-type]
    assert list(read) == list(values)
    assert all(same(read[name], value) for name, value in values.items())


@given(st.lists(TEXTS))
def test_lists_of_texts_come_back(values: list[str]) -> None:
    assert tomllib.loads(to_toml({"kinds": values})) == {"kinds": values}


@pytest.mark.parametrize(
    "text", ['"', "\\", "\x00\x1f\x7f", "a\nb\tc\r", "日本 🎉 é", "# no comment"]
)
def test_quotes_control_characters_and_other_alphabets_stand_on_one_line(text: str) -> None:
    written = to_toml({"source": text})
    assert written.count("\n") == 1
    assert tomllib.loads(written) == {"source": text}
