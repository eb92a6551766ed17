"""Guarded logarithms and ratios in TensorFlow."""

import tensorflow as tf

from mss_keras.signal.epsilon import EPSILON


def log10(x: tf.Tensor) -> tf.Tensor:
    """Decimal logarithm of a tensor whose values are above 0."""
    return tf.math.log(x) / tf.math.log(tf.constant(10.0, x.dtype))


def ratio_db(numerator: tf.Tensor, denominator: tf.Tensor) -> tf.Tensor:
    """10·log10 of a ratio of energies, both stabilised by `EPSILON`.

    Args:
        numerator: energies, of any shape.
        denominator: energies, of a shape that broadcasts.

    Example:
        >>> float(ratio_db(tf.constant(100.0), tf.constant(1.0)))
        20.0
    """
    epsilon = tf.cast(EPSILON, numerator.dtype)
    return 10.0 * (log10(numerator + epsilon) - log10(denominator + epsilon))
