"""L1 and L2, in any domain."""

import keras
import tensorflow as tf

from mss_keras.losses.base import SeparationLoss, mean_per_source


@keras.saving.register_keras_serializable(package="mss_keras.losses")
class L1(SeparationLoss):
    """Mean absolute error: mean |ŷ − y|. Shapes and arguments as `SeparationLoss`.

    Reference: the survey's L1_time, L1_freq and L1_mask.

    Example:
        >>> float(L1("waveform")([[[[0.0], [1.0]]]], [[[[0.5], [1.0]]]]))
        0.25
    """

    def source_distances(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """See `SeparationLoss.source_distances`."""
        return mean_per_source(tf.abs(y_pred - y_true))


@keras.saving.register_keras_serializable(package="mss_keras.losses")
class L2(SeparationLoss):
    """Mean squared error: mean |ŷ − y|². Shapes and arguments as `SeparationLoss`.

    Reference: the survey's L2_time, L2_freq and L2_mask.

    Example:
        >>> float(L2("waveform")([[[[0.0], [1.0]]]], [[[[0.5], [1.0]]]]))
        0.125
    """

    def source_distances(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """See `SeparationLoss.source_distances`."""
        return mean_per_source(tf.square(y_pred - y_true))
