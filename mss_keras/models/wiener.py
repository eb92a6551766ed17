"""Multichannel Wiener filter by expectation-maximisation, as in open-unmix.

Axes: estimates `[sources, frames, channels, bins]`, the mixture `[frames, channels, bins]`. The
spatial covariance of a source in a bin is a Hermitian 2×2 (or 1×1) matrix; its entries are held as
tensors `[sources, bins]`, never as matrices.
"""

import tensorflow as tf

# With open-unmix's 1e-10 the sum of the stems misses the mixture by −45 dB. In double precision
# this value is possible, which misses it by −75 dB.
EPSILON = 1e-16
# The largest magnitude that the iterations see; open-unmix's scale_factor.
_LARGEST = 10.0


def wiener(
    magnitudes: tf.Tensor,
    mixture: tf.Tensor,
    niter: int = 1,
    *,
    softmask: bool = False,
    residual: bool = False,
    eps: float = EPSILON,
) -> tf.Tensor:
    """Separates a mixture's STFT by the estimated magnitudes of its sources.

    Initial estimates are the magnitudes with the mixture's phase (or ratio masks on the
    mixture). Each iteration fits to every source a power for each frame and bin and a spatial
    covariance for each bin, and filters the mixture by them. It computes in double precision:
    where both channels are equal, single precision would lose most digits.

    Args:
        magnitudes: float `[sources, frames, channels, bins]`.
        mixture: complex `[frames, channels, bins]`, 1 or 2 channels.
        niter: number of iterations. Defaults to `1`.
        softmask: whether to start from ratio masks. Defaults to `False`.
        residual: whether to add a source, the mixture less the others. Defaults to `False`.
        eps: stabiliser of the weights; its square root is the power of the noise in
            the mixture's covariance (open-unmix: 1e-10). Defaults to `1e-16`.

    Returns:
        Complex, of the mixture's type, `[sources (+ 1), frames, channels, bins]`.

    Reference:
        Uhlich et al., "Improving music source separation based on deep neural
        networks through data augmentation and network blending", ICASSP 2017;
        Nugraha, Liutkus, Vincent, "Multichannel music separation with deep neural
        networks", EUSIPCO 2016.

    Example:
        >>> mixture = tf.complex(tf.ones([3, 2, 5]), 0.0)
        >>> stems = wiener(tf.stack([0.2 * tf.ones([3, 2, 5]), 0.8 * tf.ones([3, 2, 5])]), mixture)
        >>> [f"{x:.2f}" for x in tf.abs(stems[:, 0, 0, 0])]  # powers: 0.04 and 0.64 of 0.68
        ['0.06', '0.94']
    """
    x = tf.cast(mixture, tf.complex128)
    magnitudes = tf.cast(magnitudes, tf.float64)
    if softmask:
        y = _scaled(x, magnitudes / (eps + tf.reduce_sum(magnitudes, axis=0)))
    else:
        y = _scaled(_phase(x), magnitudes)
    if residual:
        y = tf.concat([y, (x - tf.reduce_sum(y, axis=0))[tf.newaxis]], axis=0)
    return tf.cast(refine(y, x, niter, eps=eps) if niter else y, mixture.dtype)


def refine(y: tf.Tensor, x: tf.Tensor, niter: int = 1, *, eps: float = EPSILON) -> tf.Tensor:
    """The iterations of `wiener` on initial estimates.

    Args:
        y: complex `[sources, frames, channels, bins]`.
        x: the mixture, complex `[frames, channels, bins]`.
        niter: number of iterations. Defaults to `1`.
        eps: see `wiener`. Defaults to `1e-16`.

    Returns:
        Complex128 `[sources, frames, channels, bins]`.
    """
    x, y = tf.cast(x, tf.complex128), tf.cast(y, tf.complex128)
    largest = tf.sqrt(tf.reduce_max(tf.concat([[1.0], tf.reshape(_power(x), [-1])], 0)))
    scale = tf.maximum(tf.constant(1.0, tf.float64), largest / _LARGEST)
    x, y = _scaled(x, 1 / scale), _scaled(y, 1 / scale)
    for _ in range(niter):
        y = _iteration(y, x, eps)
    return _scaled(y, scale)


def _iteration(y: tf.Tensor, x: tf.Tensor, eps: float) -> tf.Tensor:
    channels = range(x.shape[1])
    power = tf.reduce_mean(_power(y), axis=2)  # [sources, frames, bins]
    weight = eps + tf.reduce_sum(power, axis=1)  # [sources, bins]
    y = tf.unstack(y, axis=2)
    spatial = [
        [_scaled(tf.reduce_sum(y[a] * tf.math.conj(y[b]), axis=1), 1 / weight) for b in channels]
        for a in channels
    ]  # entries [sources, bins]
    noise = tf.cast(eps**0.5, tf.complex128)
    covariance = [
        [
            tf.reduce_sum(_scaled(spatial[a][b][:, tf.newaxis], power), axis=0)
            + (noise if a == b else 0)
            for b in channels
        ]
        for a in channels
    ]  # entries [frames, bins]
    whitened = _solve(covariance, tf.unstack(x, axis=1))
    filtered = [sum(spatial[a][b][:, tf.newaxis] * whitened[b] for b in channels) for a in channels]
    return tf.stack([_scaled(channel, power) for channel in filtered], axis=2)


def _solve(matrix: list[list[tf.Tensor]], vector: list[tf.Tensor]) -> list[tf.Tensor]:
    # The matrix is Hermitian and positive definite, 1×1 or 2×2, and given by its entries.
    if len(vector) == 1:
        return [vector[0] / matrix[0][0]]
    (a, b), (c, d) = matrix
    determinant = a * d - b * c
    return [
        (d * vector[0] - b * vector[1]) / determinant,
        (a * vector[1] - c * vector[0]) / determinant,
    ]


def _phase(x: tf.Tensor) -> tf.Tensor:
    # x / |x|; 1 at 0, where the gradient is finite.
    power = _power(x)
    silent = power <= 0
    unit = _scaled(x, tf.math.rsqrt(tf.where(silent, tf.ones_like(power), power)))
    return tf.where(silent, tf.ones_like(x), unit)


def _power(x: tf.Tensor) -> tf.Tensor:
    return tf.math.real(x) ** 2 + tf.math.imag(x) ** 2


def _scaled(x: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    return tf.complex(tf.math.real(x) * factor, tf.math.imag(x) * factor)
