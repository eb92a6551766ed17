"""Devices of a run; GPUs are made up, for none is needed to say what would be done with them."""

import dataclasses

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
