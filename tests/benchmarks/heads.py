"""Times the two ways in which heads and their batch normalisation are computed in training.

    python tests/benchmarks/heads.py [--hidden-size 1024] [--heads 4] [--batch-size 4]

Both take moments of products of a batch: one by the covariance of what goes in, one of the
products themselves. `BatchMoments.pays` chooses by the ratio of rows to hidden units; this is the
ratio and what it decides about.
"""

import argparse
import time
from functools import partial
from statistics import median

import tensorflow as tf
from keras import layers
from networks import BINS, CHANNELS, frames
from tabulate import tabulate

from mss_keras.models.affine import Affine
from mss_keras.models.products import BatchMoments, folded, normalised, tiled


def steps(options: argparse.Namespace, dtype: str) -> dict:
    """A function for each way: value and gradient of all heads."""
    units, rows = CHANNELS * BINS, options.batch_size * frames(options.seq_dur)
    pairs = [(layers.Dense(units, use_bias=False), layers.BatchNormalization(epsilon=1e-5))
             for _ in range(options.heads)]  # fmt: skip
    for dense, norm in pairs:
        dense.build((None, options.hidden_size))
        norm.build((None, units))
    after = Affine()
    after.build((CHANNELS, BINS))
    x = tf.nn.relu(tf.random.normal([rows, options.hidden_size]))
    mixture = tf.abs(tf.random.normal([rows, units]))
    weights = [w.value for layer in (*sum(pairs, ()), after) for w in layer.trainable_weights]
    fold, normalise = partial(folded, dtype=dtype), partial(normalised, dtype=dtype)

    def uses():
        return zip(pairs, tiled(after, CHANNELS, len(pairs)), strict=True)

    def covariance(x):
        moments = BatchMoments(x)
        return [fold(*p, after=use, moments=moments.gathered(*p))(x) for p, use in uses()]

    def products(x):
        return [normalise(*p, after=use)(x) for p, use in uses()]

    @partial(tf.function, autograph=False)
    def step(way):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = sum(tf.reduce_mean(tf.square(tf.nn.relu(y) * mixture)) for y in way(x))
        return tape.gradient(loss, [*weights, x])

    return {way.__name__: partial(step, way) for way in (covariance, products)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hidden-size", type=int, default=1024)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--seq-dur", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    ratio = options.batch_size * frames(options.seq_dur) / options.hidden_size
    table = []
    for dtype in ("float32", "bfloat16"):
        ways = steps(options, dtype)
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(1 + options.rounds):
            for name, step in ways.items():
                begin = time.perf_counter()
                step()[0].numpy()
                taken[name].append(time.perf_counter() - begin)
        seconds = {name: median(values[1:]) for name, values in taken.items()}
        table.append({"type": dtype, "rows per unit": ratio, **seconds})
    print(tabulate(table, headers="keys", floatfmt=".3f"))


if __name__ == "__main__":
    main()
