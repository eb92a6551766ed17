"""The processes that train a run together, and which of them this one is."""

import json
import os
import re
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from mss_keras.config import UserError

_TF_CONFIG = "TF_CONFIG"
# The port of the first worker on a machine of Slurm. Jobs may share a machine: each has its own.
_PORT, _PORTS, _JOBS = 8888, 16, 1000
_WANTED = (
    'JSON as {"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", "index": 0}}'
)


@dataclass(frozen=True)
class Cluster:
    """The processes that train a run together, and which of them this one is.

    Args:
        addresses: tuple of str. `HOST:PORT` of each worker; the first is the chief. Defaults to
            none, a process alone.
        index: int. Number of this worker, counted from 0. Defaults to `0`.

    Example:
        >>> cluster = Cluster(("10.0.0.1:8888", "10.0.0.2:8888"), 1)
        >>> cluster.count, cluster.is_chief, cluster.name(0)
        (2, False, 'worker 0 (10.0.0.1:8888)')
    """

    addresses: tuple[str, ...] = ()
    index: int = 0

    @property
    def count(self) -> int:
        """Number of workers."""
        return max(1, len(self.addresses))

    @property
    def is_chief(self) -> bool:
        """Whether this worker is the one that writes."""
        return self.index == 0

    def name(self, index: int) -> str:
        """A worker in words."""
        return f"worker {index} ({self.addresses[index]})"

    def resolver(self, gpus: int) -> tf.distribute.cluster_resolver.ClusterResolver:
        """The cluster as TensorFlow wants it.

        Args:
            gpus: int. Number of GPUs of each worker.
        """
        spec = tf.train.ClusterSpec({"worker": list(self.addresses)})
        return tf.distribute.cluster_resolver.SimpleClusterResolver(
            spec,
            task_type="worker",
            task_id=self.index,
            num_accelerators={"GPU": gpus},
            rpc_layer="grpc",
        )

    @classmethod
    def of(cls, kind: str) -> "Cluster":
        """The cluster that this process is started in.

        Args:
            kind: str. `tf-config` or `slurm`.

        Raises:
            UserError: if there is none, or it makes no sense.
        """
        return _from_slurm() if kind == "slurm" else _from_tf_config()


def _from_tf_config() -> Cluster:
    text = os.environ.get(_TF_CONFIG)
    if not text:
        raise UserError(_TF_CONFIG, "nothing", _WANTED)
    try:
        values: Any = json.loads(text)
        jobs, task = dict(values["cluster"]), values["task"]
        unknown = jobs.keys() - {"chief", "worker"}
        kind, index = task["type"], int(task["index"])
        chiefs, workers = list(jobs.get("chief", [])), list(jobs.get("worker", []))
        own = {"chief": chiefs, "worker": workers}[kind]
        inside = 0 <= index < len(own) and len(chiefs) < 2
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        raise UserError(_TF_CONFIG, repr(text), _WANTED) from None
    if unknown or not inside:
        raise UserError(_TF_CONFIG, repr(text), f"{_WANTED}, or one `chief` and workers")
    addresses = tuple(map(str, [*chiefs, *workers]))
    for address in addresses:
        if not re.fullmatch(r"[^\s/]+:\d{1,5}", address, re.ASCII) or not _is_port(address):
            raise UserError(_TF_CONFIG, repr(address), "HOST:PORT")
        if addresses.count(address) > 1:
            raise UserError(_TF_CONFIG, f"{address!r} twice", "different addresses")
    return Cluster(addresses, index + (len(chiefs) if kind == "worker" else 0))


def _is_port(address: str) -> bool:
    return 0 < int(address.rpartition(":")[2]) < 2**16


def _from_slurm() -> Cluster:
    place = os.environ.get("SLURMD_NODENAME"), os.environ.get("SLURM_LOCALID")
    try:
        port = _PORT + _PORTS * (int(os.environ.get("SLURM_JOB_ID", "0")) % _JOBS)
        # GPUs are Slurm's own business: each task sees those that it has been given.
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
            port_base=port, gpus_per_node=2**16, gpus_per_task=1, auto_set_gpu=False
        )
        addresses = tuple(resolver.cluster_spec().job_tasks("worker"))
        index = int(resolver.task_id)
        own = f"{place[0]}:{port + int(place[1] or 0)}"
    except (RuntimeError, ValueError, KeyError) as error:
        raise UserError("cluster", f"slurm ({error})", "it within srun") from None
    # TensorFlow sorts machines by their letters, Slurm numbers tasks by the numbers in the names:
    # of node9 and node10 each would take itself for the other.
    if None not in place:
        index = addresses.index(own) if own in addresses else index
    return Cluster(addresses, index)
