"""Asserts in the graph, before anything else is computed, that an input is valid.

TensorFlow Serving does not compare inputs with the signature, and a wrong one would fail
deep in the graph. The server answers a failed assertion with INVALID_ARGUMENT and a message
that says what was wanted. Inputs are traced without a shape: if TensorFlow knew the shape,
it would take the assertions for granted and drop them.
"""

import tensorflow as tf

from mss_keras.config import AudioConfig


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


def waveforms(
    waveform: tf.Tensor, audio: AudioConfig, *, max_seconds: float, samples: int | None = None
) -> tf.Tensor:
    """Guards a batch of waveforms.

    Args:
        waveform: tf.Tensor. As the request has it.
        audio: AudioConfig. The channels and the sample rate that are wanted.
        max_seconds: float. The longest length allowed, in seconds.
        samples: int. The only length allowed. Defaults to any length.

    Returns:
        Float32 `[batch, samples, channels]`.
    """
    name, axes = "waveform", "[batch, samples, channels]"
    waveform = _of_shape(name, waveform, axes=axes, shape=[None, samples, audio.nb_channels])
    length = tf.shape(waveform)[1]
    waveform = _no_longer(name, waveform, samples=length, audio=audio, max_seconds=max_seconds)
    return _finite(name, waveform)


def magnitudes(magnitude: tf.Tensor, audio: AudioConfig, *, max_seconds: float) -> tf.Tensor:
    """Guards a batch of magnitude spectrograms.

    Args:
        magnitude: tf.Tensor. As the request has it.
        audio: AudioConfig. The channels, bins and hop that are wanted.
        max_seconds: float. The longest length allowed, in seconds.

    Returns:
        Float32 `[batch, frames, channels, bins]`.
    """
    name, axes = "magnitude", "[batch, frames, channels, bins]"
    shape = [None, None, audio.nb_channels, audio.bins]
    magnitude = _of_shape(name, magnitude, axes=axes, shape=shape)
    samples = (tf.shape(magnitude)[1] - 1) * audio.nhop
    magnitude = _no_longer(name, magnitude, samples=samples, audio=audio, max_seconds=max_seconds)
    magnitude = _finite(name, magnitude)
    return guard(
        magnitude,
        tf.reduce_all(magnitude >= 0),
        f"{name}: wanted magnitudes of 0 or more, found at least",
        tf.reduce_min(magnitude),
    )


def strings(name: str, tensor: tf.Tensor) -> tf.Tensor:
    """Guards the rank of a batch of byte strings; `serving.wav` looks into the strings.

    Args:
        name: str. The input's name in the signature.
        tensor: tf.Tensor. As the request has it.

    Returns:
        String `[batch]`.
    """
    return _of_shape(name, tensor, axes="[batch]", shape=[None])


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


def _no_longer(
    name: str, tensor: tf.Tensor, *, samples: tf.Tensor, audio: AudioConfig, max_seconds: float
) -> tf.Tensor:
    return guard(
        tensor,
        samples <= int(max_seconds * audio.sample_rate),
        f"{name}: wanted at most {max_seconds:g} s at {audio.sample_rate} Hz, found seconds",
        tf.cast(samples, tf.float32) / audio.sample_rate,
    )


def _finite(name: str, tensor: tf.Tensor) -> tf.Tensor:
    # A count of the wrong values would take twice the memory of the tensor.
    finite = tf.reduce_all(tf.math.is_finite(tensor))
    return guard(tensor, finite, f"{name}: wanted finite values, found NaN or infinite ones")
