"""Separation by those who know the sources: upper bounds of what masks can do."""

import tensorflow as tf

from mss_keras.config import AudioConfig, UserError
from mss_keras.models.wiener import refine
from mss_keras.signal.epsilon import EPSILON
from mss_keras.signal.stft import apply_mask, centred_stft, inverse_stft

ORACLES = {
    "irm": "ideal ratio mask, |Y_k|² over their sum",
    "ibm": "ideal binary mask, 1 where |Y_k|² is half of their sum or more",
    "mwf": "multichannel Wiener filter of the sources' own powers and spatial covariances",
}


def separate(name: str, mixture: tf.Tensor, sources: tf.Tensor, audio: AudioConfig) -> tf.Tensor:
    """Separates a mixture by what its sources are.

    Args:
        name: one of `ORACLES`.
        mixture: float32 `[samples, channels]`.
        sources: float32 `[sources, samples, channels]`.
        audio: sizes of the STFT.

    Returns:
        Float32 `[sources, samples, channels]`.

    Raises:
        UserError: for an unknown name.

    Reference:
        Stöter, Liutkus and Ito, "The 2018 Signal Separation Evaluation Campaign",
        LVA/ICA 2018, whose oracles these are.
    """
    if name not in ORACLES:
        raise UserError(f"--oracle: found {name!r}, wanted one of {', '.join(ORACLES)}")
    x = centred_stft(mixture, audio.nfft, audio.nhop)
    y = centred_stft(sources, audio.nfft, audio.nhop)
    if name == "mwf":
        stems = tf.cast(refine(y, x), tf.complex64)
    else:
        power = tf.math.real(y) ** 2 + tf.math.imag(y) ** 2
        mask = power / (EPSILON + tf.reduce_sum(power, axis=0))
        stems = apply_mask(tf.cast(mask >= 0.5, tf.float32) if name == "ibm" else mask, x)
    return inverse_stft(stems, audio.nfft, audio.nhop, samples=tf.shape(mixture)[0])
