"""Asserts in the graph, before anything else is computed, that an input is valid.

TensorFlow Serving does not compare inputs with the signature, and a wrong one would fail
deep in the graph. The server answers a failed assertion with INVALID_ARGUMENT and a message
that says what was wanted. Inputs are traced without a shape: if TensorFlow knew the shape,
it would take the assertions for granted and drop them.
"""

from dataclasses import dataclass

import tensorflow as tf

from mss_keras.config import AudioConfig

# Full scale is 1. Far above it float32 overflows within the model, and stems become NaN.
MAX_PEAK = 1000.0
_MESSAGE = 2**31  # bytes; no protocol buffer has that many


@dataclass(frozen=True)
class Limits:
    """What a request may have: a few bytes can claim a tensor that would fill the memory.

    Args:
        audio: AudioConfig. The sample rate, channels and bins that are wanted.
        max_seconds: float. The longest song, in seconds.
        max_batch: int. The most songs.
        stems: int. How many outputs of its size a song has.
    """

    audio: AudioConfig
    max_seconds: float
    max_batch: int
    stems: int


def guard(tensor: tf.Tensor, condition: tf.Tensor, message: str, *found: tf.Tensor) -> tf.Tensor:
    """Passes a tensor on if a condition holds when the graph runs.

    Args:
        tensor: tf.Tensor. What is passed on.
        condition: tf.Tensor. Bool, 0-D.
        message: str. What was wanted and, at its end, what the values of `found` are.
        *found: tf.Tensor. Values that follow the message.
    """
    check = tf.debugging.Assert(condition, [message, *found], summarize=8)
    with tf.control_dependencies([check]):
        return tf.identity(tensor)


def waveforms(waveform: tf.Tensor, limits: Limits, *, samples: int | None = None) -> tf.Tensor:
    """Guards a batch of waveforms.

    Args:
        waveform: tf.Tensor. As the request has it.
        limits: Limits. What is wanted.
        samples: int. The only length allowed. Defaults to any length.

    Returns:
        Float32 `[batch, samples, channels]`.
    """
    name, axes = "waveform", "[batch, samples, channels]"
    shape = [None, samples, limits.audio.nb_channels]
    waveform = _of_shape(name, waveform, axes=axes, shape=shape)
    length = tf.shape(waveform, out_type=tf.int64)[1]
    waveform = _no_longer(name, waveform, samples=length, limits=limits)
    waveform = _no_larger(name, waveform, limits)
    return _no_louder(name, waveform, MAX_PEAK)


def magnitudes(magnitude: tf.Tensor, limits: Limits) -> tf.Tensor:
    """Guards a batch of magnitude spectrograms.

    Args:
        magnitude: tf.Tensor. As the request has it.
        limits: Limits. What is wanted.

    Returns:
        Float32 `[batch, frames, channels, bins]`.
    """
    name, axes, audio = "magnitude", "[batch, frames, channels, bins]", limits.audio
    shape = [None, None, audio.nb_channels, audio.bins]
    magnitude = _of_shape(name, magnitude, axes=axes, shape=shape)
    samples = (tf.shape(magnitude, out_type=tf.int64)[1] - 1) * audio.nhop
    magnitude = _no_longer(name, magnitude, samples=samples, limits=limits)
    magnitude = _no_larger(name, magnitude, limits)
    # No waveform within the limit has more in a bin.
    magnitude = _no_louder(name, magnitude, MAX_PEAK * audio.nfft)
    return guard(
        magnitude,
        tf.reduce_all(magnitude >= 0),
        f"{name}: wanted magnitudes of 0 or more, found at least",
        tf.reduce_min(magnitude),
    )


def strings(name: str, tensor: tf.Tensor, limits: Limits) -> tf.Tensor:
    """Guards a batch of byte strings; `serving.wav` looks into the strings.

    Args:
        name: str. The input's name in the signature.
        tensor: tf.Tensor. As the request has it.
        limits: Limits. What is wanted.

    Returns:
        String `[batch]`.
    """
    tensor = _of_shape(name, tensor, axes="[batch]", shape=[None])
    tensor = _no_more(name, tensor, limits)
    size = limits.stems * tf.reduce_sum(tf.cast(tf.strings.length(tensor), tf.int64))
    return _sendable(name, tensor, size)


def _of_shape(name: str, tensor: tf.Tensor, *, axes: str, shape: list[int | None]) -> tf.Tensor:
    wanted = f"{name}: wanted {axes}, rank {len(shape)}"
    found = tf.shape(tensor)
    tensor = guard(tensor, tf.equal(tf.size(found), len(shape)), f"{wanted}, found shape", found)
    # The axes are read from the guarded tensor: another may have fewer.
    found = tf.shape(tensor)
    for axis, size in enumerate(shape):
        if size is not None:
            label = axes.strip("[]").split(", ")[axis]
            tensor = guard(
                tensor,
                tf.equal(found[axis], size),
                f"{name}: wanted {axes} with {size} {label}, found shape",
                found,
            )
    return tf.ensure_shape(tensor, shape)


def _no_longer(name: str, tensor: tf.Tensor, *, samples: tf.Tensor, limits: Limits) -> tf.Tensor:
    rate = limits.audio.sample_rate
    return guard(
        tensor,
        samples <= int(limits.max_seconds * rate),
        f"{name}: wanted at most {limits.max_seconds:g} s at {rate} Hz, found seconds",
        tf.cast(samples, tf.float32) / rate,
    )


def _no_more(name: str, tensor: tf.Tensor, limits: Limits) -> tf.Tensor:
    batch = tf.shape(tensor, out_type=tf.int64)[0]
    wanted = f"{name}: wanted a batch of at most {limits.max_batch}, found"
    return guard(tensor, batch <= limits.max_batch, wanted, batch)


def _no_larger(name: str, tensor: tf.Tensor, limits: Limits) -> tf.Tensor:
    tensor = _no_more(name, tensor, limits)
    size = 4 * limits.stems * tf.reduce_prod(tf.shape(tensor, out_type=tf.int64))
    return _sendable(name, tensor, size)


def _sendable(name: str, tensor: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    wanted = f"{name}: wanted outputs of less than {_MESSAGE} bytes, found"
    return guard(tensor, size < _MESSAGE, wanted, size)


def _no_louder(name: str, tensor: tf.Tensor, peak: float) -> tf.Tensor:
    # A count of the wrong values would take twice the memory of the tensor, as absolute
    # values would.
    finite = tf.reduce_all(tf.math.is_finite(tensor))
    tensor = guard(tensor, finite, f"{name}: wanted finite values, found NaN or infinite ones")
    found = tf.maximum(tf.reduce_max(tensor), -tf.reduce_min(tensor))
    wanted = f"{name}: wanted absolute values of at most {peak:g}, found"
    return guard(tensor, found <= peak, wanted, found)
