"""Signal-to-distortion ratios as losses, in dB: lower is better."""

import keras
import tensorflow as tf

from mss_keras.losses.base import SeparationLoss, inner_axes
from mss_keras.losses.decibels import ThresholdedLoss
from mss_keras.signal.numerics import ratio_db
from mss_keras.signal.ratios import energy, si_sdr, snr


@keras.saving.register_keras_serializable(package="mss_keras.losses")
class SISDR(ThresholdedLoss):
    """Negative scale-invariant SDR, averaged over sources.

    −(10/K) Σ_k log10(‖α_k y_k‖² / ‖α_k y_k − ŷ_k‖²), α_k = ⟨ŷ_k, y_k⟩ / ‖y_k‖². Energies are
    stabilised by 1e-10. The authors' code takes one ratio over all examples and sources; here
    each source of each example has its own. With a soft threshold, α_k² F is added to the
    denominator, F = τ‖Σ_k y_k‖², which keeps the loss scale-invariant. A source that is softer
    than F has the ratio F / (‖y_k − ŷ_k‖² + F). Shapes and arguments as `ThresholdedLoss`.

    Reference: Le Roux et al., "SDR – half-baked or well done?", ICASSP 2019.

    Example:
        >>> loss = SISDR("waveform")
        >>> y_true, y_pred = [[[[1.0], [1.0]]]], [[[[1.1], [0.9]]]]
        >>> f"{loss(y_true, y_pred):.1f}", f"{loss(y_true, 3.0 * tf.constant(y_pred)):.1f}"
        ('-20.0', '-20.0')
    """

    def source_distances(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """See `SeparationLoss.source_distances`."""
        axes = inner_axes(y_true)
        return -si_sdr(y_true, y_pred, axes, floor=self.floor(y_true, energy))


@keras.saving.register_keras_serializable(package="mss_keras.losses")
class SDSDR(ThresholdedLoss):
    """Negative scale-dependent SDR: it costs to scale an estimate up and to scale it down.

    −min(SNR, L_down), with L_down = SNR + (10/K) Σ_k log10(α_k²) and α_k as in `SISDR`; the
    minimum is that of the two averages over sources. A silent target has no α; its α² counts
    as 1. With a soft threshold, τ‖Σ_k y_k‖² is added to the denominator of the SNR, and a source
    that is softer counts as silent. Shapes and arguments as `ThresholdedLoss`.

    Reference: Le Roux et al., "SDR – half-baked or well done?", ICASSP 2019.

    Example:
        >>> loss = SDSDR("waveform")
        >>> y_true, y_pred = [[[[1.0], [1.0]]]], [[[[1.1], [0.9]]]]
        >>> f"{loss(y_true, y_pred):.1f}", f"{loss(y_true, 3.0 * tf.constant(y_pred)):.1f}"
        ('-20.0', '6.1')
    """

    def distance(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """See `SeparationLoss.distance`."""
        axes = inner_axes(y_true)
        floor = self.floor(y_true, energy)
        mean_snr = tf.reduce_mean(snr(y_true, y_pred, axes, floor=floor), axis=1)
        product, own = tf.reduce_sum(y_true * y_pred, axes, keepdims=True), energy(y_true, axes)
        # log10(α²) = 2·log10(|⟨ŷ, y⟩| / ‖y‖²)
        scale = 2 * ratio_db(tf.abs(product), own)
        if floor is not None:
            scale = tf.where(own < floor, 0.0, scale)
        scale = tf.squeeze(scale, axes)
        return -tf.minimum(mean_snr, mean_snr + tf.reduce_mean(scale, axis=1))


@keras.saving.register_keras_serializable(package="mss_keras.losses")
class ClippedSNR(SeparationLoss):
    """Negative SNR of each source, softly clipped, averaged over sources.

    (1/K) Σ_k s·tanh(x_k / s), x_k = −10·log10(‖y_k‖² / ‖ŷ_k − y_k‖²). The authors' code takes
    x over all examples at once and compresses magnitudes first; here each source of each
    example has its own x, and magnitudes are as they are.

    Shape: as `SeparationLoss`.

    Args:
        domain: str. See `SeparationLoss`.
        saturation: float. s, dB. Defaults to `20`.
        **kwargs: as `SeparationLoss`.

    Reference: Erdogan and Yoshioka, "Investigations on data augmentation and loss
        functions for deep learning based speech-background separation", Interspeech 2018.

    Example:
        >>> loss = ClippedSNR("waveform", saturation=20.0)
        >>> f"{loss([[[[1.0], [1.0]]]], [[[[1.1], [0.9]]]]):.2f}"  # −20 tanh(1)
        '-15.23'
    """

    def __init__(self, domain: str, *, saturation: float = 20.0, **kwargs):
        super().__init__(domain, **kwargs)
        self.saturation = saturation

    def source_distances(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """See `SeparationLoss.source_distances`."""
        ratio = -snr(y_true, y_pred, inner_axes(y_true))
        return self.saturation * tf.tanh(ratio / self.saturation)

    def get_config(self):
        """Arguments of the constructor."""
        return {**super().get_config(), "saturation": self.saturation}
