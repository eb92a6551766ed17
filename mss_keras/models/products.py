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
        scale, shift = _normalising(norm, moments or (norm.moving_mean, norm.moving_variance))
    if before is not None:
        scales, shifts = _tiled(before, channels)
        kernel = kernel * scales[:, tf.newaxis]
        shift = shift + scale * tf.linalg.matvec(kernel, shifts, transpose_a=True)
    scale, shift = _followed(scale, shift, after=after, channels=channels)
    kernel = tf.cast(kernel * scale, dtype)
    return lambda x: _in_rows(x, lambda rows: tf.nn.bias_add(_product(rows, kernel), shift))


def normalised(
    dense, norm, channels: int, *, after=None, dtype: Any = "float32"
) -> Callable[[tf.Tensor], tf.Tensor]:
    """A layer, batch normalisation as in training and an affine layer, with one pass behind.

    Args:
        dense: layer without a bias.
        norm: batch normalisation behind `dense`, whose moving mean and variance go on.
        channels: number of channels into which features are divided.
        after: `Affine` over the bins of each channel of the result. Defaults to none.
        dtype: type in which the product is computed. Defaults to `"float32"`.

    Returns:
        A function from `[..., features]` to float32 `[..., units of dense]`.
    """

    def layers(rows: tf.Tensor) -> tf.Tensor:
        y = _product(rows, tf.cast(tf.convert_to_tensor(dense.kernel), dtype))
        mean = _mean_of_rows(y)
        # The variance has no gradient by way of the mean: deviations sum to 0.
        deviations = tf.math.squared_difference(y, tf.stop_gradient(mean))
        moments = _gathered(norm, (mean, _mean_of_rows(deviations)))
        scale, shift = _followed(*_normalising(norm, moments), after=after, channels=channels)
        return tf.nn.bias_add(y * scale, shift)

    return lambda x: _in_rows(x, layers)


def _product(rows: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.matmul(tf.cast(rows, kernel.dtype), kernel), tf.float32)


def _mean_of_rows(y: tf.Tensor) -> tf.Tensor:
    total = tf.raw_ops.BiasAddGrad(out_backprop=y)  # a tenth of the time of tf.reduce_sum
    return total / tf.cast(tf.shape(y)[0], y.dtype)


def _in_rows(x: tf.Tensor, function: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    y = function(tf.reshape(x, [-1, x.shape[-1]]))
    return tf.reshape(y, tf.concat([tf.shape(x)[:-1], [y.shape[-1]]], 0))


def _tiled(affine, channels: int) -> tuple[tf.Tensor, tf.Tensor]:
    # Scale and shift of all features.
    return tf.tile(affine.scale.value, [channels]), tf.tile(affine.shift.value, [channels])


def _normalising(norm, moments: Moments) -> tuple[tf.Tensor, tf.Tensor]:
    # Scale and shift of a batch normalisation.
    mean, variance = moments
    scale = norm.gamma * tf.math.rsqrt(variance + norm.epsilon)
    return scale, norm.beta - mean * scale


def _followed(scale, shift, *, after, channels: int) -> tuple[tf.Tensor, tf.Tensor]:
    # Scale and shift with those of an affine layer behind them.
    if after is None:
        return scale, shift
    scales, shifts = _tiled(after, channels)
    return scale * scales, shift * scales + shifts


def _gathered(norm, moments: Moments) -> Moments:
    # Moments of a batch by which `norm` normalises; its moving ones go on.
    if not norm.trainable:  # then Keras neither uses nor gathers a batch's
        return norm.moving_mean, norm.moving_variance
    for moving, now in zip((norm.moving_mean, norm.moving_variance), moments, strict=True):
        moving.assign(moving * norm.momentum + now * (1.0 - norm.momentum))
    return moments


class BatchMoments:
    """Mean and variance of products with a batch, without the products.

    Those of x W follow from the mean and the covariance of x, and W: `mean(x) W` and the diagonal
    of `Wᵀ cov(x) W`. Where there are many more rows than features that takes a fraction of the
    time and no memory, in both passes; see `pays`. The same as taking them of the products, but for
    rounding.

    Args:
        x: float `[..., features]`.

    Example:
        >>> x, kernel = tf.constant([[1.0, 2.0], [3.0, 8.0]]), tf.constant([[1.0], [1.0]])
        >>> mean, variance = BatchMoments(x).of(kernel)
        >>> float(mean[0]), float(variance[0])
        (7.0, 16.0)
    """

    # Measured by tests/benchmarks/heads.py: from so many rows a feature it takes less time.
    _PAYING = 6

    @classmethod
    def pays(cls, x: tf.Tensor) -> bool:
        """Whether there are rows enough; so it is assumed of a batch of unknown size."""
        rows = x.shape[:-1].num_elements()
        return rows is None or rows >= cls._PAYING * x.shape[-1]

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
        return _gathered(norm, self.of(tf.convert_to_tensor(dense.kernel)))
