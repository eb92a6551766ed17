"""Keras's function of a step, which waits for data and for the device no more than it must."""

import itertools
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

# Logs are on the device: who reads them waits for the step. They are read this often.
_SECONDS, _STEPS = 1.0, 50
_STEPS_TOGETHER = 10  # on several machines, where clocks are no measure


class StepFunction:
    """A step of training or validation, called as Keras calls it.

    Keras's callbacks read the logs of every step, which makes the host wait for the device each
    time. Where logs are sparse most steps give none; the metrics go on within the graph all the
    same.

    Args:
        step: Callable. Keras's function; takes an iterator over batches.
        begin: Callable. Is called with each batch, before its step.
        steps_per_execution: int. Number of batches that one call uses. Defaults to `1`.
        sparse: Callable. Tells whether logs are sparse. Defaults to `False` at all times.
        together: bool. Whether several machines take the step, which have to read the logs of the
            same steps: one that ends the run by what it read would leave the others waiting.
            Defaults to `False`.

    Attributes:
        wait: float. Seconds that were spent waiting for data.
    """

    def __init__(
        self,
        step: Callable[[Iterator], Any],
        begin: Callable[[Any], None],
        *,
        steps_per_execution: int = 1,
        sparse: Callable[[], bool] = lambda: False,
        together: bool = False,
    ):
        self._step, self._begin = step, begin
        self._batches, self._sparse = steps_per_execution, sparse
        self._seconds, self._steps = (math.inf, _STEPS_TOGETHER) if together else (_SECONDS, _STEPS)
        self._read, self._unread = 0.0, self._steps
        self.wait = 0.0

    def __call__(self, iterator: Iterator) -> dict[str, Any]:
        """Takes the next batches through the step.

        Returns:
            Logs of the epoch up to now, or none where logs are sparse.

        Raises:
            StopIteration: if there is no batch any more.
        """
        start = time.perf_counter()
        batches = list(itertools.islice(iterator, self._batches))
        self.wait += time.perf_counter() - start
        if not batches:
            raise StopIteration
        self._begin(batches[0])
        logs = self._step(iter(batches))
        if not self._sparse():
            return logs
        self._unread += 1
        now = time.perf_counter()
        if now - self._read < self._seconds and self._unread < self._steps:
            return {}
        self._read, self._unread = now, 0
        return logs
