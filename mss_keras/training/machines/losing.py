"""Which worker is gone or has failed, where TensorFlow says no more than that something was reset.

A worker that fails tells why under a name of TensorFlow's coordination service, which the chief has
and all can read, and by an error that ends what the others are waiting for.
"""

import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import context

from mss_keras.config import UserError, WorkFailedError
from mss_keras.training.machines.cluster import Cluster

_SAYS = "mss_keras says "
_KEY = "mss_keras/failed"
_PATIENCE = 200  # ms
_LONGEST = 1000  # characters of a failure, of which messages take no more than some thousands
# Survivors stay so long that each of them finds the others there, and the lost one alone not. So
# does a chief that has failed, which has what it told.
_STAY = 4.0  # s
_TASK = re.compile(r"/job:worker/replica:0/task:(\d+)")
_AGAIN = "the same command on all workers goes on where they were"


class WorkerLostError(WorkFailedError):
    """A worker of several is gone."""


@contextlib.contextmanager
def naming_lost(cluster: Cluster) -> Iterator[None]:
    """Tells other workers what goes wrong within, and of TensorFlow's errors what they mean.

    Raises:
        WorkerLostError: in place of an error of TensorFlow, where another worker is gone.
        UserError, WorkFailedError: in its place, where another worker has failed.
    """
    try:
        yield
    except tf.errors.OpError as error:
        said = _kept() or _said(str(error))
        if not said and (lost := _silent(cluster) or _named(cluster, str(error))):
            said = {"lost": lost}
        _tell(cluster, said or _in_words(cluster, error))
        if not said:
            raise
        raise _error(cluster, said) from error
    except (Exception, KeyboardInterrupt) as error:
        _tell(cluster, _in_words(cluster, error))
        raise


def heed(cluster: Cluster, *, closely: bool) -> None:
    """Finds that all other workers are well, for one that waits for something of theirs.

    Args:
        cluster: Cluster. The workers.
        closely: bool. Whether those count, too, that have told nothing and are silent.

    Raises:
        WorkerLostError: if another worker is gone.
        UserError, WorkFailedError: if another has failed.
    """
    said = _kept()
    if not said and closely and (lost := _silent(cluster) or _unwell(cluster)):
        said = {"lost": lost}
        _tell(cluster, said)
    if said:
        raise _error(cluster, said)


def _tell(cluster: Cluster, said: dict[str, Any]) -> None:
    text, stays = json.dumps(said), cluster.is_chief or "lost" in said
    try:
        context.context().set_config_key_value(_KEY, text)
    except tf.errors.AlreadyExistsError:
        pass  # who tells first tells all
    except tf.errors.OpError:  # of a chief that is lost itself
        stays = True
    else:
        with contextlib.suppress(tf.errors.OpError):
            context.context().report_error_to_cluster(tf.errors.UNAVAILABLE, f"{_SAYS}{text}")
    if stays:
        time.sleep(_STAY)


def _kept() -> dict[str, Any] | None:
    with contextlib.suppress(tf.errors.OpError):
        return json.loads(context.context().get_config_key_value(_KEY, _PATIENCE))
    return None


def _said(text: str) -> dict[str, Any] | None:
    _, found, rest = text.partition(_SAYS)
    with contextlib.suppress(ValueError):
        return json.JSONDecoder().raw_decode(rest)[0] if found else None
    return None


def _in_words(cluster: Cluster, error: BaseException) -> dict[str, Any]:
    said: dict[str, Any] = {"who": cluster.index}
    if isinstance(error, KeyboardInterrupt):
        return said
    if isinstance(error, UserError):
        found = error.found if isinstance(error.found, str) else repr(error.found)
        words = [str(error.field)[:_LONGEST], found[:_LONGEST], error.wanted[:_LONGEST]]
        return {**said, "wrong": words, "path": isinstance(error.field, Path)}
    text = " ".join(str(error).split()) or type(error).__name__
    return {**said, "failed": text[:_LONGEST]}


def _error(cluster: Cluster, said: dict[str, Any]) -> UserError | WorkFailedError:
    if "lost" in said:
        names = " and ".join(map(cluster.name, said["lost"]))
        verb = "is" if len(said["lost"]) == 1 else "are"
        return WorkerLostError(f"{names} {verb} gone; {_AGAIN}")
    who = cluster.name(said["who"])
    if "wrong" in said:
        field, found, wanted = said["wrong"]
        error = UserError(Path(field) if said["path"] else field, found, wanted)
        error.add_note(f"{who} says so")
        return error
    if "failed" in said:
        return WorkFailedError(f"{who} failed: {said['failed']}")
    return WorkerLostError(f"{who} was interrupted; {_AGAIN}")


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


def _unwell(cluster: Cluster) -> list[int]:
    # Workers of whose life the chief has had no sign for too long.
    states = context.context().get_task_states([("worker", cluster.count)])
    return [i for i, state in enumerate(states) if state is not None and i != cluster.index]


def _named(cluster: Cluster, text: str) -> list[int]:
    # Workers that are stuck still have their address; TensorFlow names the first that is silent.
    found = [int(task) for task in _TASK.findall(text)]
    return [task for task in found if task != cluster.index and task < cluster.count][:1]
