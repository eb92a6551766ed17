"""SI-SDR and SNR in TensorFlow, and as Keras metrics for validation while training."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from mss_keras.signal import ratios
from mss_keras.signal.silence import SILENT_ESTIMATE_DB, WORST_DB


def si_sdr(y_true: tf.Tensor | np.ndarray, y_pred: tf.Tensor | np.ndarray) -> tf.Tensor:
    """Scale-invariant SDR: 10·log10(‖α y‖² / ‖α y − ŷ‖²), α = ⟨ŷ, y⟩ / ‖y‖².

    Args:
        y_true: target waveforms `[..., samples, channels]`.
        y_pred: estimated waveforms, of the same shape.

    Returns:
        `[...]`, dB, higher is better; `WORST_DB`, −100 dB, at least, which is the value of an
        estimate that is silent: whose energy is 60 dB or more below the target's.

    Reference:
        Le Roux et al., "SDR – half-baked or well done?", ICASSP 2019.

    Example:
        >>> target, estimate = np.ones([2, 1]), np.array([[2.2], [1.8]])
        >>> f"{si_sdr(target, estimate):.1f}"
        '20.0'
    """
    return _floored(ratios.si_sdr, y_true, y_pred)


def snr(y_true: tf.Tensor | np.ndarray, y_pred: tf.Tensor | np.ndarray) -> tf.Tensor:
    """Signal-to-noise ratio: 10·log10(‖y‖² / ‖y − ŷ‖²).

    It is the `snr` of `whole_track`, and the uSDR of the Music Demixing challenges but for
    silent estimates, which have 0 dB there and the worst score here. The SDR of
    BSSEval v4 lets filters of the target explain a part of the estimate first; see `bss_eval`.

    Args:
        y_true: target waveforms `[..., samples, channels]`.
        y_pred: estimated waveforms, of the same shape.

    Returns:
        `[...]`, dB, higher is better; `WORST_DB`, −100 dB, at least. This is also the value of an
        estimate whose energy is 60 dB or more below the target's, to which the formula alone would
        give 0 dB, more than to many that try.

    Reference:
        Mitsufuji et al., "Music Demixing Challenge 2021", Frontiers in Signal Processing 2022.

    Example:
        >>> target, estimate = np.ones([2, 1]), np.array([[1.1], [0.9]])
        >>> f"{snr(target, estimate):.1f}"
        '20.0'
    """
    return _floored(ratios.snr, y_true, y_pred)


def _floored(ratio: Callable, y_true: tf.Tensor | np.ndarray, y_pred: tf.Tensor | np.ndarray):
    y_true, y_pred = map(tf.convert_to_tensor, (y_true, y_pred))
    worst = tf.cast(WORST_DB, y_pred.dtype)
    axes = [-2, -1]
    level = tf.cast(10 ** (SILENT_ESTIMATE_DB / 10), y_pred.dtype)
    own, target = (tf.squeeze(ratios.energy(y, axes), axes) for y in (y_pred, y_true))
    # Not tf.maximum alone, which would hide NaN; of NaN no comparison is true.
    found = tf.where(own <= level * target, worst, ratio(y_true, y_pred, axes))
    return tf.where(found < worst, worst, found)


class _MeanOfSounding(keras.metrics.Mean):
    """Mean of a ratio over all sources of all examples, except those that are silent.

    A source is silent in an example where its RMS is below `SILENCE_DBFS`, −60 dBFS.
    """

    def ratio(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """`[batch, sources]`, dB, of waveforms `[batch, sources, samples, channels]`."""
        raise NotImplementedError

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Takes waveforms `[batch, sources, samples, channels]`."""
        sounding = tf.cast(ratios.sounds(tf.convert_to_tensor(y_true), [-2, -1]), tf.float32)
        if sample_weight is not None:
            sounding *= tf.reshape(tf.cast(sample_weight, tf.float32), [-1, 1])
        super().update_state(self.ratio(y_true, y_pred), sample_weight=sounding)


@keras.saving.register_keras_serializable(package="mss_keras.metrics")
class SISDR(_MeanOfSounding):
    """Mean of `si_sdr` over all sources of all examples.

    A source that is silent in an example has no SI-SDR in this example and is left out.

    Args:
        name: str. Defaults to `"si_sdr"`.
        **kwargs: as `keras.metrics.Mean`.

    Example:
        >>> metric = SISDR()
        >>> metric.update_state(tf.ones([1, 1, 2, 1]), tf.reshape([2.2, 1.8], [1, 1, 2, 1]))
        >>> f"{metric.result():.1f}"
        '20.0'
    """

    def __init__(self, name: str = "si_sdr", **kwargs):
        super().__init__(name=name, **kwargs)

    def ratio(self, y_true, y_pred):
        """See `si_sdr`."""
        return si_sdr(y_true, y_pred)


@keras.saving.register_keras_serializable(package="mss_keras.metrics")
class SNR(_MeanOfSounding):
    """Mean of `snr` over all sources of all examples.

    It is cheap enough for every epoch, unlike BSSEval v4 (`bss_eval`). A source that is silent
    in an example has no SNR in this example and is left out.

    Args:
        name: str. Defaults to `"snr"`.
        **kwargs: as `keras.metrics.Mean`.

    Example:
        >>> metric = SNR()
        >>> metric.update_state(tf.ones([1, 1, 2, 1]), tf.reshape([1.1, 0.9], [1, 1, 2, 1]))
        >>> f"{metric.result():.1f}"
        '20.0'
    """

    def __init__(self, name: str = "snr", **kwargs):
        super().__init__(name=name, **kwargs)

    def ratio(self, y_true, y_pred):
        """See `snr`."""
        return snr(y_true, y_pred)
