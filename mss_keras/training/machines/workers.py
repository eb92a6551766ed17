"""What the workers of a run tell each other."""

import contextlib
import itertools
import json
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context

from mss_keras.training.machines.cluster import Cluster
from mss_keras.training.machines.losing import heed, naming_lost

_POLL, _CLOSELY = 500, 6  # ms; one of so many polls


class Workers:
    """The workers of a run, as one of them sees them. A process alone is the chief of nobody.

    All workers have to call the same methods in the same order.

    Args:
        cluster: Cluster or None. The workers, whom TensorFlow has joined. Defaults to `None`, a
            process alone.

    Example:
        >>> Workers().is_chief, Workers().from_chief(lambda: 3), Workers().from_all(3)
        (True, 3, [3])
    """

    def __init__(self, cluster: Cluster | None = None):
        self.cluster = cluster or Cluster()
        self._told = 0  # number of things that were told

    @property
    def is_chief(self) -> bool:
        """Whether this worker is the one that writes."""
        return self.cluster.is_chief

    @property
    def count(self) -> int:
        """Number of workers."""
        return self.cluster.count

    def naming_lost(self) -> contextlib.AbstractContextManager[None]:
        """Within, workers hear of each other's failures, and which is gone; see `naming_lost`."""
        return naming_lost(self.cluster) if self.count > 1 else contextlib.nullcontext()

    def from_chief(self, make: Callable[[], Any]) -> Any:
        """What the chief makes, on all workers.

        Args:
            make: Callable. Returns what JSON knows; only the chief calls it.

        Raises:
            UserError, WorkFailedError: if the chief has failed; see `naming_lost`.
        """
        if self.count == 1:
            return make()
        key = self._key(0)
        if not self.is_chief:
            return self._hear(key)
        value = make()
        self._tell(key, value)
        return value

    def from_all(self, value: Any) -> list[Any]:
        """What every worker has, in the order of the workers.

        Args:
            value: what this worker has, of what JSON knows.
        """
        if self.count == 1:
            return [value]
        keys = [self._key(index) for index in range(self.count)]
        self._tell(keys[self.cluster.index], value)
        return [self._hear(key) for key in keys]

    def spread(self, variables: Sequence[keras.Variable], strategy: tf.distribute.Strategy) -> None:
        """Sets variables of all workers to what those of the chief are, in bits.

        Args:
            variables: the same ones, in the same order, on all workers.
            strategy: over the workers.
        """
        if self.count == 1:
            return
        real = [v for v in variables if v.dtype == "float32"]
        others = [v for v in variables if v.dtype != "float32"]
        told = self.from_chief(lambda: [np.asarray(v.numpy()).tolist() for v in others])
        # -0 is what can be added to any number, 0 too, and changes nothing.
        own = [
            v.numpy() if self.is_chief else np.full(tuple(v.shape), -0.0, np.float32) for v in real
        ]
        sums = _summed(own, strategy)
        for variable, value in zip([*real, *others], [*sums, *told], strict=True):
            variable.assign(np.asarray(value, np.dtype(variable.dtype)))

    def _key(self, index: int) -> str:
        self._told += index == 0
        return f"mss_keras/{self._told}/{index}"

    def _tell(self, key: str, value: Any) -> None:
        context.context().set_config_key_value(key, json.dumps(value))

    def _hear(self, key: str) -> Any:
        for polls in itertools.count(1):  # for short times, so that Ctrl-C is heard
            with contextlib.suppress(tf.errors.DeadlineExceededError):
                return json.loads(context.context().get_config_key_value(key, _POLL))
            heed(self.cluster, closely=polls % _CLOSELY == 0)


def _summed(values: list[np.ndarray], strategy: tf.distribute.Strategy) -> list[np.ndarray]:
    # The sum over workers of arrays that each has; of its replicas the first one has them.
    def sums(*own):
        replica = tf.distribute.get_replica_context()
        local = strategy.extended._get_local_replica_id(replica.replica_id_in_sync_group)
        first = tf.equal(local, 0)
        mine = [tf.where(first, x, tf.constant(-0.0)) for x in own]
        return replica.all_reduce(tf.distribute.ReduceOp.SUM, mine)

    @tf.function
    def once(own):
        found = strategy.run(sums, args=tuple(own))
        return [strategy.experimental_local_results(x)[0] for x in found]

    return [x.numpy() for x in once([tf.constant(x) for x in values])]
