"""TensorFlow's strategy over several machines."""

import faulthandler
import signal
from collections.abc import Callable

import tensorflow as tf
from tensorflow.python.distribute import collective_all_reduce_strategy
from tensorflow.python.eager import context
from tensorflow.tsl.protobuf import coordination_config_pb2

from mss_keras.config import WorkFailedError
from mss_keras.training.machines.cluster import Cluster
from mss_keras.training.machines.meeting import meet

_HEARTBEAT = 20  # s of silence after which a worker counts as lost


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
        WorkFailedError: if TensorFlow cannot join them.
    """
    meet(cluster, timeout, say)
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader="/job:worker/replica:0/task:0",
        heartbeat_timeout_in_ms=_HEARTBEAT * 1000,
        coordinated_jobs=[
            coordination_config_pb2.CoordinatedJob(name="worker", num_tasks=cluster.count)
        ],
    )
    # A worker that dies now is waited for without end, and Python has no say meanwhile.
    faulthandler.dump_traceback_later(timeout, exit=True)
    try:
        strategy = _strategy(cluster, gpus=gpus, cpus=cpus)
    except (tf.errors.OpError, RuntimeError) as error:
        raise WorkFailedError(f"TensorFlow could not join the workers: {error}") from error
    finally:
        faulthandler.cancel_dump_traceback_later()
    # TensorFlow takes SIGTERM for itself, and then it ends nothing.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return strategy


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
