"""The part of each batch that one of several machines reads."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Share:
    """The part of each batch that a worker reads, and how it is divided among its devices.

    All workers together read every example of a batch once, in the order in which one worker would
    have read them.

    Args:
        worker: int. Number of the worker, counted from 0. Defaults to `0`.
        workers: int. Number of workers. Defaults to `1`.
        parts: int. Number of batches into which the worker's part is divided. Defaults to `1`.

    Example:
        >>> share = Share(worker=1, workers=2, parts=2)
        >>> [share.index(position, 8) for position in range(8)]
        [4, 5, 6, 7, 12, 13, 14, 15]
        >>> share.batch(8)
        2
    """

    worker: int = 0
    workers: int = 1
    parts: int = 1

    def index(self, position: Any, batch_size: int) -> Any:
        """Index, among all examples, of an example that this worker reads.

        Args:
            position: int or tf.Tensor. Number of the example among those of the worker.
            batch_size: int. Number of examples of a batch, over all workers.
        """
        own = batch_size // self.workers
        return position // own * batch_size + self.worker * own + position % own

    def batch(self, batch_size: int) -> int:
        """Number of examples that are read at a time, of a batch of so many over all workers."""
        return batch_size // (self.workers * self.parts)


WHOLE = Share()
