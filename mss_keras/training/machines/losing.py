"""Which worker is gone, where TensorFlow says no more than that something was reset."""

import contextlib
import re
import socket
import time
from collections.abc import Iterator

import tensorflow as tf
from tensorflow.python.eager import context

from mss_keras.config import WorkFailedError
from mss_keras.training.machines.cluster import Cluster

# How who finds a worker gone tells the others, of whom some would find out much later.
_LOST = "lost workers "
# Survivors stay so long that each of them finds the others there, and the lost one alone not.
_STAY = 4.0  # s
_TASK = re.compile(r"/job:worker/replica:0/task:(\d+)")


class WorkerLostError(WorkFailedError):
    """A worker of several is gone."""


@contextlib.contextmanager
def naming_lost(cluster: Cluster) -> Iterator[None]:
    """Tells of errors of TensorFlow that another worker is gone, where this is their reason.

    Raises:
        WorkerLostError: in place of such an error.
    """
    try:
        yield
    except tf.errors.OpError as error:
        lost = _told(str(error)) or _silent(cluster) or _named(cluster, str(error))
        if not lost:
            raise
        with contextlib.suppress(tf.errors.OpError):  # of a chief that is lost itself
            context.context().report_error_to_cluster(
                tf.errors.UNAVAILABLE, f"{_LOST}{','.join(map(str, lost))};"
            )
        time.sleep(_STAY)
        names = " and ".join(map(cluster.name, lost))
        verb = "is" if len(lost) == 1 else "are"
        raise WorkerLostError(
            f"{names} {verb} gone; the same command on all workers goes on where they were"
        ) from error


def _told(text: str) -> list[int]:
    found = re.search(rf"{_LOST}([\d,]+);", text)
    return [int(number) for number in found[1].split(",")] if found else []


def _silent(cluster: Cluster) -> list[int]:
    # Workers at whose address nobody listens any more.
    return [i for i in range(cluster.count) if i != cluster.index and not _answers(cluster, i)]


def _answers(cluster: Cluster, index: int) -> bool:
    host, _, port = cluster.addresses[index].rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2.0).close()
    except OSError:
        return False
    return True


def _named(cluster: Cluster, text: str) -> list[int]:
    # Workers that are stuck still have their address; TensorFlow names the first that is silent.
    found = [int(task) for task in _TASK.findall(text)]
    return [task for task in found if task != cluster.index and task < cluster.count][:1]
