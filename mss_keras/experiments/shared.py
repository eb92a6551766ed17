"""What a benchmark and a search share: prepared data, processes, and the time that is left."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from mss_keras import data
from mss_keras.config import RunConfig, require
from mss_keras.jobs.processes import INTERRUPTED, Job, Result
from mss_keras.models.network import traits_of

Split = Literal["train", "valid", "test"]

_STATISTICS = "statistics.npz"


def refuse_machines(config: RunConfig) -> None:
    """Refuses runs of which each would be on several machines.

    Raises:
        UserError: if they are meant to be.
    """
    wanted = "it for `train` alone: here whole runs are shared out among machines"
    require(config.machines.strategy is None, "strategy", found="multiworker", wanted=wanted)


def with_decoded_data(
    config: RunConfig, *, splits: Sequence[Split], say: Callable[[str], None], progress: bool
) -> RunConfig:
    """Decodes the data set once for all runs, where it is not WAV.

    Args:
        config: of the runs.
        splits: have to hold readable tracks.
        say: called with a line for each thing that a user would want to know.
        progress: whether bars are shown.

    Returns:
        The configuration with the decoded data set.

    Raises:
        UserError: if the data set cannot be read.
    """
    dataset = data.as_wav(config.data, say=say, progress=progress)
    data.open_set(dataset, config.audio, splits=splits)
    return dataclasses.replace(config, data=dataset)


def with_statistics(config: RunConfig, folder: Path, *, progress: bool) -> RunConfig:
    """Computes the statistics of the training mixtures once for all runs.

    Args:
        config: of the runs; statistics that it names are taken instead.
        folder: gets `statistics.npz`; if that is there, it is used, for the runs of all sessions
            are to have the same.
        progress: whether a bar is shown.

    Returns:
        The configuration that names the statistics; as it is, if the network takes none.
    """
    if not traits_of(config.model.network).takes_statistics:
        return config
    path, given = folder / _STATISTICS, config.data.statistics
    if given is not None and not path.exists():
        data.Statistics.load(Path(given), config.audio.bins).save(path)
    elif not path.exists():
        train = data.open_set(config.data, config.audio).train
        data.compute_statistics(train, config.audio, progress=progress).save(path)
    dataset = dataclasses.replace(config.data, statistics=str(path))
    return dataclasses.replace(config, data=dataset)


@contextlib.contextmanager
def ending(jobs: Iterable[Job]) -> Iterator[None]:
    """Ends processes when the block is left, whatever the reason.

    Args:
        jobs: read when the block is left; what has ended already is no harm.
    """
    try:
        yield
    finally:
        for job in jobs:
            job.stop()


def result_of(job: Job) -> Result:
    """Waits for what comes of a process.

    Raises:
        KeyboardInterrupt: if Ctrl-C ended the process.
    """
    result = job.result()
    if result.failure == INTERRUPTED:
        raise KeyboardInterrupt
    return result


class TimeLeft:
    """Tells how long a work of known amount will still take, from the time of what is done.

    Args:
        total: amount of work, in any unit.
        done: what was done before the clock starts. Defaults to 0.

    Example:
        >>> clock = TimeLeft(10)
        >>> clock.after(4)
        'about 0 min left'
    """

    def __init__(self, total: float, done: float = 0.0):
        self._total, self._before = total, done
        self._start = time.monotonic()

    def after(self, done: float) -> str:
        """The time that is left, in words.

        Args:
            done: all that is done; more than before the clock started.
        """
        seconds_each = (time.monotonic() - self._start) / (done - self._before)
        return f"about {seconds_each * max(0.0, self._total - done) / 60:.0f} min left"
