"""SI-SDR and SDR in TensorFlow, and as Keras metrics for validation while training."""

import keras
import numpy as np
import tensorflow as tf

from mss_keras.signal import ratios


def si_sdr(y_true: tf.Tensor | np.ndarray, y_pred: tf.Tensor | np.ndarray) -> tf.Tensor:
    """10·log10(‖α y‖² / ‖α y − ŷ‖²), α = ⟨ŷ, y⟩ / ‖y‖².

    Args:
        y_true: target waveforms `[..., samples, channels]`.
        y_pred: estimated waveforms, of the same shape.

    Returns:
        `[...]`, dB, higher is better; 0 dB where the target is silent and so is the estimate.

    Reference:
        Le Roux et al., "SDR – half-baked or well done?", ICASSP 2019.
    """
    return ratios.si_sdr(tf.convert_to_tensor(y_true), tf.convert_to_tensor(y_pred), [-2, -1])


def sdr(y_true: tf.Tensor | np.ndarray, y_pred: tf.Tensor | np.ndarray) -> tf.Tensor:
    """10·log10(‖y‖² / ‖y − ŷ‖²): the SNR, which Music Demixing challenges call uSDR.

    BSSEval v4's SDR is this ratio in frames of a second, and the median of them.

    Args:
        y_true: target waveforms `[..., samples, channels]`.
        y_pred: estimated waveforms, of the same shape.

    Returns:
        `[...]`, dB, higher is better; 0 dB where the target is silent and so is the estimate.

    Reference:
        Mitsufuji et al., "Music Demixing Challenge 2021", Frontiers in Signal Processing 2022.
    """
    return ratios.snr(tf.convert_to_tensor(y_true), tf.convert_to_tensor(y_pred), [-2, -1])


class _MeanOfSounding(keras.metrics.Mean):
    """Mean of a ratio over examples and those of their sources that sound."""

    def ratio(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """`[batch, sources]`, dB, from waveforms `[batch, sources, samples, channels]`."""
        raise NotImplementedError

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Takes waveforms `[batch, sources, samples, channels]`."""
        sounding = tf.cast(tf.reduce_any(tf.not_equal(y_true, 0.0), axis=[-2, -1]), tf.float32)
        if sample_weight is not None:
            sounding *= tf.reshape(tf.cast(sample_weight, tf.float32), [-1, 1])
        super().update_state(self.ratio(y_true, y_pred), sample_weight=sounding)


@keras.saving.register_keras_serializable(package="mss_keras.metrics")
class SISDR(_MeanOfSounding):
    """Mean of `si_sdr` over examples and those of their sources that sound.

    Excerpts in which a source is silent have no SI-SDR for it and are left out.

    Args:
        name: str. Defaults to `"si_sdr"`.
    """

    def __init__(self, name: str = "si_sdr", **kwargs):
        super().__init__(name=name, **kwargs)

    def ratio(self, y_true, y_pred):
        """See `si_sdr`."""
        return si_sdr(y_true, y_pred)


@keras.saving.register_keras_serializable(package="mss_keras.metrics")
class SDR(_MeanOfSounding):
    """Mean of `sdr` over examples and those of their sources that sound.

    The plain ratio, cheap enough for every epoch; BSSEval v4 is `bss_eval`. Excerpts in
    which a source is silent have no SDR for it and are left out.

    Args:
        name: str. Defaults to `"sdr"`.
    """

    def __init__(self, name: str = "sdr", **kwargs):
        super().__init__(name=name, **kwargs)

    def ratio(self, y_true, y_pred):
        """See `sdr`."""
        return sdr(y_true, y_pred)
