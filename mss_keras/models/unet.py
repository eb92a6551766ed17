"""The bodies of Spleeter's networks, each for one source: a U-Net, and three LSTM layers.

Axes: `[batch, frames, bins, channels]`, as convolutions want them.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import tensorflow as tf
from keras import layers
from keras.src.saving.serialization_lib import ObjectSharingScope

from mss_keras.models.recurrent import recurrent, takes

# A U-Net halves frames and bins six times.
GRID = 64

ACTIVATIONS: dict[str, Any] = {
    "leaky_relu": partial(keras.activations.leaky_relu, negative_slope=0.2),
    "relu": keras.activations.relu,
    "elu": keras.activations.elu,
}

_NORM = {"epsilon": 1e-3, "momentum": 0.99}
_DROPOUT = 0.5  # behind each of the first three layers of the way up


class UNet(layers.Layer):
    """Spleeter's U-Net of one source: magnitudes to logits of its mask.

    Six convolutions of stride 2 halve frames and bins, six transposed ones double them, and each of
    those but the first gets what the way down had at its size, ahead of batch normalisation and
    activation. Zeros fill frames and bins up to a multiple of 64.

    Args:
        filters: sequence of int. Filters of the six convolutions.
        down: str. Activation of the way down, a key of `ACTIVATIONS`.
        up: str. Activation of the way up, a key of `ACTIVATIONS`.
        nb_channels: int. Audio channels.
        synchronized: bool. Whether batch statistics are taken over all replicas. Defaults to
            `False`.
        **kwargs: as `keras.layers.Layer`.

    Reference:
        Jansson et al., "Singing voice separation with deep U-Net convolutional networks",
        ISMIR 2017; Hennequin, Khlif, Voituret, Moussallam, "Spleeter: a fast and efficient music
        source separation tool with pre-trained models", JOSS 5(50), 2020.
    """

    def __init__(
        self,
        filters: Sequence[int],
        *,
        down: str,
        up: str,
        nb_channels: int,
        synchronized: bool = False,
        **kwargs,
    ):
        super().__init__(**{"autocast": False, **kwargs})
        policy = self.dtype_policy
        self.filters, self.nb_channels = tuple(filters), nb_channels
        self._down, self._up = ACTIVATIONS[down], ACTIVATIONS[up]
        common = {"padding": "same", "kernel_initializer": "he_uniform"}
        strided = {**common, "kernel_size": 5, "strides": 2}
        norm = {**_NORM, "synchronized": synchronized, "dtype": policy}
        # Magnitudes overflow half precision.
        policies = ["float32"] + [policy] * 5
        self.downs = [
            layers.Conv2D(n, dtype=x, **strided)
            for n, x in zip(self.filters, policies, strict=True)
        ]
        self.down_norms = [layers.BatchNormalization(**norm) for _ in self.filters[:-1]]
        self.up_filters = (*self.filters[-2::-1], 1)
        self.ups = [layers.Conv2DTranspose(n, dtype=policy, **strided) for n in self.up_filters]
        self.up_norms = [layers.BatchNormalization(**norm) for _ in self.up_filters]
        self.dropouts = [layers.Dropout(_DROPOUT, dtype=policy) for _ in range(3)]
        self.last = layers.Conv2D(nb_channels, 4, dilation_rate=2, dtype=policy, **common)

    def build(self, input_shape):
        """Builds every layer; the numbers of frames and bins do not matter."""
        channels = self.nb_channels
        for conv, filters in zip(self.downs, self.filters, strict=True):
            conv.build((None, None, None, channels))
            channels = filters
        for norm, filters in zip(self.down_norms, self.filters[:-1], strict=True):
            norm.build((None, None, None, filters))
        for conv, norm, filters in zip(self.ups, self.up_norms, self.up_filters, strict=True):
            conv.build((None, None, None, channels))
            norm.build((None, None, None, filters))
            channels = 2 * filters
        for dropout in self.dropouts:
            dropout.build((None, None, None, None))
        self.last.build((None, None, None, 1))

    def call(self, magnitude: tf.Tensor, training: bool = False) -> tf.Tensor:
        """`[batch, frames, bins, channels]` → logits of the same shape, float32."""
        frames, bins = tf.shape(magnitude)[1], tf.shape(magnitude)[2]
        x = tf.pad(magnitude, [[0, 0], [0, -frames % GRID], [0, -bins % GRID], [0, 0]])
        beside = []
        for conv, norm in zip(self.downs, [*self.down_norms, None], strict=True):
            x = tf.cast(conv(x), self.compute_dtype)
            if norm is not None:  # nothing reads the deepest layer but the way up
                beside.append(x)
                x = self._down(norm(x, training=training))
        for depth, (conv, norm) in enumerate(zip(self.ups, self.up_norms, strict=True)):
            x = x if depth == 0 else tf.concat([beside.pop(), x], axis=-1)
            x = norm(self._up(conv(x)), training=training)
            if depth < len(self.dropouts):
                x = self.dropouts[depth](x, training=training)
        return tf.cast(self.last(x), tf.float32)[:, :frames, :bins]


class BLSTM(layers.Layer):
    """Spleeter's other body: three bidirectional LSTM layers, magnitudes to magnitudes.

    Args:
        units: int. Units of a direction.
        nb_channels: int. Audio channels.
        nb_bins: int. Bins that are read and estimated.
        **kwargs: as `keras.layers.Layer`.

    Reference:
        Uhlich et al., "Improving music source separation based on deep neural networks through
        data augmentation and network blending", ICASSP 2017.
    """

    def __init__(self, units: int, *, nb_channels: int, nb_bins: int, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})
        self.units, self.features = units, nb_channels * nb_bins
        self.lstms = [self._lstm() for _ in range(3)]
        self.last = layers.Dense(
            self.features, "relu", kernel_initializer="he_uniform", dtype=self.dtype_policy
        )

    def _lstm(self) -> layers.Layer:
        half = layers.LSTM(
            self.units,
            return_sequences=True,
            kernel_initializer="he_uniform",
            dtype=self.dtype_policy,
        )
        with ObjectSharingScope():  # as in OpenUnmix
            return layers.Bidirectional(half, dtype=self.dtype_policy)

    def build(self, input_shape):
        """Builds every layer."""
        features = self.features
        for lstm in self.lstms:
            lstm.build((None, None, features))
            features = 2 * self.units
        self.last.build((None, None, features))

    def call(self, magnitude: tf.Tensor, training: bool = False) -> tf.Tensor:
        """`[batch, frames, bins, channels]` → magnitudes of the same shape, float32."""
        shape = tf.shape(magnitude)
        x = tf.cast(magnitude, self.compute_dtype)
        x = tf.reshape(x, [shape[0], shape[1], self.features])
        if takes(self.lstms[0]):
            x = recurrent(x, self.lstms, [tf.identity] * 2)
        else:
            for lstm in self.lstms:
                x = lstm(x, training=training)
        return tf.reshape(tf.cast(self.last(x), tf.float32), shape)
