"""The table of networks, and that a network of a different kind is one class and one line."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mss_keras import config
from mss_keras.config import AudioConfig, SeparationConfig
from mss_keras.models.masking import MaskingModel
from mss_keras.models.network import NETWORKS

AUDIO = AudioConfig(nfft=512, nhop=128)
SOURCES = ("vocals", "drums", "rest")


def test_the_table_has_the_names_of_the_configuration():
    assert tuple(NETWORKS) == config.NETWORKS


@keras.saving.register_keras_serializable("tests")
class Convolutional(keras.layers.Layer):
    """Masks that share each bin out among the sources; without LSTM layers."""

    def __init__(self, nb_sources, channels, bins, **kwargs):
        super().__init__(**kwargs)
        self.nb_sources, self.shape = nb_sources, (channels, bins)
        self.hidden_size = nb_sources * channels * bins
        # A frame hears 5 frames to each side.
        self.hear = keras.layers.Conv1D(self.hidden_size, 11, padding="same")

    @classmethod
    def from_specification(cls, nb_sources, audio, model, *, synchronized=False, policy="float32"):
        return cls(nb_sources, audio.nb_channels, audio.bins, dtype=policy)

    mask_activation = "relu"

    def trunks(self, chosen):
        return 1

    def build(self, input_shape):
        self.hear.build((None, None, self.shape[0] * self.shape[1]))

    def set_statistics(self, mean, std):
        pass

    def call(self, magnitude, training=False):
        return self.masker(training)(self.trunk(magnitude, training))

    def trunk(self, magnitude, training=False, *, chosen=None, keep=None):
        batch, frames = tf.shape(magnitude)[0], tf.shape(magnitude)[1]
        x = self.hear(tf.reshape(magnitude, [batch, frames, self.shape[0] * self.shape[1]]))
        x = x if keep is None else tf.gather(x, keep, batch_dims=1)
        return x[:, tf.newaxis]

    def masker(self, training=False, *, chosen=None):
        def masks(hidden):
            batch, frames = tf.shape(hidden)[0], tf.shape(hidden)[2]
            x = tf.reshape(hidden, [batch, frames, self.nb_sources, *self.shape])
            x = tf.nn.softmax(tf.transpose(x, [0, 2, 1, 3, 4]), axis=1)
            return x if chosen is None else tf.gather(x, chosen, axis=1)

        return masks


@pytest.fixture
def convolutional(monkeypatch):
    monkeypatch.setitem(NETWORKS, "joint", Convolutional)
    keras.utils.set_random_seed(1)
    model = MaskingModel(SOURCES, AUDIO)
    model.build()
    return model


def test_a_new_network_separates_songs_in_chunks(convolutional, excerpt):
    mixture = excerpt["mixture"][:200000]
    short = SeparationConfig(chunk_dur=0.1, context_dur=1.0, wiener_win_len=20)
    assert convolutional.streaming(short).round * 4 < len(mixture)
    whole = convolutional.predict(mixture[np.newaxis], verbose=0)[0]
    stems = convolutional.separate(mixture, short)
    for stem, expected in zip(stems.values(), whole, strict=True):
        assert np.abs(stem - expected).max() < 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(sum(stems.values()), mixture, atol=1e-5)  # the masks sum to 1


def test_a_new_network_separates_some_of_the_sources(convolutional, excerpt):
    mixture = excerpt["mixture"][:30000]
    every = convolutional.separate(mixture)
    some = convolutional.separate(mixture, SeparationConfig(targets=("rest", "drums")))
    assert list(some) == ["rest", "drums"]
    for name, stem in some.items():
        np.testing.assert_allclose(stem, every[name], atol=1e-6)


def test_what_is_compiled_for_songs_is_no_part_of_the_model(convolutional, excerpt):
    parts = [*convolutional.variables, *convolutional._flatten_layers()]
    options = SeparationConfig(targets=("drums",))
    streaming = convolutional.streaming(options)
    convolutional.separate(excerpt["mixture"][:3000], options)
    assert convolutional.streaming(options) is streaming
    assert convolutional.streaming() is not streaming
    now = [*convolutional.variables, *convolutional._flatten_layers()]
    assert [id(part) for part in now] == [id(part) for part in parts]
