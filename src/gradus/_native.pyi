from collections.abc import Callable, Sequence

from gradus.types import Array

class Program:
    def __init__(
        self, instructions: Sequence[Sequence[int]], size: int, target: str, threads: int
    ) -> None: ...
    @property
    def target(self) -> str: ...
    def write(self, offset: int, array: Array) -> None: ...
    def read(self, offset: int, array: Array) -> None: ...
    def write_turned(self, offset: int, array: Array) -> None: ...
    def read_turned(self, offset: int, array: Array) -> None: ...
    def profile(self, rounds: int) -> list[float]: ...
    def run(
        self,
        input_offsets: Sequence[int],
        inputs: Sequence[Array],
        output_offsets: Sequence[int],
        outputs: Sequence[Array],
    ) -> None: ...
    def steps(
        self,
        carried: Sequence[Sequence[int]],
        data_offsets: Sequence[int],
        data: Sequence[Array],
        order: Array,
        per_step_offsets: Sequence[int],
        per_step: Sequence[Array],
        record_offsets: Sequence[int],
        records: Sequence[Array],
        watch_offset: int,
        watch_bytes: int,
        stop: Callable[[int], bool],
    ) -> int: ...

def targets() -> list[str]: ...
def opcode(name: str) -> int: ...
