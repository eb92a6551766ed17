"""Classification of bins by their dominant source."""

import keras
import tensorflow as tf

from mss_keras.losses.base import SeparationLoss, mean_per_example


def ideal_binary_mask(y_true: tf.Tensor) -> tf.Tensor:
    """1 for the dominant source of each bin, 0 for the others and where all are silent.

    Args:
        y_true: ratio masks `[batch, sources, ...]`.
    """
    sources = y_true.shape[1]
    dominant = tf.one_hot(tf.argmax(y_true, axis=1), sources, axis=1, dtype=y_true.dtype)
    sounds = tf.reduce_max(y_true, axis=1, keepdims=True) > 0
    return tf.where(sounds, dominant, tf.zeros_like(dominant))


@keras.saving.register_keras_serializable(package="mss_keras.losses")
class CrossEntropy(SeparationLoss):
    """Cross-entropy over the sources of a bin; the target is the dominant source.

    mean_{n,w} −log softmax_k(M̃)_dominant. The estimated masks are taken as logits, as
    in the authors' code. Bins where all sources are silent have no dominant source
    and count 0; there the code takes the first source. Arguments as `SeparationLoss`.

    Reference: the survey's authors' code.
    """

    def distance(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """See `SeparationLoss.distance`."""
        # Not log_softmax, which would want the sources last: a transposed copy.
        total = tf.reduce_logsumexp(y_pred, axis=1)
        mask = ideal_binary_mask(y_true)
        sounds = tf.reduce_sum(mask, axis=1)
        return mean_per_example(sounds * total - tf.reduce_sum(mask * y_pred, axis=1))


@keras.saving.register_keras_serializable(package="mss_keras.losses")
class BinaryCrossEntropy(SeparationLoss):
    """Binary cross-entropy of each source's mask; the target is the ideal binary mask.

    The estimated masks are taken as logits, as in the authors' code, whose sum over
    sources is a mean here. Arguments as `SeparationLoss`.

    Reference: the survey's authors' code.
    """

    def distance(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """See `SeparationLoss.distance`."""
        target = ideal_binary_mask(y_true)
        return mean_per_example(tf.nn.sigmoid_cross_entropy_with_logits(target, y_pred))
