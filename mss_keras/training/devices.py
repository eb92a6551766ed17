"""Which devices a run uses."""

import re

import tensorflow as tf

from mss_keras.config import UserError, require
from mss_keras.jobs.machine import cores


def choose(devices: str) -> tuple[tf.distribute.Strategy, str]:
    """Sets up the devices and the strategy over them.

    Args:
        devices: str. `auto` (all GPUs, else the CPU), `cpu`, or `cpu:N` for N virtual CPU devices,
            which show on any machine what several GPUs would do.

    Returns:
        The strategy, and a text that says which devices are used.

    Raises:
        UserError: for another name, or where TensorFlow already runs on other devices.
    """
    virtual = re.fullmatch(r"cpu:([1-9]\d?)", devices)
    wanted = devices in ("auto", "cpu") or virtual is not None
    require(wanted, "devices", found=devices, wanted="auto, cpu or cpu:N")
    found = cores()
    try:
        gpus = tf.config.list_physical_devices("GPU") if devices == "auto" else []
        if devices != "auto":
            tf.config.set_visible_devices([], "GPU")
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
        if virtual:
            count = int(virtual[1])
            cpu = tf.config.list_physical_devices("CPU")[0]
            parts = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
            tf.config.set_logical_device_configuration(cpu, parts)
            names = [f"CPU:{i}" for i in range(count)]
            return tf.distribute.MirroredStrategy(names), f"{count} virtual CPUs on {found} cores"
    except RuntimeError as error:
        raise UserError(
            "devices",
            f"{devices!r} too late in this process ({error})",
            "it before TensorFlow runs",
        ) from None
    if len(gpus) > 1:
        return tf.distribute.MirroredStrategy(), f"{len(gpus)} GPUs, mirrored"
    if gpus:
        name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
        return tf.distribute.get_strategy(), f"one GPU ({name})"
    return tf.distribute.get_strategy(), f"the CPU, {found} cores"
