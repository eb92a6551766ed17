"""Classification of bins by their dominant source."""

import keras
import tensorflow as tf

from mss_keras.losses.base import SeparationLoss, mean_per_example, mean_per_source

# The smallest share of the mixture whose logit is told apart, −80 dB.
_SMALLEST = 1e-4


def ideal_binary_mask(y_true: tf.Tensor) -> tf.Tensor:
    """1 for the dominant source of each bin, 0 for the others and where all are silent.

    Args:
        y_true: ratio masks `[batch, sources, ...]`.

    Returns:
        A tensor of the same shape.

    Example:
        >>> ideal_binary_mask(tf.constant([[[0.3, 0.0], [0.7, 0.0]]])).numpy().tolist()
        [[[0.0, 0.0], [1.0, 0.0]]]
    """
    sources = y_true.shape[1]
    dominant = tf.one_hot(tf.argmax(y_true, axis=1), sources, axis=1, dtype=y_true.dtype)
    sounds = tf.reduce_max(y_true, axis=1, keepdims=True) > 0
    return tf.where(sounds, dominant, tf.zeros_like(dominant))


@keras.saving.register_keras_serializable(package="mss_keras.losses")
class CrossEntropy(SeparationLoss):
    """Cross-entropy over the sources of a bin; the target is the dominant source.

    mean_{n,w} −log softmax_k(M̃)_dominant. The estimated masks are taken as logits, as in the
    authors' code. A bin in which all sources are silent has no dominant source and counts 0;
    in the authors' code its first source is dominant. Shapes and arguments as `SeparationLoss`.

    In training masks are the softmax of the logits (`ModelConfig.mask_activation`). Read as a
    metric, it takes logarithms of the masks as logits: their softmax is each source's
    share of the masks' sum.

    Reference: the survey's authors' code.

    Example:
        >>> y_true = tf.reshape([0.0, 1.0], [1, 2, 1, 1, 1])  # two sources of one bin
        >>> f"{CrossEntropy('logits')(y_true, tf.zeros_like(y_true)):.2f}"  # log 2
        '0.69'
    """

    mask_activation = "softmax"

    def distance(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """See `SeparationLoss.distance`."""
        # Not log_softmax, which would want the sources last: a transposed copy.
        total = tf.reduce_logsumexp(y_pred, axis=1)
        mask = ideal_binary_mask(y_true)
        sounds = tf.reduce_sum(mask, axis=1)
        return mean_per_example(sounds * total - tf.reduce_sum(mask * y_pred, axis=1))

    def from_shares(self, shares: tf.Tensor) -> tf.Tensor:
        """Logits whose softmax is in proportion to the shares, which count 1e-4 at least."""
        return tf.math.log(_clipped(shares, 1.0))


@keras.saving.register_keras_serializable(package="mss_keras.losses")
class BinaryCrossEntropy(SeparationLoss):
    """Binary cross-entropy of each source's mask; the target is the ideal binary mask.

    −mean [ m log σ(M̃) + (1 − m) log(1 − σ(M̃)) ]. The estimated masks are taken as logits, as
    in the authors' code; its sum over sources is a mean here. Shapes and arguments as
    `SeparationLoss`. In training masks are the sigmoid of the logits
    (`ModelConfig.mask_activation`). Read as a metric, it takes logits whose sigmoid is the mask.

    Reference: the survey's authors' code.

    Example:
        >>> y_true = tf.reshape([0.0, 1.0], [1, 2, 1, 1, 1])  # two sources of one bin
        >>> f"{BinaryCrossEntropy('logits')(y_true, tf.zeros_like(y_true)):.2f}"  # log 2
        '0.69'
    """

    mask_activation = "sigmoid"

    def source_distances(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """See `SeparationLoss.source_distances`."""
        target = ideal_binary_mask(y_true)
        return mean_per_source(tf.nn.sigmoid_cross_entropy_with_logits(target, y_pred))

    def from_shares(self, shares: tf.Tensor) -> tf.Tensor:
        """Logits whose sigmoid are the shares, which count 1e-4 to 1 − 1e-4."""
        clipped = _clipped(shares, 1 - _SMALLEST)
        return tf.math.log(clipped) - tf.math.log1p(-clipped)


def _clipped(shares: tf.Tensor, largest: float) -> tf.Tensor:
    # NaN stays NaN.
    low = tf.where(shares < _SMALLEST, tf.cast(_SMALLEST, shares.dtype), shares)
    return tf.where(low > largest, tf.cast(largest, shares.dtype), low)
