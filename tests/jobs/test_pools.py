"""A kill in a pool of processes is told, whenever it comes."""

import errno
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import pytest

from mss_keras.jobs.pools import Pool, PoolKilledError, processes


def end_by_a_kill():
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_kill():
    with pytest.raises(PoolKilledError, match=r"^a drawing process was killed"):  # noqa: SIM117
        with processes(1, "drawing") as pool:
            pool.submit(end_by_a_kill).result()


@pytest.mark.parametrize(
    ("raised", "told"),
    [(OSError("handle is closed"), BrokenProcessPool), (OSError(errno.ENOMEM, "no"), OSError)],
)
def test_a_pool_that_breaks_while_a_process_starts(monkeypatch, raised, told):
    def submit(self, function):
        raise raised

    monkeypatch.setattr(ProcessPoolExecutor, "submit", submit)
    with Pool(1) as pool, pytest.raises(told) as found:
        pool.submit(print)
    assert type(found.value) is told
