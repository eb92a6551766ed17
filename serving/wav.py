"""Decodes and encodes WAV files within a graph.

The header is read here, because `tf.audio.decode_wav` silently takes 2 of 6 channels, gives
the sample rate only after it has decoded, and knows nothing but plain files.
"""

import tensorflow as tf

from mss_keras.config import AudioConfig
from serving.inputs import guard

_PCM, _EXTENSIBLE = 1, 0xFFFE
_HEADER = 44  # bytes of the header that TensorFlow writes
_MOST_CHUNKS = 100  # more would be no file of music, and take long to look through


def decode(data: tf.Tensor, audio: AudioConfig, *, max_seconds: float) -> tf.Tensor:
    """Decodes a WAV file, and asserts that it is as the model wants it.

    Args:
        data: tf.Tensor. String, 0-D: RIFF WAVE, 16-bit PCM; some chunks may precede the
            samples.
        audio: AudioConfig. The sample rate and the channels that are wanted.
        max_seconds: float. The longest length allowed, in seconds.

    Returns:
        Float32 `[samples, channels]`, −1 to 1.
    """
    rate, channels = audio.sample_rate, audio.nb_channels
    wanted = f"wav_bytes: wanted a 16-bit PCM WAV file of {rate} Hz with {channels} channels"
    length = tf.strings.length(data)
    data = guard(data, length >= 12, f"{wanted}, found a string of so many bytes:", length)
    magic = tf.strings.join([tf.strings.substr(data, 0, 4), tf.strings.substr(data, 8, 4)])
    data = guard(data, tf.equal(magic, "RIFFWAVE"), f"{wanted}, found a file of another kind")
    form, begin, size = _chunks(data)
    complete = tf.logical_and(form > 0, begin > 0)
    missing = f"no fmt or no data chunk among its first {_MOST_CHUNKS} chunks"
    data = guard(data, complete, f"{wanted}, found {missing}")
    ended = tf.logical_or(size > 0, _may_follow(data, begin))
    data = guard(data, ended, f"{wanted}, found a data chunk of size 0 with samples behind it")

    kind = _number(data, form, 2)
    # An extensible format has its plain kind in the first bytes of its GUID.
    kind = tf.where(kind == _EXTENSIBLE, _number(data, form + 24, 2), kind)
    found = {
        "format (1 is PCM)": kind,
        "bits": _number(data, form + 14, 2),
        "Hz": _number(data, form + 4, 4),
        "channels": _number(data, form + 2, 2),
    }
    right = tf.reduce_all(tf.stack(list(found.values())) == [_PCM, 16, rate, channels])
    named = [item for name, value in found.items() for item in (f"{name}:", value)]
    data = guard(data, right, f"{wanted}, found", *named)
    data = guard(
        data,
        size <= int(max_seconds * rate) * 2 * channels,
        f"wav_bytes: wanted at most {max_seconds:g} s at {rate} Hz, found seconds",
        tf.cast(size, tf.float32) / (2 * channels * rate),
    )
    # A file that was cut off may end within a sample.
    whole = size - size % (2 * channels)
    samples = tf.io.decode_raw(tf.strings.substr(data, begin, whole), tf.int16)
    return tf.cast(tf.reshape(samples, [-1, channels]), tf.float32) / 2**15


def encode(waveform: tf.Tensor, audio: AudioConfig) -> tf.Tensor:
    """Encodes a stretch of a waveform as the samples of a WAV file.

    Args:
        waveform: tf.Tensor. Float32 `[samples, channels]`; values beyond −1 to 1 are clipped.
        audio: AudioConfig. The sample rate.

    Returns:
        String, 0-D: 16-bit PCM without a header.
    """
    file = tf.audio.encode_wav(waveform, audio.sample_rate)
    return tf.strings.substr(file, _HEADER, tf.strings.length(file) - _HEADER)


def header(samples: tf.Tensor, audio: AudioConfig) -> tf.Tensor:
    """Makes the header of a WAV file of 16-bit PCM.

    Args:
        samples: tf.Tensor. Int32, 0-D: length of the file.
        audio: AudioConfig. The sample rate and the channels.

    Returns:
        String, 0-D.
    """
    silent = tf.audio.encode_wav(tf.zeros([0, audio.nb_channels]), audio.sample_rate)
    size = 2 * audio.nb_channels * samples
    between = tf.strings.substr(silent, 8, _HEADER - 12)
    return tf.strings.join(["RIFF", _bytes(size + _HEADER - 8), between, _bytes(size)])


def join(head: tf.Tensor, stretches: tf.Tensor) -> tf.Tensor:
    """Joins a header and encoded stretches to a file.

    Args:
        head: tf.Tensor. String, 0-D.
        stretches: tf.Tensor. String `[stretches]`.

    Returns:
        String, 0-D.
    """
    return tf.strings.reduce_join(tf.concat([head[tf.newaxis], stretches], axis=0))


def _chunks(data: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    # Where the contents of 'fmt ' and 'data' begin (0 if missing), and how long 'data' is.
    length = tf.cast(tf.strings.length(data), tf.int64)

    def name(place):
        return tf.strings.substr(data, tf.minimum(place, length), 4)

    def further(place, _, count):
        inside = tf.logical_and(place + 8 <= length, count < _MOST_CHUNKS)
        return tf.logical_and(inside, tf.not_equal(name(place), "data"))

    def step(place, form, count):
        size = _number(data, place + 4, 4)
        # A format has at least 16 bytes, and they must not be cut off.
        fits = tf.logical_and(size >= 16, place + 8 + size <= length)
        form = tf.where(tf.logical_and(tf.equal(name(place), "fmt "), fits), place + 8, form)
        return place + 8 + size + size % 2, form, count + 1

    start = (tf.constant(12, tf.int64), tf.constant(0, tf.int64), 1)
    place, form, _ = tf.while_loop(further, step, start, parallel_iterations=1)
    found = tf.logical_and(place + 8 <= length, tf.equal(name(place), "data"))
    begin = tf.where(found, place + 8, 0)
    # A program that writes to a pipe does not know the size, and leaves a wrong one.
    size = tf.where(found, tf.minimum(_number(data, place + 4, 4), length - begin), 0)
    return form, begin, size


def _may_follow(data: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
    # Whether nothing or a chunk follows a data chunk that is empty. A program that was killed
    # leaves the size 0 in front of the samples.
    length = tf.cast(tf.strings.length(data), tf.int64)
    name = tf.strings.substr(data, tf.minimum(place, length), 4)
    is_name = tf.strings.regex_full_match(name, "[A-Za-z0-9 _-]{4}")
    fits = place + 8 + _number(data, place + 4, 4) <= length
    return tf.logical_or(length <= place + 1, tf.logical_and(is_name, fits))


def _number(data: tf.Tensor, place: tf.Tensor, size: int) -> tf.Tensor:
    # Little-endian and unsigned; bytes beyond the end count as 0.
    length = tf.cast(tf.strings.length(data), tf.int64)
    text = tf.strings.substr(data, tf.minimum(tf.cast(place, tf.int64), length), size)
    text = tf.strings.substr(tf.strings.join([text, b"\0" * size]), 0, size)
    digits = tf.cast(tf.io.decode_raw(text, tf.uint8), tf.int64)
    digits = tf.ensure_shape(digits, [size])
    return tf.reduce_sum(digits * [256**i for i in range(size)])


def _bytes(number: tf.Tensor) -> tf.Tensor:
    # Four bytes, little-endian. TensorFlow has no op that turns numbers into bytes.
    each = tf.constant([bytes([i]) for i in range(256)])
    digits = [tf.bitwise.right_shift(number, 8 * i) & 255 for i in range(4)]
    return tf.strings.reduce_join(tf.gather(each, tf.stack(digits)))
