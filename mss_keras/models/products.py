"""Affine layers in a row as one product, whose weights are computed here.

Axes are `[..., features]`; weights are computed in float32.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

Moments = tuple[tf.Tensor, tf.Tensor]
Pair = tuple[tf.Tensor, tf.Tensor]  # scale and shift


def folded(
    dense,
    norm,
    channels: int = 1,
    *,
    before=None,
    after: Pair | None = None,
    moments: Moments | None = None,
    dtype: Any = "float32",
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Up to four affine layers in a row as one product.

    Args:
        dense: layer without a bias.
        norm: batch normalisation behind `dense`, or None.
        channels: number of channels into which features of the input are divided. Defaults
            to 1.
        before: `Affine` with the shift first, over the bins of each channel of the input.
            Defaults to none.
        after: what `tiled` gives of an `Affine` over the bins of each channel of the result.
            Defaults to none.
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
        ((scales, shifts),) = tiled(before, channels)
        kernel = kernel * scales[:, tf.newaxis]
        shift = shift + scale * tf.linalg.matvec(kernel, shifts, transpose_a=True)
    scale, shift = _followed(scale, shift, after)
    kernel = tf.cast(kernel * scale, dtype)
    return lambda x: _in_rows(x, lambda rows: tf.nn.bias_add(_product(rows, kernel), shift))


def normalised(
    dense, norm, *, after: Pair | None = None, dtype: Any = "float32"
) -> Callable[[tf.Tensor], tf.Tensor]:
    """A layer, batch normalisation as in training and an affine layer, with one pass behind.

    Args:
        dense: layer without a bias.
        norm: batch normalisation behind `dense`, whose moving mean and variance go on.
        after: what `tiled` gives of an `Affine` over the bins of each channel of the result.
            Defaults to none.
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
        scale, shift = _followed(*_normalising(norm, moments), after)
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


def tiled(affine, channels: int, copies: int = 1) -> list[Pair]:
    """Scale and shift of all features, some times.

    Gradients of copies are added up in the copies' order. Those of variables that are read several
    times may be added up as they come: then two runs differ in the last bit.

    Args:
        affine: an `Affine` over the bins of each channel.
        channels: number of channels.
        copies: number of uses. Defaults to 1.

    Returns:
        Scale and shift for each use, `[channels * bins]` each.
    """
    both = tf.stack([affine.scale.value, affine.shift.value])
    uses = tf.unstack(tf.tile(both[tf.newaxis], [copies, 1, channels]))
    return [(use[0], use[1]) for use in uses]


def _normalising(norm, moments: Moments) -> tuple[tf.Tensor, tf.Tensor]:
    # Scale and shift of a batch normalisation.
    mean, variance = moments
    scale = norm.gamma * tf.math.rsqrt(variance + norm.epsilon)
    return scale, norm.beta - mean * scale


def _followed(scale, shift, after: Pair | None) -> Pair:
    # Scale and shift with those of an affine layer behind them.
    if after is None:
        return scale, shift
    scales, shifts = after
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
