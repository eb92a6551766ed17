"""What the machine does at most, measured beside the sides: a product, an FFT, a copy.

    python tests/benchmarks/floor.py [--rounds 3]

The floor of a comparison is the time that its products, transforms and copies alone would take
at these rates on all processors.
"""

import argparse
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median

from sides import Figures, parser, serve

_SIZE = 2048  # of the matrices
_FRAMES, _POINTS, _REPEATS = 32, 4096, 256  # at a time, within the processor's cache
_GIB = 0.25


@dataclass(frozen=True)
class Work:
    """The arithmetic of a round.

    Attributes:
        gflop: of products of matrices, float32 unless told otherwise.
        frames: transforms of real frames of 4096 samples, forward or inverse.
        gib: that is copied.
    """

    gflop: float = 0.0
    frames: float = 0.0
    gib: float = 0.0

    def seconds(self, rates: Figures, *, half: bool = False) -> float:
        """Time that the machine would take at the rates of `floor.py`.

        Args:
            rates: as measured.
            half: whether products are in bfloat16. Defaults to `False`.
        """
        products = self.gflop / rates["gflop_bfloat16" if half else "gflop"]
        return products + self.frames / rates["frames"] + self.gib / rates["gib"]


def floor(options: argparse.Namespace) -> Callable[[], Figures]:
    """Rates a second of what `Work` counts."""
    import numpy as np
    import scipy.fft
    import tensorflow as tf

    rng, cores = np.random.default_rng(0), len(os.sched_getaffinity(0))
    matrix = tf.constant(rng.random((_SIZE, _SIZE), np.float32))
    half = tf.cast(matrix, tf.bfloat16)
    frames = rng.random((_FRAMES, _POINTS), np.float32)
    source = np.ones((cores, round(_GIB * 2**28) // cores), np.float32)
    target = np.zeros_like(source)
    pool = ThreadPoolExecutor(cores)

    def rate(amount: float, work: Callable[[int], object], parts: int) -> float:
        start = time.perf_counter()
        list(pool.map(work, range(parts)))
        return amount / (time.perf_counter() - start)

    def transform(_: int) -> None:
        for _ in range(_REPEATS):
            scipy.fft.rfft(frames)

    def product(factor) -> float:
        return rate(2e-9 * _SIZE**3, lambda _: tf.matmul(factor, factor).numpy(), 1)

    def rates() -> Figures:
        return {
            "gflop": product(matrix),
            "gflop_bfloat16": product(half),
            "frames": rate(cores * _REPEATS * _FRAMES, transform, cores),
            "gib": rate(_GIB, lambda i: np.copyto(target[i], source[i]), cores),
        }

    return rates


def told(rates: Figures) -> str:
    """Rates in words."""
    return (
        f"{rates['gflop']:.0f} GFLOP/s of products in float32 and {rates['gflop_bfloat16']:.0f} in "
        f"bfloat16, {rates['frames'] / 1000:.0f} thousand real transforms of {_POINTS} samples a "
        f"second, {rates['gib']:.0f} GiB/s copied"
    )


def main() -> None:
    options = parser(__doc__, rounds=3).parse_args()
    if options.side:
        return serve(floor, options)
    rates = floor(options)
    each = [rates() for _ in range(options.rounds + 1)][1:]
    found = {key: median(x[key] for x in each) for key in each[0]}
    print(told(found))


if __name__ == "__main__":
    main()
