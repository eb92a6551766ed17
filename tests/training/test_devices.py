"""Devices of a run; GPUs are made up, for none is needed to say what would be done with them."""

import dataclasses
from types import SimpleNamespace

import pytest
import tensorflow as tf

from mss_keras.config import TrainingConfig, UserError
from mss_keras.training import devices
from mss_keras.training.devices import Devices

STRATEGY = tf.distribute.get_strategy()


def test_a_batch_has_to_be_divisible():
    class Four:
        num_replicas_in_sync = 4

    four = Devices(Four(), "four")
    four.check(TrainingConfig(), 8)
    with pytest.raises(UserError, match="batch_size: found 6, wanted a multiple of 4 devices"):
        four.check(TrainingConfig(), 6)


def test_xla_is_refused_where_it_would_not_be_used():
    training = TrainingConfig(jit_compile=True)
    Devices(STRATEGY, "the CPU").check(training, 16)
    with pytest.raises(UserError, match="jit_compile: found it on one GPU, where cuDNN"):
        Devices(STRATEGY, "one GPU", 1).check(training, 16)


def test_batches_are_copied_ahead_to_one_gpu_alone(monkeypatch):
    """By the CPU's name, since a GPU is not there; the examples are the same."""
    asked = []
    real = tf.data.experimental.prefetch_to_device

    def prefetch(device, count):
        asked.append(device)
        return real("/CPU:0", count)

    monkeypatch.setattr(tf.data.experimental, "prefetch_to_device", prefetch)
    examples = tf.data.Dataset.range(5)
    for gpus in (0, 1, 2):
        found = Devices(STRATEGY, "some", gpus).prefetched(examples)
        assert [int(x) for x in found] == [0, 1, 2, 3, 4]
    assert asked == ["/GPU:0"]


def test_batches_are_copied_once_to_a_mirrored_gpu(monkeypatch):
    """MirroredStrategy copies them by itself."""
    monkeypatch.setattr(tf.data.experimental, "prefetch_to_device", pytest.fail)
    mirrored = tf.distribute.MirroredStrategy(["CPU:0"])
    examples = tf.data.Dataset.range(5)
    assert Devices(mirrored, "one GPU, mirrored", 1).prefetched(examples) is examples


def test_batches_are_copied_once_to_the_gpu_of_one_machine_of_a_cluster(monkeypatch):
    monkeypatch.setattr(tf.data.experimental, "prefetch_to_device", pytest.fail)
    alone = object.__new__(tf.distribute.MultiWorkerMirroredStrategy)
    examples = tf.data.Dataset.range(5)
    assert Devices(alone, "1 machines, 1 GPUs of each", 1).prefetched(examples) is examples


def test_peak_memory_is_that_of_the_gpu_that_used_most(monkeypatch):
    gpus = [SimpleNamespace(name=f"/device:GPU:{number}") for number in range(3)]
    peaks = {"GPU:0": 5, "GPU:1": 9, "GPU:2": 7}
    monkeypatch.setattr(tf.config, "list_logical_devices", {"GPU": gpus}.get)
    monkeypatch.setattr(
        tf.config.experimental, "get_memory_info", lambda name: {"peak": peaks[name], "current": 1}
    )
    assert Devices(STRATEGY, "3 GPUs", 3).peak_bytes() == 9


def test_virtual_devices_share_the_memory_of_one_gpu(monkeypatch):
    found, strategies = [], []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"{kind}:0", f"{kind}:1"])
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda devices, kind: None)
    monkeypatch.setattr(
        tf.config, "set_logical_device_configuration", lambda device, parts: found.append(parts)
    )
    monkeypatch.setattr(
        tf.config.experimental, "get_device_details", lambda gpu: {"device_name": "made up"}
    )
    monkeypatch.setattr(
        tf.distribute, "MirroredStrategy", lambda *arguments: strategies.append(arguments)
    )
    used = devices.choose("gpu:3")
    assert [part.memory_limit for part in found[0]] == [2000, 2000, 2000]
    assert strategies[0][0] == ["GPU:0", "GPU:1", "GPU:2"]
    assert isinstance(strategies[0][1], tf.distribute.HierarchicalCopyAllReduce)
    assert (used.gpus, used.name) == (3, "3 virtual GPUs on one GPU (made up)")
    assert devices.choose("cpu:2").gpus == 0
    assert [part.memory_limit for part in found[1]] == [None, None]


def test_peak_memory_of_the_process():
    assert 2**26 < Devices(STRATEGY, "the CPU").peak_bytes() < 2**37


def test_facts_tell_what_is_in_force(monkeypatch):
    on_cpu = devices.facts(TrainingConfig(devices="auto", jit_compile=True))
    assert on_cpu["devices"].startswith("the CPU")
    assert on_cpu["tensorflow"] == tf.__version__
    assert (on_cpu["XLA"], on_cpu["replicas"]) == ("on", "1")
    assert on_cpu["TF32"] == "does not exist on CPUs"

    monkeypatch.setattr(devices, "choose", lambda name: Devices(STRATEGY, "one GPU (made up)", 1))
    on_gpu = devices.facts(TrainingConfig(jit_compile=True, mixed_precision="bfloat16"))
    assert on_gpu["LSTM layers"] == "cuDNN"
    assert on_gpu["XLA"].startswith("refused")
    assert on_gpu["TF32"] == "on"
    assert on_gpu["precision"] == "mixed bfloat16"


def test_devices_stay_as_they_are():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Devices(STRATEGY, "the CPU").gpus = 2  # type: ignore[misc]


@pytest.mark.parametrize("name", ["gpu", "cpu:0", "cpu:", "CPU", "cpu:100", "gpu:0"])
def test_other_names(name):
    with pytest.raises(UserError, match=r"devices: found .*, wanted auto, cpu, cpu:N or gpu:N"):
        devices.choose(name)


def test_no_gpu_where_one_is_asked_for():
    with pytest.raises(UserError, match=r"devices: found no GPU on this machine"):
        devices.choose("gpu:2")
