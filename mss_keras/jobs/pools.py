"""Pools of processes whose kill is told in a line."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from mss_keras.config import WorkFailedError
from mss_keras.jobs.processes import end_with_parent


class PoolKilledError(WorkFailedError):
    """A process of a pool was killed: by the kernel, as a rule, which needed its memory.

    Args:
        kind: str. What the process did, as an adjective.
        jobs: int. The number of processes of the pool.

    Example:
        >>> print(PoolKilledError("scoring", 2))
        a scoring process was killed (out of memory?); the same command goes on, better with fewer
        `jobs` than 2
        >>> print(PoolKilledError("scoring", 1))
        a scoring process was killed (out of memory?); the same command goes on
    """

    def __init__(self, kind: str, jobs: int):
        fewer = f", better with fewer `jobs` than {jobs}" if jobs > 1 else ""
        super().__init__(
            f"a {kind} process was killed (out of memory?); the same command goes on{fewer}"
        )


class Pool(ProcessPoolExecutor):
    """Spawned processes, which end when this process ends.

    Spawned, because a fork of a process with TensorFlow's threads may hang.

    Args:
        jobs: int. Number of processes.
    """

    def __init__(self, jobs: int):
        super().__init__(jobs, mp_context=get_context("spawn"), initializer=end_with_parent)

    def submit(self, fn, /, *args, **kwargs):
        """As that of `ProcessPoolExecutor`.

        Raises:
            BrokenProcessPool: if a process was killed, also where it is while another starts.
        """
        try:
            return super().submit(fn, *args, **kwargs)
        except OSError as error:
            if error.errno is not None:  # the system's own: no memory for another process, say
                raise
            raise BrokenProcessPool(str(error)) from error  # pipes of a pool that has just broken


@contextlib.contextmanager
def processes(jobs: int, kind: str) -> Iterator[ProcessPoolExecutor]:
    """A pool; what waits in it is dropped where an error ends it.

    Args:
        jobs: int. Number of processes.
        kind: str. What they do, as an adjective.

    Raises:
        PoolKilledError: if one was killed.
    """
    with Pool(jobs) as pool:
        try:
            yield pool
        except BrokenProcessPool as error:
            raise PoolKilledError(kind, jobs) from error
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
