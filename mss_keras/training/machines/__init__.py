"""Several machines that train one run together; see README.md."""

from mss_keras.training.machines.agreeing import agreed, agreed_unpaired
from mss_keras.training.machines.cluster import Cluster
from mss_keras.training.machines.losing import WorkerLostError
from mss_keras.training.machines.meeting import WorkersLateError
from mss_keras.training.machines.steps import on_machines
from mss_keras.training.machines.strategy import joined
from mss_keras.training.machines.workers import Workers

__all__ = [
    "Cluster",
    "WorkerLostError",
    "Workers",
    "WorkersLateError",
    "agreed",
    "agreed_unpaired",
    "joined",
    "on_machines",
]
