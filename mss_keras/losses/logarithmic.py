"""Log-compressed L1 and L2, in dB."""

from typing import Any, Literal

import keras
import tensorflow as tf

from mss_keras.losses.base import SeparationLoss, inner_axes
from mss_keras.signal.epsilon import EPSILON
from mss_keras.signal.numerics import log10


class _LogError(SeparationLoss):
    """(10/K) Σ_k log10 of an error of each source.

    Args:
        domain: str. See `SeparationLoss`.
        normalization: str. `"mean"`: the error is the mean over a source's samples (or
            bins) and channels. `"paper"`: it is their sum, and the logarithm is divided
            by T, the number of samples (or of frames times bins), as the survey
            prints it; a constant factor apart from an offset. Defaults to `"mean"`.
        **kwargs: as `SeparationLoss`.
    """

    def __init__(
        self, domain: str, *, normalization: Literal["mean", "paper"] = "mean", **kwargs: Any
    ):
        if normalization not in ("mean", "paper"):
            raise ValueError(f"normalization: found {normalization!r}, wanted 'mean' or 'paper'")
        super().__init__(domain, **kwargs)
        self.normalization = normalization

    def error(self, difference: tf.Tensor) -> tf.Tensor:
        """The error of each element of the difference."""
        raise NotImplementedError(f"{type(self).__name__} has to define error()")

    def distance(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """See `SeparationLoss.distance`."""
        errors, axes = self.error(y_pred - y_true), inner_axes(y_true)
        epsilon = tf.cast(EPSILON, errors.dtype)
        if self.normalization == "mean":
            return 10 * tf.reduce_mean(log10(tf.reduce_mean(errors, axes) + epsilon), axis=1)
        sums = tf.reduce_mean(log10(tf.reduce_sum(errors, axes) + epsilon), axis=1)
        shape = tf.shape(errors)
        # Channels are summed over but do not stand in T (or N Ω).
        terms = shape[2] if self.domain == "waveform" else shape[2] * shape[4]
        return 10 * sums / tf.cast(terms, sums.dtype)

    def get_config(self):
        """Arguments of the constructor."""
        return {**super().get_config(), "normalization": self.normalization}


@keras.saving.register_keras_serializable(package="mss_keras.losses")
class LogL1(_LogError):
    """(10/K) Σ_k log10 mean |ŷ_k − y_k|. The mean is stabilised by 1e-10.

    Args:
        domain: str. See `SeparationLoss`.
        normalization: str. `"mean"`, or `"paper"` for the sum in place of the mean and
            the logarithm over T, as the survey prints it. Defaults to `"mean"`.
        **kwargs: as `SeparationLoss`.

    Reference: the survey's LOGL1_time and LOGL1_freq.
    """

    def error(self, difference: tf.Tensor) -> tf.Tensor:
        """Modulus."""
        return tf.abs(difference)


@keras.saving.register_keras_serializable(package="mss_keras.losses")
class LogL2(_LogError):
    """(10/K) Σ_k log10 mean |ŷ_k − y_k|². Arguments as `LogL1`.

    Reference: Heitkaemper et al., "Demystifying TasNet: a dissecting approach",
        ICASSP 2020; the survey's LOGL2_time and LOGL2_freq.
    """

    def error(self, difference: tf.Tensor) -> tf.Tensor:
        """Square."""
        return tf.square(difference)
