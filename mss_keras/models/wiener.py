"""Multichannel Wiener filter by expectation-maximisation, as in open-unmix.

Axes: estimates `[sources, frames, channels, bins]`, the mixture `[frames, channels, bins]`. The
spatial covariance of a source in a bin is a Hermitian 2×2 (or 1×1) matrix; its entries are held as
tensors `[sources, bins]`, never as matrices, and complex numbers as pairs of real ones.
"""

from typing import NamedTuple

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
    x = _parts(mixture)
    magnitudes = tf.cast(magnitudes, tf.float64)
    if softmask:
        magnitudes, start = magnitudes / (eps + tf.reduce_sum(magnitudes, axis=0)), x
    else:
        start = _phase(x)
    each = tf.unstack(magnitudes, axis=2)  # by channel
    y = [_scaled(part, magnitude) for part, magnitude in zip(start, each, strict=True)]
    if residual:
        rests = [_minus(part, _summed(own)) for part, own in zip(x, y, strict=True)]
        y = [
            Parts(*(tf.concat([own, rest[tf.newaxis]], 0) for own, rest in zip(*pair, strict=True)))
            for pair in zip(y, rests, strict=True)
        ]
    return _joined(_refined(y, x, niter, eps=eps) if niter else y, mixture.dtype)


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
    return _joined(_refined(_parts(y), _parts(x), niter, eps=eps), tf.complex128)


class Parts(NamedTuple):
    """Real and imaginary part of a channel, float64: products of them need no complex copies."""

    re: tf.Tensor
    im: tf.Tensor


def _parts(x: tf.Tensor) -> list[Parts]:
    # Complex [..., channels, bins] → the channels, [..., bins].
    x = tf.cast(x, tf.complex128)
    pair = (tf.unstack(part, axis=-2) for part in (tf.math.real(x), tf.math.imag(x)))
    return [Parts(*parts) for parts in zip(*pair, strict=True)]


def _joined(channels: list[Parts], dtype: tf.DType) -> tf.Tensor:
    return tf.cast(tf.stack([tf.complex(*channel) for channel in channels], axis=-2), dtype)


def _refined(y: list[Parts], x: list[Parts], niter: int, *, eps: float) -> list[Parts]:
    loudest = [tf.reduce_max(tf.concat([[1.0], tf.reshape(_power(c), [-1])], 0)) for c in x]
    largest = tf.sqrt(tf.reduce_max(tf.stack(loudest)))
    scale = tf.maximum(tf.constant(1.0, tf.float64), largest / _LARGEST)
    x, y = ([_scaled(channel, 1 / scale) for channel in each] for each in (x, y))
    for _ in range(niter):
        y = _iteration(y, x, eps)
    return [_scaled(channel, scale) for channel in y]


def _iteration(y: list[Parts], x: list[Parts], eps: float) -> list[Parts]:
    powers = [_power(channel) for channel in y]  # [sources, frames, bins] each
    power = sum(powers) / len(y)
    weight = eps + tf.reduce_sum(power, axis=1)  # [sources, bins]

    def spatial(values: tf.Tensor) -> tf.Tensor:  # [sources, 1, bins]
        return (tf.reduce_sum(values, axis=1) / weight)[:, tf.newaxis]

    def of_mixture(entry: tf.Tensor) -> tf.Tensor:  # [frames, bins]
        return tf.reduce_sum(power * entry, axis=0)

    # A covariance is Hermitian: real on the diagonal, and one complex number beside it.
    diagonal = [spatial(own) for own in powers]
    loud = [of_mixture(entry) + eps**0.5 for entry in diagonal]
    if len(y) == 1:
        return [_scaled(x[0], power * diagonal[0] / loud[0])]
    beside = Parts(*(spatial(part) for part in _times_conjugate(*y)))
    cross = Parts(*(of_mixture(part) for part in beside))
    determinant = loud[0] * loud[1] - _power(cross)
    whitened = [
        _scaled(_minus(_scaled(x[0], loud[1]), _times(cross, x[1])), 1 / determinant),
        _scaled(_minus(_scaled(x[1], loud[0]), _times_conjugate(x[0], cross)), 1 / determinant),
    ]
    filtered = [
        _plus(_scaled(whitened[0], diagonal[0]), _times(beside, whitened[1])),
        _plus(_scaled(whitened[1], diagonal[1]), _times_conjugate(whitened[0], beside)),
    ]
    return [_scaled(channel, power) for channel in filtered]


def _phase(x: list[Parts]) -> list[Parts]:
    # x / |x|; 1 at 0, where the gradient is finite.
    found = []
    for channel in x:
        power = _power(channel)
        silent = power <= 0
        unit = _scaled(channel, tf.math.rsqrt(tf.where(silent, tf.ones_like(power), power)))
        found.append(Parts(tf.where(silent, tf.ones_like(power), unit.re), unit.im))
    return found


def _power(x: Parts) -> tf.Tensor:
    return x.re**2 + x.im**2


def _scaled(x: Parts, factor: tf.Tensor) -> Parts:
    return Parts(x.re * factor, x.im * factor)


def _plus(a: Parts, b: Parts) -> Parts:
    return Parts(a.re + b.re, a.im + b.im)


def _minus(a: Parts, b: Parts) -> Parts:
    return Parts(a.re - b.re, a.im - b.im)


def _times(a: Parts, b: Parts) -> Parts:
    return Parts(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re)


def _times_conjugate(a: Parts, b: Parts) -> Parts:
    # a · conj(b)
    return Parts(a.re * b.re + a.im * b.im, a.im * b.re - a.re * b.im)


def _summed(x: Parts) -> Parts:
    return Parts(tf.reduce_sum(x.re, axis=0), tf.reduce_sum(x.im, axis=0))
