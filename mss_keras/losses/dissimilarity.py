"""L2 that also moves each estimate away from the other sources."""

import keras
import tensorflow as tf

from mss_keras.config import require
from mss_keras.losses.base import SeparationLoss, mean_per_source


@keras.saving.register_keras_serializable(package="mss_keras.losses")
class Dissimilarity(SeparationLoss):
    """L2 that also moves each estimate away from the other sources.

    mean [ (Ỹ_k − Y_k)² − β Σ_{k̃≠k} (Ỹ_k − Y_k̃)² ], which is bounded below only for
    β < 1 / (K − 1). The authors' code takes k̃ = k into the sum, too; here, as in the survey,
    it is left out.

    Shape: as `SeparationLoss`.

    Args:
        domain: str. See `SeparationLoss`.
        beta: float. β, weight of the other sources. Defaults to `0.1`.
        **kwargs: as `SeparationLoss`.

    Raises:
        UserError: if β is negative.

    Reference: Huang et al., "Singing-voice separation from monaural recordings using
        deep recurrent neural networks", ISMIR 2014; the survey's L_dissim.

    Example:
        >>> y_true = tf.reshape([0.0, 1.0], [1, 2, 1, 1, 1])  # two sources of one bin
        >>> f"{Dissimilarity('magnitude', beta=0.1)(y_true, y_true):.2f}"
        '-0.10'
    """

    def __init__(self, domain: str, *, beta: float = 0.1, **kwargs):
        super().__init__(domain, **kwargs)
        require(beta >= 0, "beta", found=beta, wanted="0 or more")
        self.beta = beta

    def source_distances(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """See `SeparationLoss.source_distances`."""
        own = tf.square(y_pred - y_true)
        # Σ_{k̃≠k} (Ỹ − Y_k̃)² = (K−1) Ỹ² − 2 Ỹ Σ Y_k̃ + Σ Y_k̃²: no pass over pairs.
        sources = tf.cast(tf.shape(y_true)[1], y_true.dtype)
        others = tf.reduce_sum(y_true, axis=1, keepdims=True) - y_true
        squares = tf.square(y_true)
        other_squares = tf.reduce_sum(squares, axis=1, keepdims=True) - squares
        away = (sources - 1) * tf.square(y_pred) - 2 * y_pred * others + other_squares
        return mean_per_source(own - self.beta * away)

    def get_config(self):
        """Arguments of the constructor."""
        return {**super().get_config(), "beta": self.beta}
