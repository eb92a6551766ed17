"""Signal-to-distortion ratios as losses, in dB: lower is better."""

import keras
import tensorflow as tf

from mss_keras.losses.base import SeparationLoss, inner_axes
from mss_keras.signal.numerics import ratio_db
from mss_keras.signal.ratios import energy, si_sdr, snr


@keras.saving.register_keras_serializable(package="mss_keras.losses")
class SISDR(SeparationLoss):
    """Negative scale-invariant SDR, averaged over sources. Arguments as `SeparationLoss`.

    −(10/K) Σ_k log10(‖α_k y_k‖² / ‖α_k y_k − ŷ_k‖²), α_k = ⟨ŷ_k, y_k⟩ / ‖y_k‖². Energies
    are stabilised by 1e-10. The authors' code takes it over all examples and sources
    at once; here each source of each example has its own.

    Reference: Le Roux et al., "SDR – half-baked or well done?", ICASSP 2019.
    """

    def distance(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """See `SeparationLoss.distance`."""
        return -tf.reduce_mean(si_sdr(y_true, y_pred, inner_axes(y_true)), axis=1)


@keras.saving.register_keras_serializable(package="mss_keras.losses")
class SDSDR(SeparationLoss):
    """Negative scale-dependent SDR. Arguments as `SeparationLoss`.

    −min(SNR, L_down), with L_down = SNR + (10/K) Σ_k log10(α_k²), α_k as in `SISDR`; the
    minimum is of the two averages over sources. Both up- and down-scaling cost. A
    silent target has no α; its α² counts as 1.

    Reference: Le Roux et al., "SDR – half-baked or well done?", ICASSP 2019.
    """

    def distance(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """See `SeparationLoss.distance`."""
        axes = inner_axes(y_true)
        mean_snr = tf.reduce_mean(snr(y_true, y_pred, axes), axis=1)
        product = tf.abs(tf.reduce_sum(y_true * y_pred, axes))
        # log10(α²) = 2·log10(|⟨ŷ, y⟩| / ‖y‖²)
        scale = 2 * ratio_db(product, tf.squeeze(energy(y_true, axes), axes))
        return -tf.minimum(mean_snr, mean_snr + tf.reduce_mean(scale, axis=1))


@keras.saving.register_keras_serializable(package="mss_keras.losses")
class ClippedSNR(SeparationLoss):
    """Negative SNR of each source, softly clipped, averaged over sources.

    (1/K) Σ_k s·tanh(x_k / s), x_k = −10·log10(‖y_k‖² / ‖ŷ_k − y_k‖²). The authors' code
    takes x over all examples at once and compresses magnitudes first; here each
    example has its own and magnitudes are as they are.

    Args:
        domain: str. See `SeparationLoss`.
        saturation: float. s, dB. Defaults to `20`.
        **kwargs: as `SeparationLoss`.

    Reference: Erdogan and Yoshioka, "Investigations on data augmentation and loss
        functions for deep learning based speech-background separation", Interspeech 2018.
    """

    def __init__(self, domain: str, *, saturation: float = 20.0, **kwargs):
        super().__init__(domain, **kwargs)
        self.saturation = saturation

    def distance(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """See `SeparationLoss.distance`."""
        ratio = -snr(y_true, y_pred, inner_axes(y_true))
        return tf.reduce_mean(self.saturation * tf.tanh(ratio / self.saturation), axis=1)

    def get_config(self):
        """Arguments of the constructor."""
        return {**super().get_config(), "saturation": self.saturation}
