"""TensorFlow's strategy over several machines."""

import contextlib
import faulthandler
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import tensorflow as tf
from tensorflow.python.distribute import collective_all_reduce_strategy
from tensorflow.python.eager import context
from tensorflow.tsl.protobuf import coordination_config_pb2

from mss_keras.config import WorkFailedError
from mss_keras.training.machines.cluster import Cluster
from mss_keras.training.machines.losing import WorkerLostError
from mss_keras.training.machines.meeting import meet

_HEARTBEAT = 20  # s of silence after which a worker counts as lost
_JOINING = 45  # s that it takes at most, once all workers are there
_LOST = "a worker was lost before training began; the same command on all workers tries again"


def joined(
    cluster: Cluster, timeout: float, say: Callable[[str], None], *, gpus: int, cpus: int
) -> tf.distribute.MultiWorkerMirroredStrategy:
    """Waits for all workers and makes the strategy over them.

    Has to come before TensorFlow computes anything in this process.

    Args:
        cluster: Cluster. The workers.
        timeout: float. Seconds to wait for them at most.
        say: Callable. Is called with each line that a user would want to know.
        gpus: int. Number of GPUs of each worker.
        cpus: int. Number of virtual CPU devices of each worker; counts where there are no GPUs.

    Raises:
        WorkersLateError: if they are not there in time.
        UserError: as `meet`.
        WorkerLostError: if one is lost while TensorFlow joins them.
        WorkFailedError: if TensorFlow cannot join them.
    """
    meet(cluster, timeout, say)
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader="/job:worker/replica:0/task:0",
        heartbeat_timeout_in_ms=_HEARTBEAT * 1000,
        cluster_register_timeout_in_ms=_JOINING * 1000,
        coordinated_jobs=[
            coordination_config_pb2.CoordinatedJob(name="worker", num_tasks=cluster.count)
        ],
    )
    with _at_most(_JOINING), _hushed():
        try:
            strategy = _strategy(cluster, gpus=gpus, cpus=cpus)
        except tf.errors.DeadlineExceededError as error:
            raise WorkerLostError(_LOST) from error
        except (tf.errors.OpError, RuntimeError) as error:
            raise WorkFailedError(f"TensorFlow could not join the workers: {error}") from error
    # TensorFlow takes SIGTERM for itself, and then it ends nothing.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return strategy


@contextlib.contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    # A chief waits without end for a worker that dies now, and Python has no say meanwhile: what
    # ends it is a thread of `faulthandler`, of whose many lines another process makes one.
    words = ["sh", "-c", 'read -r _ && echo "failed: $0"', _LOST]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=sys.__stderr__) as shell:
        assert shell.stdin is not None
        faulthandler.dump_traceback_later(seconds, exit=True, file=shell.stdin)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            shell.stdin.close()


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    # TensorFlow tells that its servers have started, and heeds TF_CPP_MIN_LOG_LEVEL no more there.
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL", "0") < "2":
        yield
        return
    before, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nowhere)


def _strategy(
    cluster: Cluster, *, gpus: int, cpus: int
) -> tf.distribute.MultiWorkerMirroredStrategy:
    resolver = cluster.resolver(gpus)
    if gpus or cpus == 1:
        return tf.distribute.MultiWorkerMirroredStrategy(resolver)
    return _OnVirtualCpus(resolver, cpus)


class _Extended(collective_all_reduce_strategy.CollectiveAllReduceExtended):
    """TensorFlow's, which takes one CPU device of each worker, whatever there are."""

    def __init__(self, strategy, resolver, cpus: int):
        self._cpus = cpus
        super().__init__(strategy, resolver, tf.distribute.experimental.CommunicationOptions())

    def _initialize_local_devices(self, cluster_resolver, worker_device):
        return tuple(f"{worker_device}/device:CPU:{i}" for i in range(self._cpus)), "CPU"


class _OnVirtualCpus(tf.distribute.MultiWorkerMirroredStrategy):
    """A strategy over several virtual CPU devices of each worker, to try what GPUs would do."""

    def __init__(self, resolver, cpus: int):
        tf.distribute.Strategy.__init__(self, _Extended(self, resolver, cpus))
