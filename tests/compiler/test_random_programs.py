"""Random programs: eager and compiled by the reference executor, equal to the bit."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from tests.programs import RandomProgram, programs, with_gradients

import gradus as gd


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_compiled_programs_give_the_bits_of_eager_ones_with_gradients(
    program: RandomProgram,
) -> None:
    both = with_gradients(program.function)
    tensors = program.tensors()
    with np.errstate(all="ignore"):
        eager = both(*tensors)
    compiled = gd.compile(both)
    for _ in range(2):  # the second run meets buffers that hold the first one's numbers
        found = compiled(*tensors)
        for e, c in zip(eager, found, strict=True):
            assert e.type == c.type
            assert np.array_equal(e.numpy(), c.numpy(), equal_nan=True)
