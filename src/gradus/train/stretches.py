"""Epochs one after another, several in a call where nobody looks at the network between them."""

from __future__ import annotations

import time
from collections.abc import Callable

from gradus.errors import DivergenceError
from gradus.train.callbacks import Row
from gradus.train.engine import Engine, Position

_SEEN = 0.02  # seconds of training that may pass before somebody is told of it

Stop = Callable[[int], bool]


def in_stretches(
    engine: Engine,
    epochs: int,
    *,
    together: bool,
    take: Callable[[Position, int, int, Stop], list[Row]],
    wrong: Callable[[Row], DivergenceError | None],
    tell: Callable[[Row, bool], bool],
    stop: Stop,
    stopped: Callable[[], bool],
) -> int:
    """Take epochs, and tell of each; how many were begun.

    Between two short epochs Python takes as long as the steps of one, so that several are taken in
    a call. That is a bet: that no loss is wrong, and that nobody who is told of an epoch ends the
    training by it. Where it is lost, the training goes back to where the call began and takes what
    should have been taken: to the same bits, since steps are pure functions.

    Args:
        engine: what takes the steps.
        epochs: how many.
        together: whether several may be taken in a call.
        take: from a position, after so many epochs, so many more, until a function says stop; gives
            what is recorded of each that was begun.
        wrong: what is wrong with an epoch by what is recorded of it.
        tell: is told of an epoch, and whether it is the last of a call, which somebody may have
            stopped; whether the training ends with it is the answer.
        stop: asked while steps are taken, with their number in the call.
        stopped: whether that said stop.

    Raises:
        DivergenceError: what was wrong; the weights are the last good ones.
    """
    done, count = 0, 1
    lost = False  # a bet: the error comes again, whoever wants to stop meanwhile
    while done < epochs and (lost or not stopped()):
        before, began = engine.position(), time.perf_counter()
        try:
            rows = take(before, done, count, _never if lost else stop)
            error = next(filter(None, map(wrong, rows)), None)
        except DivergenceError as unsound:
            if count == 1:
                raise
            error = unsound
        if error is not None:
            engine.go_back(before)
            if count == 1:
                raise error
            lost, count = True, 1
            continue
        took, told = time.perf_counter() - began, 0
        try:
            for row in rows:
                told += 1
                if tell(row, told == len(rows) and not lost):
                    return done + told
        finally:
            if told < len(rows):
                take(before, done, told, _never)  # if it is broken off, all of the stretch stays
        done += len(rows)
        if together and not lost:  # at most as many as so far: that much may be in vain
            count = max(1, min(done, epochs - done, int(count * _SEEN / took)))
    return done


def _never(_: int) -> bool:
    return False
