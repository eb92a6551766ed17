"""Affine layers in a row as one product, whose weights are computed here.

Axes are `[..., features]`; weights are computed in float32.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

Moments = tuple[tf.Tensor, tf.Tensor]


def folded(
    dense,
    norm,
    channels: int,
    *,
    before=None,
    after=None,
    moments: Moments | None = None,
    dtype: Any = "float32",
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Up to four affine layers in a row as one product.

    Args:
        dense: layer without a bias.
        norm: batch normalisation behind `dense`, or None.
        channels: number of channels into which features are divided.
        before: `Affine` with the shift first, over the bins of each channel of the input.
            Defaults to none.
        after: `Affine` over the bins of each channel of the result. Defaults to none.
        moments: mean and variance by which `norm` normalises, `[units of dense]` each. Defaults
            to those that it has gathered in training.
        dtype: type in which the product is computed. Defaults to `"float32"`.

    Returns:
        A function from `[..., features]` to float32 `[..., units of dense]`.
    """
    kernel = tf.convert_to_tensor(dense.kernel)
    scale, shift = tf.ones([kernel.shape[1]]), tf.zeros([kernel.shape[1]])
    if norm is not None:
        mean, variance = moments or (norm.moving_mean, norm.moving_variance)
        scale = norm.gamma * tf.math.rsqrt(variance + norm.epsilon)
        shift = norm.beta - mean * scale
    if before is not None:
        scales, shifts = (tf.tile(w.value, [channels]) for w in (before.scale, before.shift))
        kernel = kernel * scales[:, tf.newaxis]
        shift = shift + scale * tf.linalg.matvec(kernel, shifts, transpose_a=True)
    if after is not None:
        scales, shifts = (tf.tile(w.value, [channels]) for w in (after.scale, after.shift))
        scale, shift = scale * scales, shift * scales + shifts
    kernel = tf.cast(kernel * scale, dtype)

    def product(x: tf.Tensor) -> tf.Tensor:
        rows = tf.cast(tf.reshape(x, [-1, kernel.shape[0]]), kernel.dtype)
        y = tf.nn.bias_add(tf.cast(tf.matmul(rows, kernel), tf.float32), shift)
        return tf.reshape(y, tf.concat([tf.shape(x)[:-1], [kernel.shape[1]]], 0))

    return product


class BatchMoments:
    """Mean and variance of products with a batch, without the products.

    Those of x W follow from the mean and the covariance of x, and W: `mean(x) W` and the diagonal
    of `Wᵀ cov(x) W`. For few features and many units that takes a fraction of the time and no
    memory, in both passes. The same as taking them of the products, but for rounding.

    Args:
        x: float `[..., features]`.

    Example:
        >>> x, kernel = tf.constant([[1.0, 2.0], [3.0, 8.0]]), tf.constant([[1.0], [1.0]])
        >>> mean, variance = BatchMoments(x).of(kernel)
        >>> float(mean[0]), float(variance[0])
        (7.0, 16.0)
    """

    def __init__(self, x: tf.Tensor):
        x = tf.cast(tf.reshape(x, [-1, x.shape[-1]]), tf.float32)
        self._mean = tf.reduce_mean(x, axis=0, keepdims=True)
        x = x - self._mean
        self._covariance = tf.matmul(x, x, transpose_a=True) / tf.cast(tf.shape(x)[0], tf.float32)

    def of(self, kernel: tf.Tensor) -> Moments:
        """Mean and variance of `x @ kernel`, `[units]` each, by `[features, units]`."""
        mean = tf.matmul(self._mean, kernel)[0]
        variance = tf.reduce_sum(kernel * tf.matmul(self._covariance, kernel), axis=0)
        return mean, tf.maximum(variance, 0.0)

    def gathered(self, dense, norm) -> Moments:
        """Those of a layer's product, which a batch normalisation behind it gathers.

        Args:
            dense: layer without a bias.
            norm: batch normalisation, whose moving mean and variance go on as in training.
        """
        if not norm.trainable:  # then Keras neither uses nor gathers a batch's
            return norm.moving_mean, norm.moving_variance
        moments = self.of(tf.convert_to_tensor(dense.kernel))
        for moving, now in zip((norm.moving_mean, norm.moving_variance), moments, strict=True):
            moving.assign(moving * norm.momentum + now * (1.0 - norm.momentum))
        return moments
