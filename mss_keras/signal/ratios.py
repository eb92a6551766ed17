"""Ratios of energies in dB, shared by losses and metrics."""

import tensorflow as tf

from mss_keras.signal.epsilon import EPSILON
from mss_keras.signal.numerics import ratio_db
from mss_keras.signal.silence import SILENT_MEAN_SQUARE


def energy(x: tf.Tensor, axes: list[int]) -> tf.Tensor:
    """‖x‖² over some axes, which stay with length 1."""
    return tf.reduce_sum(tf.square(x), axes, keepdims=True)


def sounds(y: tf.Tensor, axes: list[int]) -> tf.Tensor:
    """Whether waveforms are not silent over some axes, bool; see `mss_keras.signal.silence`.

    Example:
        >>> sounds(tf.constant([[0.002, -0.002], [0.0, 0.001]]), [1]).numpy()
        array([ True, False])
    """
    return tf.reduce_mean(tf.square(y), axes) >= tf.cast(SILENT_MEAN_SQUARE, y.dtype)


def projection_gain(y_true: tf.Tensor, y_pred: tf.Tensor, axes: list[int]) -> tf.Tensor:
    """α = ⟨ŷ, y⟩ / ‖y‖² over some axes, which stay with length 1; 0 for a silent target."""
    product = tf.reduce_sum(y_true * y_pred, axes, keepdims=True)
    return product / (energy(y_true, axes) + tf.cast(EPSILON, y_true.dtype))


def si_sdr(
    y_true: tf.Tensor, y_pred: tf.Tensor, axes: list[int], *, floor: tf.Tensor | None = None
) -> tf.Tensor:
    """10·log10(‖α y‖² / ‖α y − ŷ‖²) over some axes, dB; 0 dB where both are silent.

    Args:
        y_true: target, such as `[..., samples, channels]`.
        y_pred: estimate, of the same shape.
        axes: axes that the energies are summed over; the result has the other axes.
        floor: energy, of a shape that broadcasts to that of `energy`. α² times it is added to
            the error, so that gains still do not matter. A target that is softer than it has no
            α: its ratio is floor / (‖ŷ − y‖² + floor). Defaults to none.

    Example:
        >>> y = tf.constant([1.0, 1.0, -1.0, -1.0])
        >>> error = tf.constant([0.1, -0.1, 0.1, -0.1])
        >>> print(f"{float(si_sdr(y, 0.5 * (y + error), [0])):.2f} dB")
        20.00 dB

    Reference:
        Le Roux et al., "SDR – half-baked or well done?", ICASSP 2019.
    """
    gain = projection_gain(y_true, y_pred, axes)
    if floor is not None:
        softer = energy(y_true, axes) < floor
        gain = tf.where(softer, tf.ones_like(gain), gain)
    target = gain * y_true
    signal, error = energy(target, axes), energy(target - y_pred, axes)
    if floor is not None:
        added = tf.square(gain) * floor
        signal, error = tf.where(softer, added, signal), error + added
    return tf.squeeze(ratio_db(signal, error), axes)


def snr(
    y_true: tf.Tensor, y_pred: tf.Tensor, axes: list[int], *, floor: tf.Tensor | None = None
) -> tf.Tensor:
    """10·log10(‖y‖² / ‖ŷ − y‖²) over some axes, dB; 0 dB where both are silent.

    Args:
        y_true: target, such as `[..., samples, channels]`.
        y_pred: estimate, of the same shape.
        axes: axes that the energies are summed over; the result has the other axes.
        floor: energy that is added to the error; ‖y‖² counts as at least this. Defaults to none.
    """
    signal, error = energy(y_true, axes), energy(y_pred - y_true, axes)
    if floor is not None:
        signal, error = tf.maximum(signal, floor), error + floor
    return tf.squeeze(ratio_db(signal, error), axes)
