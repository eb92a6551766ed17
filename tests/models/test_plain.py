"""Any Keras layer from magnitudes to masks is a network."""

import dataclasses
import re
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from mss_keras.config import AudioConfig, ModelConfig, SeparationConfig, UserError
from mss_keras.models.masking import MaskingModel
from mss_keras.models.openunmix import OpenUnmix

AUDIO = AudioConfig(nfft=512, nhop=128)
SOURCES = ("vocals", "drums", "rest")
README = Path(__file__).parents[2] / "mss_keras/models/README.md"


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """The name of the class that the README shows, in a module of its own."""
    (code,) = re.findall(r'```python\n("""my_networks.py""".*?)```', README.read_text(), re.DOTALL)
    (tmp_path / "my_networks.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    yield "my_networks:Shares"
    sys.modules.pop("my_networks", None)


class Negative(keras.layers.Layer):
    """Takes `training` and statistics, and gives values of any sign."""

    def __init__(self, nb_sources, nb_channels, nb_bins, **kwargs):
        super().__init__(**kwargs)
        self.nb_sources = nb_sources
        self.statistics = self.trained = None

    def set_statistics(self, mean, std):
        self.statistics = (mean, std)

    def call(self, magnitude, training=False):
        self.trained = training
        signs = tf.constant([(-1.0) ** k for k in range(self.nb_sources)])
        return signs[:, None, None, None] * magnitude[:, None]


class Flat(keras.layers.Layer):
    def __init__(self, nb_sources, nb_channels, nb_bins, **kwargs):
        super().__init__(**kwargs)

    def call(self, magnitude):
        return magnitude


def broken(*args, **kwargs):
    """No class."""


def model_of(network, **settings):
    keras.utils.set_random_seed(1)
    model = MaskingModel(SOURCES, AUDIO, ModelConfig(network=network, **settings))
    model.build()
    return model


def test_it_separates_songs_in_chunks(mine, excerpt):
    model = model_of(mine, network_args={"width": 8})
    mixture = excerpt["mixture"][:150000]
    short = SeparationConfig(chunk_dur=0.1, context_dur=1.0, wiener_win_len=20)
    assert model.streaming(short).round * 3 < len(mixture)
    whole = model.predict(mixture[np.newaxis], verbose=0)[0]
    stems = model.separate(mixture, short)
    for stem, expected in zip(stems.values(), whole, strict=True):
        assert np.abs(stem - expected).max() < 1e-4 * np.abs(expected).max()
    some = model.separate(mixture, dataclasses.replace(short, targets=("rest", "drums")))
    assert list(some) == ["rest", "drums"]
    for name, stem in some.items():
        np.testing.assert_allclose(stem, stems[name], atol=1e-6)


def test_it_is_saved_and_loaded(mine, tmp_path, excerpt):
    model = model_of(mine, network_args={"width": 8}, mask_activation="softmax")
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    mixture = excerpt["mixture"][np.newaxis, :5000]
    np.testing.assert_allclose(again(mixture)["mask"], model(mixture)["mask"], atol=1e-6)
    sys.modules.pop("my_networks")
    (tmp_path / "my_networks.py").unlink()
    with pytest.raises(Exception, match=r"network: found my_networks:Shares \(ModuleNotFoundErr"):
        keras.saving.load_model(tmp_path / "model.keras")


@pytest.mark.parametrize("activation", ["relu", "softmax", "sigmoid"])
def test_an_activation_makes_masks_of_what_it_gives(activation):
    model = model_of(f"{__name__}:Negative", mask_activation=activation)
    magnitude = tf.random.stateless_uniform([1, 9, 2, 257], [1, 2])
    values = model.network.layer(magnitude)
    functions = {
        "relu": lambda x: np.maximum(x, 0),
        "softmax": lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True),
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    }
    masks = functions[activation](values.numpy())
    np.testing.assert_allclose(model.network(magnitude), masks, atol=1e-6)
    logits = model.network(magnitude, logits=True)
    np.testing.assert_allclose(logits, values, atol=1e-6)
    np.testing.assert_allclose(model.network.finished(logits), masks, atol=1e-6)


def test_it_gets_training_and_statistics_if_it_takes_them(mine):
    network = model_of(f"{__name__}:Negative").network
    network(tf.zeros([1, 9, 2, 257]), training=True)
    assert network.layer.trained
    network.set_statistics(np.zeros(257), np.ones(257))
    assert network.layer.statistics[1].sum() == 257
    other = model_of(mine).network
    other(tf.zeros([1, 9, 2, 257]), training=True)
    other.set_statistics(np.zeros(257), np.ones(257))


def test_our_own_go_through_the_same_door():
    model = model_of("mss_keras.models.openunmix:OpenUnmix", hidden_size=8)
    assert type(model.network) is OpenUnmix


@pytest.mark.parametrize(
    ("network", "arguments", "message"),
    [
        ("splitter", {}, r"network: found 'splitter' \(did you mean spleeter\?\), wanted one of j"),
        ("no.such:Class", {}, r"network: found no.such:Class \(ModuleNotFoundError: No module"),
        ("keras.layers:Nothing", {}, r"network: found keras.layers:Nothing \(AttributeError: "),
        ("pathlib:Path", {}, "network: found 'pathlib:Path', wanted a class of Keras layers"),
        (f"{__name__}:broken", {}, "network: found '.*:broken', wanted a class of Keras layers"),
        (f"{__name__}:Flat", {}, r"network: found Flat that gives \[1, 8, 2, 257\], wanted masks"),
        (f"{__name__}:Flat", {"a": 1}, "network_args: found Flat: .*'a'"),
        (f"{__name__}:Flat", {"nb_bins": 1}, "network_args.nb_bins: found 1, wanted none"),
        ("joint", {"width": 8}, "network_args: found {'width': 8}, wanted none with OpenUnmix"),
    ],
)
def test_wrong_classes_are_told(network, arguments, message):
    with pytest.raises(UserError, match=f"^{message}"):
        model_of(network, network_args=arguments)
