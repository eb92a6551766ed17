"""A learned scale and shift for each frequency bin."""

import keras
import tensorflow as tf
from keras import layers


@keras.saving.register_keras_serializable(package="mss_keras")
class Affine(layers.Layer):
    """`scale * x + shift` with a learned scale and shift for each frequency bin.

    Args:
        shift_first: bool. Compute `scale * (x + shift)` in its place. Defaults to `False`.
        **kwargs: as `keras.layers.Layer`.

    Example:
        >>> layer = Affine()  # scale 1 and shift 0, until it is trained
        >>> layer(tf.constant([[1.0, 2.0]])).numpy().tolist()
        [[1.0, 2.0]]
    """

    def __init__(self, shift_first: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.shift_first = shift_first

    def build(self, input_shape):
        """Makes a scale and a shift for each entry of the last axis."""
        bins = (input_shape[-1],)
        self.scale = self.add_weight(name="scale", shape=bins, initializer="ones")
        self.shift = self.add_weight(name="shift", shape=bins, initializer="zeros")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """`[..., bins]` → `[..., bins]`."""
        scale, shift = tf.convert_to_tensor(self.scale), tf.convert_to_tensor(self.shift)
        return (x + shift) * scale if self.shift_first else x * scale + shift

    def get_config(self):
        """Arguments of the constructor."""
        return {**super().get_config(), "shift_first": self.shift_first}
