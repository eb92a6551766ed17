"""Oracles: separation by those who know the sources, upper bounds of what masks can do."""

from collections.abc import Callable

import tensorflow as tf

from mss_keras.config import AudioConfig, UserError
from mss_keras.models.wiener import refine
from mss_keras.signal.epsilon import EPSILON
from mss_keras.signal.stft import apply_mask, centred_stft, inverse_stft


def ideal_ratio_masks(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """|Y_k|² over the sum of all sources' |Y|², applied to the mixture.

    Args:
        x: STFT of the mixture, complex64 `[frames, channels, bins]`.
        y: STFTs of the sources, complex64 `[sources, frames, channels, bins]`.

    Returns:
        Complex64 `[sources, frames, channels, bins]`.
    """
    return apply_mask(_shares(y), x)


def ideal_binary_masks(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """1 where |Y_k|² is half of the sum or more, applied to the mixture; as `ideal_ratio_masks`."""
    return apply_mask(tf.cast(_shares(y) >= 0.5, tf.float32), x)


def multichannel_wiener_filter(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """The Wiener filter of the sources' own powers and covariances; as `ideal_ratio_masks`."""
    return tf.cast(refine(y, x), tf.complex64)


def _shares(y: tf.Tensor) -> tf.Tensor:
    power = tf.math.real(y) ** 2 + tf.math.imag(y) ** 2
    return power / (EPSILON + tf.reduce_sum(power, axis=0))


ORACLES: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "irm": ideal_ratio_masks,
    "ibm": ideal_binary_masks,
    "mwf": multichannel_wiener_filter,
}


def separate(name: str, *, mixture: tf.Tensor, sources: tf.Tensor, audio: AudioConfig) -> tf.Tensor:
    """Separates a mixture by an oracle, which knows its sources.

    Args:
        name: one of `ORACLES`.
        mixture: float32 `[samples, channels]`.
        sources: float32 `[sources, samples, channels]`.
        audio: sizes of the STFT.

    Returns:
        Float32 `[sources, samples, channels]`.

    Raises:
        UserError: if the name is unknown.

    Reference:
        Stöter, Liutkus and Ito, "The 2018 Signal Separation Evaluation Campaign",
        LVA/ICA 2018, whose oracles these are.

    Example:
        >>> sources = tf.random.stateless_normal([2, 500, 2], [0, 0])
        >>> mixture = tf.reduce_sum(sources, axis=0)
        >>> audio = AudioConfig(nfft=64, nhop=16)
        >>> stems = separate("irm", mixture=mixture, sources=sources, audio=audio)
        >>> stems.shape.as_list(), f"{tf.reduce_max(tf.abs(tf.reduce_sum(stems, 0) - mixture)):.2f}"
        ([2, 500, 2], '0.00')
    """
    if name not in ORACLES:
        raise UserError.unknown("oracle", name, ORACLES)
    x = centred_stft(mixture, audio.nfft, audio.nhop)
    y = centred_stft(sources, audio.nfft, audio.nhop)
    samples = tf.shape(mixture)[0]
    return inverse_stft(ORACLES[name](x, y), audio.nfft, audio.nhop, samples=samples)
