"""A step as `keras.Model.fit` calls it, on several machines.

Keras 3's own function takes the mean of the logs over an axis that scalars do not have.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf


def on_machines(strategy: tf.distribute.Strategy) -> bool:
    """Whether a strategy is one over several machines."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def function_of(
    step: Callable[[Any], Mapping[str, tf.Tensor]], strategy: tf.distribute.Strategy
) -> Callable[[Iterator], dict[str, tf.Tensor]]:
    """What `keras.Model.make_train_function` and its sister make, for several machines.

    Args:
        step: Callable. A step within a replica; takes a batch and returns logs, scalars.
        strategy: tf.distribute.Strategy. The strategy over the machines.

    Returns:
        A function that takes an iterator over batches to its end. The logs are those of the last
        step, means over all replicas, the same on all machines.
    """

    @tf.autograph.experimental.do_not_convert
    def once(batch):
        names: list[str] = []

        def packed(batch):
            logs = step(batch)
            names[:] = logs
            return tf.stack(list(logs.values()))

        # All logs in one message.
        values = strategy.reduce("MEAN", strategy.run(packed, args=(batch,)), axis=None)
        return dict(zip(names, tf.unstack(values), strict=True))

    traced = tf.function(once, reduce_retracing=True)

    def function(batches: Iterator) -> dict[str, tf.Tensor]:
        logs: dict[str, tf.Tensor] = {}
        for batch in batches:
            logs = traced(batch)
        return logs

    return function
