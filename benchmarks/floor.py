"""The floor: what a step would take if only its arithmetic and its memory traffic counted.

Floor = flops / peak + bytes / bandwidth, with both rates measured in the same run. Dispatch,
activations and everything that waits on something else come on top in any program.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.workloads import Workload

_SIDE = 1536  # of the square products
_LEAST = 1 << 20  # bytes of a copy that are enough for the call itself not to count


def flops(workload: Workload) -> int:
    """Multiplications and additions of the products of a step."""
    pairs = list(zip(workload.sizes, workload.sizes[1:], strict=False))
    # Forward, the weight's gradient and, but for the first layer, the input's gradient.
    products = sum((2 if k == 0 else 3) * n * m for k, (n, m) in enumerate(pairs))
    return 2 * workload.batch * products


def footprint(workload: Workload) -> int:
    """Bytes of the parameters and, with Adam, of their two moments, in float32."""
    pairs = zip(workload.sizes, workload.sizes[1:], strict=False)
    count = sum((n + workload.bias) * m for n, m in pairs)
    return 4 * count * (3 if workload.optimizer == "adam" else 1)


def traffic(workload: Workload) -> int:
    """Bytes a step must move: the state read and written once, and the batch read."""
    return 2 * footprint(workload) + 4 * workload.batch * workload.sizes[0]


def peak(threads: int) -> float:
    """Flops a second of the best product in float32 that is installed."""
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((_SIDE, _SIDE), np.float32) for _ in range(2))
    return 2 * _SIDE**3 / min(_best(product) for product in _products(a, b, threads))


def bandwidth(size: int, threads: int) -> float:
    """Bytes read and written a second by copies within so many bytes, on all threads at once."""
    count = max(size, _LEAST) // 8 // threads  # source and target, of four bytes each
    parts = [(np.ones(count, np.float32), np.zeros(count, np.float32)) for _ in range(threads)]
    repeats = max(1, (64 << 20) // (8 * count))

    def copy(part: tuple[np.ndarray, np.ndarray]) -> None:
        for _ in range(repeats):
            np.copyto(part[1], part[0])

    with ThreadPoolExecutor(threads) as pool:
        seconds = _best(lambda: list(pool.map(copy, parts)))
    return 8 * count * threads * repeats / seconds


def _products(a: np.ndarray, b: np.ndarray, threads: int) -> list[Callable[[], object]]:
    """The product of a and b by each library."""
    from gradus.compiler import executor_named, trace
    from gradus.types import TensorType

    types = {"a": TensorType.of(a), "b": TensorType.of(b)}
    program = executor_named("native", threads).prepare(trace(lambda a, b: a @ b, **types).graph)
    out = np.empty_like(a)
    products: list[Callable[[], object]] = [
        lambda: np.matmul(a, b, out=out),
        lambda: program.run({"a": a, "b": b}),
    ]
    try:
        import torch
    except ImportError:
        return products
    torch.set_num_threads(threads)
    left, right, result = (torch.from_numpy(x) for x in (a, b, out))
    return [*products, lambda: torch.mm(left, right, out=result)]


def _best(call: Callable[[], object], repeats: int = 15) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)
