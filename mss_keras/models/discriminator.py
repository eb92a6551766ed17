"""Discriminators in the manner of DCGAN: a source's magnitudes to a score.

Axes: magnitudes `[batch, frames, channels, bins]`, of all sources `[batch, sources,
frames, channels, bins]`; inside, images `[batch, frames, bins, channels]`.
"""

import math
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf
from keras import layers

# Kernels and strides over frames and bins. There are many more bins than frames.
_CONVOLUTIONS = (((4, 8), (2, 4)), ((4, 8), (2, 4)), ((4, 8), (2, 4)), ((4, 4), (2, 2)))
_SLOPE = 0.2  # DCGAN's
_FLOOR = 1e-3  # amplitude of a sine at which compression begins, −60 dB


def compress(magnitude: tf.Tensor) -> tf.Tensor:
    """Magnitudes as a discriminator sees them: linear below −60 dB, logarithmic above.

    log(1 + a / 0.001) / log(1001) of the amplitude a of the sine that would give such a
    magnitude: a sine at full scale is 1, one at −60 dB 0.1. Without it a loud bin would be
    ten thousand times what a quiet one is, and a discriminator would see nothing else. A
    plain logarithm or a root would have no bounded gradient at silence; this has one.

    Args:
        magnitude: `[..., bins]` of an STFT with a Hann window.

    Returns:
        Of the same shape, 0 or above.
    """
    nfft = 2 * (magnitude.shape[-1] - 1)
    amplitude = magnitude * (4.0 / nfft)  # of a sine on a bin
    return tf.math.log1p(amplitude / _FLOOR) / math.log1p(1 / _FLOOR)


@keras.saving.register_keras_serializable(package="mss_keras")
class Discriminator(layers.Layer):
    """Magnitudes of one source → a score for each excerpt, of any number of frames.

    Strided convolutions with LeakyReLU, batch normalisation on all but the first, the
    mean over frames, one linear unit.

    Args:
        filters: int. Of the first convolution; each next one has twice as many.
            Defaults to `16`.
        synchronized: bool. Batch statistics over all replicas of a `tf.distribute`
            strategy. Defaults to `False`.

    Reference:
        Radford, Metz, Chintala, "Unsupervised representation learning with deep
        convolutional generative adversarial networks", ICLR 2016.
    """

    def __init__(self, filters: int = 16, *, synchronized: bool = False, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})
        self.filters = filters
        self.synchronized = synchronized
        policy = self.dtype_policy
        normal = keras.initializers.RandomNormal
        self.convolutions = [
            layers.Conv2D(
                filters * 2**depth,
                kernel,
                strides,
                padding="same",
                use_bias=depth == 0,  # batch normalisation has its own
                kernel_initializer=normal(stddev=0.02) if depth else "he_normal",
                dtype=policy,
            )
            for depth, (kernel, strides) in enumerate(_CONVOLUTIONS)
        ]
        self.norms = [
            layers.BatchNormalization(
                epsilon=1e-5, momentum=0.9, synchronized=synchronized, dtype=policy
            )
            for _ in _CONVOLUTIONS[1:]
        ]
        self.score = layers.Dense(1, dtype="float32")

    def build(self, input_shape):
        """Builds every layer for `[batch, frames, channels, bins]`."""
        _, _, channels, bins = input_shape
        shape = (None, None, bins, channels)
        for depth, layer in enumerate(self.convolutions):
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
            if depth:
                self.norms[depth - 1].build(shape)
        self.score.build((None, shape[2] * shape[3]))

    def call(self, magnitude: tf.Tensor, training: bool = False) -> tf.Tensor:
        """A score for each excerpt.

        Args:
            magnitude: float `[batch, frames, channels, bins]`, 0 or above.
            training: whether statistics of this batch are used, and kept.

        Returns:
            Float32 `[batch]`.
        """
        x = tf.transpose(compress(tf.cast(magnitude, tf.float32)), [0, 1, 3, 2])
        x = self.convolutions[0](tf.cast(x, self.compute_dtype))
        x = tf.nn.leaky_relu(x, _SLOPE)
        for convolution, norm in zip(self.convolutions[1:], self.norms, strict=True):
            x = tf.nn.leaky_relu(norm(convolution(x), training=training), _SLOPE)
        x = tf.reduce_mean(tf.cast(x, tf.float32), axis=1)  # [batch, bins, filters]
        return self.score(tf.reshape(x, [-1, x.shape[1] * x.shape[2]]))[:, 0]

    def get_config(self):
        """Arguments of the constructor."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "synchronized": self.synchronized,
        }


class Discriminators:
    """One `Discriminator` a source, none of which knows the others.

    Calling it is what `losses.Adversarial` compares through: it changes nothing, no
    statistics either.

    Args:
        sources: how many.
        shape: channels and bins.
        description: what a saved loss is to say of it; holds `filters`.
        synchronized: see `Discriminator`.
        policy: Keras's dtype policy.
    """

    def __init__(
        self,
        sources: int,
        shape: tuple[int, int],
        description: Mapping[str, Any],
        *,
        synchronized: bool = False,
        policy: str = "float32",
    ):
        self.description = dict(description)
        self.each = [
            Discriminator(self.description["filters"], synchronized=synchronized, dtype=policy)
            for _ in range(sources)
        ]
        for discriminator in self.each:
            discriminator.build((None, None, *shape))
            discriminator.built = True

    def __call__(self, magnitudes: tf.Tensor) -> tf.Tensor:
        """Scores `[batch, sources]` of magnitudes `[batch, sources, frames, channels, bins]`."""
        parts = tf.unstack(magnitudes, len(self.each), axis=1)
        scores = [each(part) for each, part in zip(self.each, parts, strict=True)]
        return tf.stack(scores, axis=1)

    @property
    def variables(self) -> list[keras.Variable]:
        """Weights and statistics of all."""
        return [variable for each in self.each for variable in each.variables]
