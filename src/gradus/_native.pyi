from collections.abc import Callable, Sequence
from typing import Any

from gradus.types import Array

class Program:
    def __init__(
        self, instructions: Sequence[Sequence[int]], size: int, target: str, threads: int
    ) -> None: ...
    @property
    def target(self) -> str: ...
    def write(self, offset: int, array: Array) -> None: ...
    def profile(self, rounds: int) -> list[float]: ...
    def run(
        self,
        inputs: Sequence[tuple[int, bool, Array]],
        outputs: Sequence[tuple[int, bool, Array]],
    ) -> None: ...

class Rows:
    def __init__(
        self,
        target: str,
        threads: int,
        most: int,
        least: int,
        work: float,
        input_bytes: Sequence[int],
        output_bytes: Sequence[int],
    ) -> None: ...
    def allocate(self, size: int) -> int: ...
    def write(self, address: int, array: Array) -> None: ...
    def add(
        self,
        rows: int,
        copies: Sequence[Sequence[Sequence[int]]],
        inputs: Sequence[Sequence[int]],
        outputs: Sequence[Sequence[int]],
        readers: Sequence[tuple[int, Sequence[tuple[int, int]]]],
    ) -> None: ...
    def whole(self, rows: int) -> int: ...
    def cut(self, rows: int, batches: Sequence[tuple[int, int]]) -> None: ...
    def run(
        self,
        rows: int,
        inputs: Sequence[Array],
        outputs: Sequence[Array],
        tensors: Sequence[object],
        versions: Sequence[int],
        weights: Sequence[tuple[int, Array]] | None,
    ) -> bool: ...

class Shortcut:
    def __init__(
        self,
        rows: Rows,
        modules: Sequence[object],
        tensors: Sequence[object],
        array: type,
        empty: Callable[..., Array],
        format: str,
        row: Sequence[int],
        result_row: Sequence[int],
        result_dtype: object,
    ) -> None: ...
    def __call__(self, x: object) -> Array | None: ...

def finite(arrays: Sequence[Array]) -> bool: ...
def targets() -> list[str]: ...
def opcode(name: str) -> int: ...
def random_bits(words: Array, seed: int, steps: Sequence[int], site: int) -> None: ...
def relay(
    legs: Sequence[tuple[Any, ...]],
    given: Sequence[Array],
    results: Sequence[Array],
    ended: Array,
    stop: Callable[[int], bool],
) -> int: ...
