"""Times the two ways in which LSTM layers are computed: one operation, and a loop of our own.

    python tests/benchmarks/lstm.py [--hidden-size 512 1024] [--batch-size 4 16]

The loop multiplies the input with its weights ahead, for all frames at once. `recurrent` chooses by
the number of weights and the type; this is the time of three bidirectional layers either way.
"""

import argparse
import time
from functools import partial
from itertools import product
from statistics import median

import tensorflow as tf
from keras import layers
from networks import frames
from tabulate import tabulate

from mss_keras.models import recurrent as subject

_LAYERS = 3


def functions(units: int, batch: int, options: argparse.Namespace) -> dict:
    """A function for each way, pass and type."""
    lstms = [
        layers.Bidirectional(layers.LSTM(units // 2, return_sequences=True))
        for _ in range(_LAYERS)
    ]  # fmt: skip
    for lstm in lstms:
        lstm.build((None, None, units))
    weights = [weight.value for lstm in lstms for weight in lstm.weights]
    x = tf.random.normal([batch, frames(options.seq_dur), units])

    def forward(dtype, x):
        return tf.cast(subject.recurrent(tf.cast(x, dtype), lstms), tf.float32)

    def both(dtype, x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(tf.square(forward(dtype, x)))
        return tape.gradient(y, [x, *weights])

    found = {}
    for run, (way, most, dtype) in product(
        (forward, both),
        (
            ("operation", float("inf"), "float32"),
            ("loop", 0, "float32"),
            ("loop", 0, "bfloat16"),
        ),
    ):
        subject._MANY_WEIGHTS = most
        graph = tf.function(partial(run, tf.as_dtype(dtype)), autograph=False)
        found[f"{run.__name__}: {way}, {dtype}"] = partial(graph.get_concrete_function(x), x)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hidden-size", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--batch-size", type=int, nargs="+", default=[4, 16])
    parser.add_argument("--seq-dur", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    table = []
    for units, batch in product(options.hidden_size, options.batch_size):
        ways = functions(units, batch, options)
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(1 + options.rounds):
            for name, run in ways.items():
                begin = time.perf_counter()
                tf.nest.map_structure(lambda y: y.numpy(), run())
                taken[name].append(time.perf_counter() - begin)
        seconds = {name: median(values[1:]) for name, values in taken.items()}
        table.append({"hidden": units, "batch": batch, **seconds})
    print(tabulate(table, headers="keys", floatfmt=".3f"))


if __name__ == "__main__":
    main()
