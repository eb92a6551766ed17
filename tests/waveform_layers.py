"""A network from waveforms to waveforms, for tests."""

import keras
from keras import ops


class Filter(keras.layers.Layer):
    """A filter for each source, through a stride of 4; takes `training` and statistics."""

    domain = "waveform"

    def __init__(self, nb_sources, nb_channels, stride=4, **kwargs):
        super().__init__(**kwargs)
        self.sizes = (nb_sources, nb_channels)
        self.stride = stride
        self.encode = keras.layers.Conv1D(16, 3 * stride, strides=stride, padding="same")
        self.hear = keras.layers.Conv1D(16, 25, padding="same", activation="tanh")
        self.decode = keras.layers.Conv1DTranspose(
            nb_sources * nb_channels, 3 * stride, strides=stride, padding="same"
        )
        self.statistics = self.trained = None

    def set_statistics(self, mean, std):
        self.statistics = (mean, std)

    def call(self, mixture, training=False):
        self.trained = training
        batch, samples = ops.shape(mixture)[:2]
        x = ops.pad(mixture, [[0, 0], [0, -samples % self.stride], [0, 0]])
        x = self.decode(self.hear(self.encode(x)))[:, :samples]
        return ops.moveaxis(ops.reshape(x, [batch, samples, *self.sizes]), 2, 1)
