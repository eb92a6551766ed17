"""Discriminators in the manner of DCGAN: magnitudes of a source to a score.

Axes: magnitudes of a source are `[batch, frames, channels, bins]`, of all sources `[batch, sources,
frames, channels, bins]`; the convolutions see `[batch, frames, bins, channels]`.
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
_FLOOR = 1e-3  # amplitude of a sine above which magnitudes are compressed, −60 dB


def compress(magnitude: tf.Tensor) -> tf.Tensor:
    """Magnitudes as a discriminator sees them: linear below −60 dB, logarithmic above.

    The value is log(1 + a / 0.001) / log(1001), where a is the amplitude of the sine that would
    give such a magnitude: a sine at full scale gives 1, a sine at −60 dB 0.1. Without compression
    loud bins would be ten thousand times as large as quiet ones, and a discriminator would see
    nothing else. The gradient is bounded at silence, where those of a plain logarithm and of a
    root are not.

    Args:
        magnitude: `[..., bins]` of an STFT with a Hann window.

    Returns:
        A tensor of the same shape, 0 or above.

    Example:
        >>> compress(tf.constant([0.0, 0.0, 2.0, 0.0, 0.0])).numpy().round(3).tolist()  # nfft 8
        [0.0, 0.0, 1.0, 0.0, 0.0]
    """
    nfft = 2 * (magnitude.shape[-1] - 1)
    amplitude = magnitude * (4.0 / nfft)  # of a sine on a bin
    return tf.math.log1p(amplitude / _FLOOR) / math.log1p(1 / _FLOOR)


@keras.saving.register_keras_serializable(package="mss_keras")
class Discriminator(layers.Layer):
    """Magnitudes of one source → a score for each excerpt, of any number of frames.

    Strided convolutions with LeakyReLU and, behind all but the first, batch normalisation; then
    the mean over frames and one linear unit.

    Args:
        filters: int. Filters of the first convolution; each further one has twice as many as
            the one before. Defaults to `16`.
        synchronized: bool. Batch statistics over all replicas of a `tf.distribute`
            strategy. Defaults to `False`.

    Reference:
        Radford, Metz, Chintala, "Unsupervised representation learning with deep
        convolutional generative adversarial networks", ICLR 2016.

    Example:
        >>> Discriminator(filters=2)(tf.ones([3, 20, 2, 65])).shape.as_list()
        [3]
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
            training: whether statistics of this batch are used, and kept. Defaults to `False`.

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
    """A `Discriminator` for each source, independent of the others.

    It is the network of `mss_keras.losses.Adversarial`. A call changes nothing, not even
    statistics.

    Args:
        sources: int. Number of sources.
        shape: tuple of int. Number of channels and of bins.
        description: mapping. What a saved loss keeps of the discriminators; it holds "filters".
        synchronized: bool. See `Discriminator`. Defaults to `False`.
        policy: str. Keras's dtype policy. Defaults to `"float32"`.

    Example:
        >>> discriminators = Discriminators(4, (2, 65), {"filters": 2})
        >>> discriminators(tf.ones([3, 4, 20, 2, 65])).shape.as_list()
        [3, 4]
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
        apart = tf.unstack(magnitudes, len(self.each), axis=1)
        scores = [each(magnitude) for each, magnitude in zip(self.each, apart, strict=True)]
        return tf.stack(scores, axis=1)

    @property
    def variables(self) -> list[keras.Variable]:
        """Weights and statistics of all discriminators."""
        return [variable for each in self.each for variable in each.variables]
