"""What a request may hold, asserted in the graph before anything else is computed.

TensorFlow Serving does not check feeds against the signature, and what is wrong would
fail deep in the graph. A failed assertion is INVALID_ARGUMENT, with a message that says
what was wanted. Inputs are traced without a shape: of a known one TensorFlow would
take the assertions for granted and drop them.
"""

import tensorflow as tf

from mss_keras.config import AudioConfig


def require(tensor: tf.Tensor, condition: tf.Tensor, message: str, *found: tf.Tensor) -> tf.Tensor:
    """The tensor, once the condition holds.

    Args:
        tensor: passed on.
        condition: bool, 0-D.
        message: what was wanted and, last, what `found` is.
        *found: values for the message.
    """
    check = tf.debugging.Assert(condition, [message, *found], summarize=8)
    with tf.control_dependencies([check]):
        return tf.identity(tensor)


def waveforms(
    waveform: tf.Tensor, audio: AudioConfig, max_seconds: float, samples: int | None = None
) -> tf.Tensor:
    """A batch of waveforms, checked.

    Args:
        waveform: as it came.
        audio: the channels and sample rate wanted.
        max_seconds: longest length allowed.
        samples: the one length allowed. Defaults to any.

    Returns:
        Float32 `[batch, samples, channels]`.
    """
    name, axes = "waveform", "[batch, samples, channels]"
    waveform = _of_shape(name, waveform, axes, [None, samples, audio.nb_channels])
    waveform = _no_longer(name, waveform, tf.shape(waveform)[1], audio, max_seconds)
    return _finite(name, waveform)


def magnitudes(magnitude: tf.Tensor, audio: AudioConfig, max_seconds: float) -> tf.Tensor:
    """A batch of magnitude spectrograms, checked.

    Returns:
        Float32 `[batch, frames, channels, bins]`.
    """
    name, axes = "magnitude", "[batch, frames, channels, bins]"
    shape = [None, None, audio.nb_channels, audio.bins]
    magnitude = _of_shape(name, magnitude, axes, shape)
    samples = (tf.shape(magnitude)[1] - 1) * audio.nhop
    magnitude = _no_longer(name, magnitude, samples, audio, max_seconds)
    magnitude = _finite(name, magnitude)
    return require(
        magnitude,
        tf.reduce_all(magnitude >= 0),
        f"{name}: wanted magnitudes of 0 or more, found at least",
        tf.reduce_min(magnitude),
    )


def strings(name: str, tensor: tf.Tensor) -> tf.Tensor:
    """A batch of byte strings, checked for its rank; `wav.decode` looks into them.

    Returns:
        String `[batch]`.
    """
    return _of_shape(name, tensor, "[batch]", [None])


def _of_shape(name: str, tensor: tf.Tensor, axes: str, shape: list[int | None]) -> tf.Tensor:
    wanted = f"{name}: wanted {axes}, rank {len(shape)}"
    found = tf.shape(tensor)
    tensor = require(tensor, tf.equal(tf.size(found), len(shape)), f"{wanted}, found shape", found)
    # Past the rank nothing is asked of a shape that has not that many axes.
    found = tf.shape(tensor)
    for axis, size in enumerate(shape):
        if size is not None:
            label = axes.strip("[]").split(", ")[axis]
            tensor = require(
                tensor,
                tf.equal(found[axis], size),
                f"{name}: wanted {axes} with {size} {label}, found shape",
                found,
            )
    return tf.ensure_shape(tensor, shape)


def _no_longer(
    name: str, tensor: tf.Tensor, samples: tf.Tensor, audio: AudioConfig, max_seconds: float
) -> tf.Tensor:
    return require(
        tensor,
        samples <= int(max_seconds * audio.sample_rate),
        f"{name}: wanted at most {max_seconds:g} s at {audio.sample_rate} Hz, found seconds",
        tf.cast(samples, tf.float32) / audio.sample_rate,
    )


def _finite(name: str, tensor: tf.Tensor) -> tf.Tensor:
    # To count them would take twice the memory of the tensor.
    finite = tf.reduce_all(tf.math.is_finite(tensor))
    return require(tensor, finite, f"{name}: wanted finite values, found NaN or infinite ones")
