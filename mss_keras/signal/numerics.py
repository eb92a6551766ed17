"""The one policy for stabilisers.

`EPSILON` is added to energies and to sums of magnitudes, never to amplitudes of
single samples. Audio of RMS 0.01 has energy 1e-4 a sample, so over a second of
it the stabiliser changes a ratio by less than 1e-10 relative, while silence
still has a finite logarithm and a finite gradient.
"""

import tensorflow as tf

EPSILON = 1e-10


def log10(x: tf.Tensor) -> tf.Tensor:
    """Decimal logarithm of a tensor that is above 0."""
    return tf.math.log(x) / tf.math.log(tf.constant(10.0, x.dtype))


def ratio_db(numerator: tf.Tensor, denominator: tf.Tensor) -> tf.Tensor:
    """10·log10 of a ratio of energies, both stabilised by `EPSILON`."""
    epsilon = tf.cast(EPSILON, numerator.dtype)
    return 10.0 * (log10(numerator + epsilon) - log10(denominator + epsilon))
