"""Multi-resolution STFT loss on waveforms."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from mss_keras.config import require
from mss_keras.losses.base import SeparationLoss, inner_axes
from mss_keras.signal.epsilon import EPSILON
from mss_keras.signal.numerics import log10
from mss_keras.signal.stft import centred_stft

# FFT size, hop and window of each STFT, samples.
RESOLUTIONS = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))


@keras.saving.register_keras_serializable(package="mss_keras.losses")
class MultiResolutionSTFT(SeparationLoss):
    """Spectral convergence plus the error of log magnitudes, averaged over several STFTs.

    (1/O) Σ_o (L_sc + L_mag) over O resolutions, with L_sc = (1/K) Σ_k ‖Ỹ_k − Y_k‖ / ‖Y_k‖, which
    is 0 for a source whose target is silent, and L_mag = (1/K) Σ_k mean |log10 Ỹ_k − log10 Y_k|.
    Frames are centred and have a Hann window. 1e-10 is added to squared magnitudes: bins that
    are emptier, as those above the cut-off of compressed music, count as silent. The survey
    prints L_mag with neither modulus nor mean; auraloss takes the natural logarithm.
    Targets are constants, without a gradient.

    Shape:
        y_true, y_pred: `[batch, sources, samples, channels]`.
        value: as `SeparationLoss`.

    Args:
        domain: str. Only `"waveform"`.
        resolutions: sequence of (FFT size, hop, window), samples, one for each STFT. Defaults
            to `RESOLUTIONS`.
        **kwargs: as `SeparationLoss`.

    Raises:
        UserError: if the domain is another, or a size is out of range.

    Reference: Yamamoto, Song, Kim, "Parallel WaveGAN", ICASSP 2020; the survey's L_MRS.

    Example:
        >>> loss = MultiResolutionSTFT(resolutions=[(64, 16, 64)])
        >>> y_true = tf.random.stateless_normal([1, 2, 256, 1], [0, 0])
        >>> f"{loss(y_true, y_true):.4f}", f"{loss(y_true, 10.0 * y_true):.2f}"  # 9 + log10(10)
        ('0.0000', '10.00')
    """

    def __init__(
        self,
        domain: str = "waveform",
        *,
        resolutions: Sequence[Sequence[int]] = RESOLUTIONS,
        **kwargs,
    ):
        require(domain == "waveform", "domain", found=domain, wanted="'waveform'")
        super().__init__(domain, **kwargs)
        self.resolutions = tuple(tuple(int(x) for x in sizes) for sizes in resolutions)
        for sizes in self.resolutions or ((),):
            require(
                len(sizes) == 3 and 0 < sizes[2] <= sizes[0] and sizes[1] > 0,
                "resolutions",
                found=sizes,
                wanted="at least one (FFT size, hop, window up to the FFT size)",
            )

    def source_distances(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """See `SeparationLoss.source_distances`."""

        y_true = tf.stop_gradient(y_true)

        @tf.custom_gradient
        def values_of(y_pred):
            values, slopes = self._with_slopes(y_true, y_pred)
            return values, lambda upstream: upstream[..., tf.newaxis, tf.newaxis] * slopes

        return values_of(y_pred)

    def _with_slopes(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # Slopes are taken beside the values, so that spectrograms of one resolution, and on CPUs
        # of one source, are all that is kept at a time.
        if tf.executing_eagerly() or tf.config.list_logical_devices("GPU"):  # loops take long
            return self._of_all(y_true, y_pred)
        shape = tf.shape(y_pred)
        alone = tf.concat([[-1, 1, 1], shape[2:]], 0)
        values, slopes = tf.map_fn(
            lambda pair: self._of_all(*pair),
            (tf.reshape(y_true, alone), tf.reshape(y_pred, alone)),
            parallel_iterations=1,
            fn_output_signature=(y_pred.dtype, y_pred.dtype),
        )
        return tf.reshape(values, shape[:2]), tf.reshape(slopes, shape)

    def _of_all(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # The mean over resolutions, one after the other, and its slope at each sample.
        values: list[tf.Tensor] = []
        slopes: list[tf.Tensor] = []
        for sizes in self.resolutions:
            with (
                tf.control_dependencies(slopes[-1:]),
                tf.GradientTape(watch_accessed_variables=False) as tape,
            ):
                tape.watch(y_pred)
                values.append(self._at(sizes, tf.identity(y_true), tf.identity(y_pred)))
            slopes.append(tape.gradient(values[-1], y_pred))
        return tf.add_n(values) / len(values), tf.add_n(slopes) / len(values)

    def _at(self, sizes: tuple[int, ...], y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        true, pred = _power(y_true, sizes), _power(y_pred, sizes)
        axes = inner_axes(true)
        difference = tf.reduce_sum(tf.square(tf.sqrt(pred) - tf.sqrt(true)), axes)
        total = tf.reduce_sum(true, axes)
        sounds = tf.reduce_max(tf.abs(y_true), axis=[2, 3]) > 0
        epsilon = tf.cast(EPSILON, true.dtype)
        convergence = tf.where(sounds, tf.sqrt((difference + epsilon) / total), 0.0)
        # log10 of a magnitude is half that of its square.
        magnitude = 0.5 * tf.reduce_mean(tf.abs(log10(pred) - log10(true)), axes)
        return convergence + magnitude

    def get_config(self):
        """Arguments of the constructor."""
        return {**super().get_config(), "resolutions": self.resolutions}


def _power(waveform: tf.Tensor, sizes: tuple[int, ...]) -> tf.Tensor:
    # Stabilised squared magnitudes.
    nfft, hop, window = sizes
    spectrogram = centred_stft(waveform, nfft, hop, window=window)
    real, imaginary = tf.math.real(spectrogram), tf.math.imag(spectrogram)
    return tf.square(real) + tf.square(imaginary) + tf.cast(EPSILON, waveform.dtype)
