"""The devices of a run, and everything that a GPU does otherwise than a CPU."""

import os
import platform
import re
import resource
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata

import tensorflow as tf

from mss_keras.config import MachinesConfig, TrainingConfig, UserError, require
from mss_keras.data import Share
from mss_keras.jobs.machine import cores
from mss_keras.training.machines import Cluster, Workers, joined

# Memory that virtual devices of one GPU share, MiB: of any GPU that trains this network.
_LOGICAL_GPU_MIB = 6000
_MIRRORED = (tf.distribute.MirroredStrategy, tf.distribute.MultiWorkerMirroredStrategy)
_VIRTUAL = re.compile(r"(cpu|gpu):([1-9]\d?)")
_PACKAGES = ("mss_keras", "tensorflow", "keras", "tensorflow-io", "numpy")


@dataclass(frozen=True)
class Devices:
    """The devices that train together.

    Args:
        strategy: tf.distribute.Strategy. The strategy over them.
        name: str. What they are, in words.
        gpus: int. Number of GPUs among them. Defaults to `0`.
        workers: Workers. The machines that train together, where there are several. Defaults to
            this one alone.
    """

    strategy: tf.distribute.Strategy
    name: str
    gpus: int = 0
    workers: Workers = field(default_factory=Workers)

    @property
    def replicas(self) -> int:
        """Number of parts into which a batch is divided."""
        return self.strategy.num_replicas_in_sync

    @property
    def own(self) -> str:
        """Number and kind of the devices of this machine."""
        kind = "GPU" if self.gpus else "CPU"
        return f"{self.replicas // self.workers.count} × {kind}"

    @property
    def share(self) -> Share:
        """The part of each batch that is read here."""
        workers = self.workers
        if workers.count == 1:
            return Share()
        return Share(workers.cluster.index, workers.count, self.replicas // workers.count)

    def check(self, training: TrainingConfig, batch_size: int) -> None:
        """Refuses what these devices cannot do.

        Raises:
            UserError: if a batch cannot be divided, or XLA is wanted where it would not be used.
        """
        wanted = f"a multiple of {self.replicas} devices"
        require(batch_size % self.replicas == 0, "batch_size", found=batch_size, wanted=wanted)
        if training.jit_compile and self.gpus:
            raise UserError(
                "jit_compile",
                f"it on {self.name}, where cuDNN runs the LSTM layers, which XLA cannot compile",
                "no `jit_compile`, or `devices` cpu",
            )
        if training.jit_compile and self.workers.count > 1:
            raise UserError("jit_compile", "it on several machines", "one machine")

    def prefetched(self, examples: tf.data.Dataset) -> tf.data.Dataset:
        """Examples that are copied to the device before a step asks for them.

        Mirrored strategies do so by themselves, and a CPU has its memory in common with
        the pipeline. On several machines the examples are this machine's `share`, and come again
        when they end: else the machines would ask each other at every step whether one has ended.

        Args:
            examples: tf.data.Dataset. Batches.
        """
        if self.workers.count > 1:
            endless = examples.repeat().apply(
                tf.data.experimental.assert_cardinality(tf.data.experimental.INFINITE_CARDINALITY)
            )
            return self.strategy.distribute_datasets_from_function(lambda context: endless)
        if self.gpus != 1 or isinstance(self.strategy, _MIRRORED):
            return examples
        return examples.apply(tf.data.experimental.prefetch_to_device("/GPU:0", 2))

    def peak_bytes(self) -> int:
        """Largest memory that was ever in use: of the GPU that used most, else of this process."""
        if self.gpus:
            names = [device.name for device in tf.config.list_logical_devices("GPU")]
            infos = [
                tf.config.experimental.get_memory_info(name.removeprefix("/device:"))
                for name in names
            ]
            return max(info["peak"] for info in infos)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def choose(devices: str) -> Devices:
    """Sets up the devices and the strategy over them.

    Args:
        devices: str. `auto` (all GPUs, else the CPU), `cpu`, or `cpu:N` for N virtual CPU devices,
            which show on any machine what several GPUs would do; `gpu:N` for N virtual devices on
            the first GPU, which show the same there.

    Raises:
        UserError: for another name, or where TensorFlow already runs on other devices.
    """
    virtual = _VIRTUAL.fullmatch(devices)
    wanted = devices in ("auto", "cpu") or virtual is not None
    require(wanted, "devices", found=devices, wanted="auto, cpu, cpu:N or gpu:N")
    try:
        on_gpu = devices == "auto" or devices.startswith("gpu")
        gpus = tf.config.list_physical_devices("GPU") if on_gpu else []
        if not on_gpu:
            tf.config.set_visible_devices([], "GPU")
        if virtual:
            return _virtual(virtual[1].upper(), int(virtual[2]))
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
    except (RuntimeError, ValueError) as error:  # TensorFlow runs, or runs on other devices
        if isinstance(error, UserError):
            raise
        raise UserError(
            "devices",
            f"{devices!r} too late in this process ({error})",
            "it before TensorFlow runs",
        ) from None
    if len(gpus) > 1:
        return Devices(tf.distribute.MirroredStrategy(), f"{len(gpus)} GPUs, mirrored", len(gpus))
    if gpus:
        return Devices(tf.distribute.get_strategy(), f"one GPU ({_name(gpus[0])})", 1)
    return Devices(tf.distribute.get_strategy(), f"the CPU, {cores()} cores")


def together(devices: str, machines: MachinesConfig, say: Callable[[str], None]) -> Devices:
    """Sets up the devices of this machine, and the strategy over all machines.

    Waits for the other machines, which do the same.

    Args:
        devices: str. As in `choose`, but for `gpu:N`. All machines have to have as many.
        machines: MachinesConfig. How they find each other.
        say: Callable. Is called with each line that a user would want to know.

    Raises:
        UserError: for another name, or a cluster that makes no sense.
        WorkersLateError: if machines are missing.
    """
    virtual = _VIRTUAL.fullmatch(devices)
    wanted = devices in ("auto", "cpu") or (virtual is not None and virtual[1] == "cpu")
    require(wanted, "devices", found=devices, wanted="auto, cpu or cpu:N on several machines")
    cluster = Cluster.of(machines.cluster)
    cpus = int(virtual[2]) if virtual else 1
    gpus = tf.config.list_physical_devices("GPU") if devices == "auto" else []
    if devices != "auto":
        tf.config.set_visible_devices([], "GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    parts = [tf.config.LogicalDeviceConfiguration() for _ in range(cpus)]
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], parts)
    strategy = joined(cluster, machines.startup_timeout, say, gpus=len(gpus), cpus=cpus)
    each = f"{len(gpus)} GPUs" if gpus else f"{cpus} virtual CPUs" if virtual else "the CPU"
    name = f"{cluster.count} machines, {each} of each"
    return Devices(strategy, name, len(gpus), Workers(cluster))


def gpu_names(devices: str = "auto") -> list[str]:
    """The GPUs that a run would use, as CUDA_VISIBLE_DEVICES names them.

    A process that has one of the names in that variable sees that GPU alone.

    Args:
        devices: str. As in `choose`. Defaults to `auto`.

    Returns:
        Numbers, or the names that the variable has in this process; none if the run uses CPUs.
    """
    if devices.startswith("cpu"):
        return []
    count = len(tf.config.list_physical_devices("GPU"))
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = given.split(",") if given is not None else map(str, range(count))
    # CUDA ignores a name that it does not know, -1 for example, and all names after it.
    return [name.strip() for name in names][:count]


def _virtual(kind: str, count: int) -> Devices:
    found = tf.config.list_physical_devices(kind)
    if not found:
        raise UserError("devices", f"no {kind} on this machine", "auto, cpu or cpu:N")
    on_gpu = kind == "GPU"
    # Logical devices of a GPU want a limit; the rest of its memory is CUDA's own.
    limit = _LOGICAL_GPU_MIB // count if on_gpu else None
    parts = [tf.config.LogicalDeviceConfiguration(memory_limit=limit) for _ in range(count)]
    tf.config.set_visible_devices(found[:1], kind)
    tf.config.set_logical_device_configuration(found[0], parts)
    # NCCL speaks between GPUs, not within one.
    copies = tf.distribute.HierarchicalCopyAllReduce() if on_gpu else None
    strategy = tf.distribute.MirroredStrategy([f"{kind}:{i}" for i in range(count)], copies)
    where = f"one GPU ({_name(found[0])})" if on_gpu else f"{cores()} cores"
    return Devices(strategy, f"{count} virtual {kind}s on {where}", count if on_gpu else 0)


def _name(gpu: tf.config.PhysicalDevice) -> str:
    return tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")


def facts(training: TrainingConfig) -> dict[str, str]:
    """What is in force on this machine for a run: versions, devices, and what they are used for.

    Args:
        training: TrainingConfig. Devices and precision that are asked for.

    Raises:
        UserError: as `choose`.
    """
    devices = choose(training.devices)
    build = tf.sysconfig.get_build_info()
    cuda = build.get("cuda_version")
    found = {name: metadata.version(name) for name in _PACKAGES}
    found |= {
        "python": platform.python_version(),
        "CUDA, cuDNN": f"built for {cuda}, {build.get('cudnn_version')}" if cuda else "none",
        "devices": devices.name,
        "replicas": str(devices.replicas),
    }
    for gpu in tf.config.get_visible_devices("GPU") if devices.gpus else []:
        details = tf.config.experimental.get_device_details(gpu)
        major, minor = details.get("compute_capability", (0, 0))
        found[gpu.name] = f"{_name(gpu)}, compute capability {major}.{minor}"
    return found | uses(devices, training)


def uses(devices: Devices, training: TrainingConfig) -> dict[str, str]:
    """What is in force on devices for a run; arguments as in `facts`."""
    on_gpu = devices.gpus > 0
    tf32 = tf.config.experimental.tensor_float_32_execution_enabled()
    on_cpu = "Keras's loop" if training.jit_compile else "one operation a direction"
    xla = "refused: cuDNN runs the LSTM layers" if on_gpu else "on"
    return {
        "LSTM layers": "cuDNN" if on_gpu else on_cpu,
        "XLA": xla if training.jit_compile else "off",
        "TF32": ("on" if tf32 else "off") if on_gpu else "does not exist on CPUs",
        "GPU memory": _memory(devices, training) if on_gpu else "none",
        "precision": f"mixed {training.mixed_precision}" if training.mixed_precision else "float32",
        "batches": "copied to the GPUs before they are needed" if on_gpu else "stay where they are",
    }


def _memory(devices: Devices, training: TrainingConfig) -> str:
    if training.devices.startswith("gpu"):
        return f"{_LOGICAL_GPU_MIB // devices.gpus} MiB for each virtual device"
    return "grows as it is needed"
