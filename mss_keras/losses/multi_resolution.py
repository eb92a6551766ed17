"""Multi-resolution STFT loss on waveforms."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from mss_keras.losses.base import SeparationLoss, inner_axes
from mss_keras.signal.epsilon import EPSILON
from mss_keras.signal.numerics import log10
from mss_keras.signal.stft import centred_stft

# FFT size, hop, window, in samples.
RESOLUTIONS = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))


@keras.saving.register_keras_serializable(package="mss_keras.losses")
class MultiResolutionSTFT(SeparationLoss):
    """(1/O) Σ_o (L_sc + L_mag), over O resolutions of the STFT.

    L_sc = (1/K) Σ_k ‖Ỹ_k − Y_k‖ / ‖Y_k‖, 0 for a source whose target is silent;
    L_mag = (1/K) Σ_k mean |log10 Ỹ_k − log10 Y_k|. Centred frames under a Hann window;
    1e-10 is added to squared magnitudes: bins emptier than that, as those above the
    cut-off of compressed music, count as silent. The survey prints L_mag with neither
    modulus nor mean; auraloss takes the natural logarithm.

    Args:
        domain: str. Only `"waveform"`.
        resolutions: of each STFT the FFT size, hop and window in samples. Defaults to
            (1024, 120, 600), (2048, 240, 1200), (512, 50, 240).
        **kwargs: as `SeparationLoss`.

    Reference: Yamamoto, Song, Kim, "Parallel WaveGAN", ICASSP 2020; the survey's L_MRS.
    """

    def __init__(
        self,
        domain: str = "waveform",
        *,
        resolutions: Sequence[Sequence[int]] = RESOLUTIONS,
        **kwargs,
    ):
        if domain != "waveform":
            raise ValueError(f"domain: found {domain!r}, wanted 'waveform'")
        super().__init__(domain, **kwargs)
        self.resolutions = tuple(tuple(int(x) for x in sizes) for sizes in resolutions)
        for sizes in self.resolutions:
            if len(sizes) != 3 or not 0 < sizes[2] <= sizes[0] or sizes[1] < 1:
                raise ValueError(
                    f"resolutions: found {sizes}, wanted (FFT size, hop, window up to the FFT size)"
                )
        if not self.resolutions:
            raise ValueError("resolutions: found none, wanted at least one")

    def distance(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """See `SeparationLoss.distance`."""
        parts = [self._at(y_true, y_pred, *sizes) for sizes in self.resolutions]
        return tf.add_n(parts) / len(parts)

    def _at(self, y_true, y_pred, nfft: int, hop: int, window: int) -> tf.Tensor:
        epsilon = tf.cast(EPSILON, y_true.dtype)

        def power(waveform: tf.Tensor) -> tf.Tensor:
            spectrogram = centred_stft(waveform, nfft, hop, window=window)
            real, imaginary = tf.math.real(spectrogram), tf.math.imag(spectrogram)
            return tf.square(real) + tf.square(imaginary) + epsilon

        true, pred = power(y_true), power(y_pred)
        axes = inner_axes(true)
        difference = tf.reduce_sum(tf.square(tf.sqrt(pred) - tf.sqrt(true)), axes)
        total = tf.reduce_sum(true, axes)
        sounds = tf.reduce_max(tf.abs(y_true), axis=[2, 3]) > 0
        convergence = tf.where(sounds, tf.sqrt((difference + epsilon) / total), 0.0)
        # log10 of a magnitude is half that of its square.
        magnitude = 0.5 * tf.reduce_mean(tf.abs(log10(pred) - log10(true)), axes)
        return tf.reduce_mean(convergence + magnitude, axis=1)

    def get_config(self):
        """Arguments of the constructor."""
        return {**super().get_config(), "resolutions": self.resolutions}
