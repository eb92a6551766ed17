"""Log-compressed L1 and L2, in dB."""

from typing import Any, Literal

import keras
import tensorflow as tf

from mss_keras.config import require
from mss_keras.losses.base import inner_axes
from mss_keras.losses.decibels import ThresholdedLoss
from mss_keras.signal.epsilon import EPSILON
from mss_keras.signal.numerics import log10


class _LogError(ThresholdedLoss):
    """(10/K) Σ_k log10 of an error of each source; arguments as `LogL1`."""

    def __init__(
        self,
        domain: str,
        *,
        normalization: Literal["mean", "paper"] = "mean",
        soft_threshold: float | None = None,
        **kwargs: Any,
    ):
        known = ("mean", "paper")
        require(
            normalization in known,
            "normalization",
            found=normalization,
            wanted="'mean' or 'paper'",
        )
        super().__init__(domain, soft_threshold=soft_threshold, **kwargs)
        self.normalization = normalization

    def error(self, difference: tf.Tensor) -> tf.Tensor:
        """The error of each element of the difference ŷ − y."""
        raise NotImplementedError(f"{type(self).__name__} has to define error()")

    def source_distances(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """See `SeparationLoss.source_distances`."""
        average = tf.reduce_mean if self.normalization == "mean" else tf.reduce_sum

        def measure(difference, axes):
            return average(self.error(difference), axes)

        errors = measure(y_pred - y_true, inner_axes(y_true))  # [batch, sources]
        floor = self.floor(y_true, measure)  # [batch, 1]
        if floor is not None:
            errors += floor
        values = 10 * log10(errors + tf.cast(EPSILON, errors.dtype))
        if self.normalization == "mean":
            return values
        shape = tf.shape(y_true)
        # Channels are summed over but do not stand in T (or N Ω).
        terms = shape[2] if self.domain == "waveform" else shape[2] * shape[4]
        return values / tf.cast(terms, values.dtype)

    def get_config(self):
        """Arguments of the constructor."""
        return {**super().get_config(), "normalization": self.normalization}


@keras.saving.register_keras_serializable(package="mss_keras.losses")
class LogL1(_LogError):
    """Logarithm of the mean absolute error of each source, averaged over sources, in dB.

    (10/K) Σ_k log10 (mean |ŷ_k − y_k| + τ mean |Σ_k y_k|), without the second term where there is
    no soft threshold. The mean is stabilised by 1e-10.

    Shape: as `SeparationLoss`.

    Args:
        domain: str. See `SeparationLoss`.
        normalization: str. `"mean"`: the error is the mean over samples (or frames and bins)
            and channels of a source. `"paper"`: it is their sum, and the logarithm is divided
            by T, the number of samples (or of frames times bins), as the survey prints it;
            the two differ by a constant factor and an offset. Defaults to `"mean"`.
        soft_threshold: float or None. See `ThresholdedLoss`; what is added is the mixture's
            mean error, or its sum. Defaults to `None`.
        **kwargs: as `SeparationLoss`.

    Raises:
        UserError: if the normalization is another, or the threshold is not above 0.

    Reference: the survey's LOGL1_time and LOGL1_freq.

    Example:
        >>> f"{LogL1('waveform')([[[[0.0], [0.0]]]], [[[[0.1], [0.1]]]]):.1f}"
        '-10.0'
    """

    def error(self, difference: tf.Tensor) -> tf.Tensor:
        """The modulus of the difference."""
        return tf.abs(difference)


@keras.saving.register_keras_serializable(package="mss_keras.losses")
class LogL2(_LogError):
    """Logarithm of the mean squared error of each source, averaged over sources, in dB.

    (10/K) Σ_k log10 (mean |ŷ_k − y_k|² + τ mean |Σ_k y_k|²). Stabiliser, threshold, shapes and
    arguments as `LogL1`.

    Reference: Heitkaemper et al., "Demystifying TasNet: a dissecting approach",
        ICASSP 2020; the survey's LOGL2_time and LOGL2_freq.

    Example:
        >>> f"{LogL2('waveform')([[[[0.0], [0.0]]]], [[[[0.1], [0.1]]]]):.1f}"
        '-20.0'
    """

    def error(self, difference: tf.Tensor) -> tf.Tensor:
        """The square of the difference."""
        return tf.square(difference)
