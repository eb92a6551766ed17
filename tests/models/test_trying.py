"""Layers of a user's that do not do what they have to are told in a line when they are built."""

import re
import sys

import keras
import pytest
import tensorflow as tf
from keras import ops

from mss_keras.config import AudioConfig, ModelConfig, UserError
from mss_keras.models.model import SeparationModel
from mss_keras.models.network import traits_of

AUDIO = AudioConfig(nfft=512, nhop=128)
HERE = re.escape(__file__)


class Faulty(keras.layers.Layer):
    """Estimates that need weights, with a fault."""

    domain = "waveform"

    def __init__(self, nb_sources, nb_channels, nb_bins=None, fault="none", **kwargs):
        super().__init__(**kwargs)
        if fault == "constructor":
            raise RuntimeError("no luck\nat all")
        self.nb_sources, self.fault = nb_sources, fault
        self.dense = keras.layers.Dense(nb_bins or nb_channels)
        self.kept = [({"a": keras.layers.Dense(nb_channels)}, keras.layers.Dense(nb_channels))]
        self.hidden = tf.Variable(1.0)
        self.function = keras.layers.Dense(nb_channels).__call__

    def set_statistics(self, mean):
        """With an argument too few."""

    def call(self, mixture, training=False):
        x = self.dense(self.kept[0][0]["a"](self.kept[0][1](mixture)))
        estimates = ops.stack([x] * self.nb_sources, axis=1)
        batch, samples, channels = estimates.shape[0], estimates.shape[2], estimates.shape[-1]
        return {
            "none": lambda: estimates,
            "raises": self.raises,
            "nested": lambda: Raises()(estimates),
            "training": lambda: self.raises() if training else estimates,
            "samples": lambda: ops.reshape(estimates, [-1, self.nb_sources, samples, channels]),
            "batch": lambda: estimates + ops.zeros([batch, *[1] * (len(estimates.shape) - 1)]),
            "numpy": lambda: estimates + estimates.numpy(),
            "integers": lambda: ops.cast(estimates, "int32"),
            "complex": lambda: tf.cast(estimates, tf.complex64),
            "stride": lambda: estimates[:, :, : ops.shape(estimates)[2] // 3 * 3],
            "variable": lambda: estimates * self.hidden,
            "layer": lambda: self.function(estimates),
            "half": lambda: ops.cast(estimates, "float16"),
        }[self.fault]()

    def raises(self):
        raise ValueError("no luck\nat all")


class Raises(keras.layers.Layer):
    def call(self, x):
        raise AssertionError


class FaultyMasks(Faulty):
    domain = "magnitude"


class FaultySpecification(Faulty):
    @classmethod
    def from_specification(cls, *args, **kwargs):
        raise RuntimeError("no luck")


def build(fault, kind="Faulty"):
    config = ModelConfig(f"{__name__}:{kind}", network_args={"fault": fault})
    model = SeparationModel(("vocals", "drums"), AUDIO, config)
    model.build()
    return model


@pytest.mark.parametrize("kind", ["Faulty", "FaultyMasks"])
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("constructor", rf"KIND that raises RuntimeError: no luck \({HERE}, line \d+\), wanted a "),
        ("raises", rf"KIND that raises ValueError: no luck \({HERE}, line \d+\), wanted "),
        ("nested", rf"KIND that raises AssertionError \({HERE}, line \d+\), wanted "),
        ("training", r"KIND that raises ValueError: no luck \(.*by `ops.shape` where a size is n"),
        ("batch", r"KIND that raises \w+Error: .*by `ops.shape` where a size is not known yet"),
        ("numpy", r"KIND that raises AttributeError: .*by `ops.shape` where a size is not known"),
        ("integers", "KIND that gives int32, wanted floating point numbers"),
        ("complex", "KIND that gives complex64, wanted floating point numbers"),
        ("variable", "KIND with the weights Variable:0, which Keras does not know, wanted Keras"),
    ],
)
def test_faults_are_told_when_it_is_built(fault, message, kind):
    with pytest.raises(UserError, match=f"^network: found {message.replace('KIND', kind)}") as told:
        build(fault, kind)
    assert len(str(told.value).splitlines()) == 1
    assert "\x1b" not in str(told.value)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("samples", r"Faulty that raises .*by `ops.shape` where a size is not known yet"),
        ("stride", r"Faulty that gives \[2, 2, 513, 2\], wanted estimates \[2, 2, 514, 2\] of 514"),
        ("layer", "Faulty with the weights .*kernel.*, which Keras does not know"),
    ],
)
def test_faults_of_waveforms_are_told_when_it_is_built(fault, message):
    with pytest.raises(UserError, match=f"^network: found {message}"):
        build(fault)


@pytest.mark.parametrize("fault", ["none", "half"])
def test_layers_without_a_fault_are_taken(fault):
    model = build(fault)
    assert len(model.trainable_variables) == 6  # lists, tuples and dicts are Keras's
    assert model(tf.ones([1, 700, 2]))["estimates"].dtype == tf.float32


@pytest.mark.parametrize("kind", ["Faulty", "FaultyMasks"])
def test_statistics_that_it_does_not_take_are_told(kind):
    message = "network: found .* that raises TypeError: .*, wanted `set_statistics` that takes mean"
    with pytest.raises(UserError, match=message):
        build("none", kind).network.set_statistics([0.0], [1.0])


def test_what_a_specification_raises_is_told():
    with pytest.raises(UserError, match="FaultySpecification that raises RuntimeError: no luck"):
        build("none", "FaultySpecification")


def test_layers_are_tried_on_several_devices():
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        assert build("none").trainable_variables
        with pytest.raises(UserError, match="which Keras does not know"):
            build("variable")


def test_a_module_that_ends_python_is_told(tmp_path, monkeypatch):
    (tmp_path / "ends.py").write_text("import sys\nsys.exit('usage: ends')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"network: found ends:A \(SystemExit: usage: ends\), want"):
        traits_of("ends:A")
    sys.modules.pop("ends", None)
