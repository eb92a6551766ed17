"""Ratios of energies in dB, shared by losses and metrics."""

import tensorflow as tf

from mss_keras.signal.epsilon import EPSILON
from mss_keras.signal.numerics import ratio_db


def energy(x: tf.Tensor, axes: list[int]) -> tf.Tensor:
    """‖x‖² over some axes, which stay with length 1."""
    return tf.reduce_sum(tf.square(x), axes, keepdims=True)


def projection_gain(y_true: tf.Tensor, y_pred: tf.Tensor, axes: list[int]) -> tf.Tensor:
    """α = ⟨ŷ, y⟩ / ‖y‖² over some axes, which stay with length 1; 0 for a silent target."""
    product = tf.reduce_sum(y_true * y_pred, axes, keepdims=True)
    return product / (energy(y_true, axes) + tf.cast(EPSILON, y_true.dtype))


def si_sdr(y_true: tf.Tensor, y_pred: tf.Tensor, axes: list[int]) -> tf.Tensor:
    """10·log10(‖α y‖² / ‖α y − ŷ‖²) over some axes, dB; 0 dB where both are silent.

    Args:
        y_true: target, such as `[..., samples, channels]`.
        y_pred: estimate, of the same shape.
        axes: axes that the energies are summed over; the result has the other axes.

    Example:
        >>> y = tf.constant([1.0, 1.0, -1.0, -1.0])
        >>> error = tf.constant([0.1, -0.1, 0.1, -0.1])
        >>> print(f"{float(si_sdr(y, 0.5 * (y + error), [0])):.2f} dB")
        20.00 dB

    Reference:
        Le Roux et al., "SDR – half-baked or well done?", ICASSP 2019.
    """
    target = projection_gain(y_true, y_pred, axes) * y_true
    ratio = ratio_db(energy(target, axes), energy(target - y_pred, axes))
    return tf.squeeze(ratio, axes)


def snr(y_true: tf.Tensor, y_pred: tf.Tensor, axes: list[int]) -> tf.Tensor:
    """10·log10(‖y‖² / ‖ŷ − y‖²) over some axes, dB; 0 dB where both are silent.

    Args:
        y_true: target, such as `[..., samples, channels]`.
        y_pred: estimate, of the same shape.
        axes: axes that the energies are summed over; the result has the other axes.
    """
    ratio = ratio_db(energy(y_true, axes), energy(y_pred - y_true, axes))
    return tf.squeeze(ratio, axes)
