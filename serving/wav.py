"""WAV files to waveforms and back, within a graph.

`tf.audio.decode_wav` takes 2 of 6 channels without a word, does not tell the sample
rate before it has decoded, and knows plain files only: the header is read here.
"""

import tensorflow as tf

from mss_keras.config import AudioConfig
from serving.inputs import require

_PCM, _EXTENSIBLE = 1, 0xFFFE
_HEADER = 44  # bytes, of the files that TensorFlow writes


def decode(data: tf.Tensor, audio: AudioConfig, max_seconds: float) -> tf.Tensor:
    """A WAV file as a waveform.

    Args:
        data: string, 0-D: RIFF WAVE, 16-bit PCM, with any chunks before its samples.
        audio: the sample rate and channels wanted.
        max_seconds: longest length allowed.

    Returns:
        Float32 `[samples, channels]`, −1 to 1.
    """
    rate, channels = audio.sample_rate, audio.nb_channels
    wanted = f"wav_bytes: wanted a 16-bit PCM WAV file of {rate} Hz with {channels} channels"
    length = tf.strings.length(data)
    data = require(data, length >= 12, f"{wanted}, found a string of so many bytes:", length)
    magic = tf.strings.join([tf.strings.substr(data, 0, 4), tf.strings.substr(data, 8, 4)])
    data = require(data, tf.equal(magic, "RIFFWAVE"), f"{wanted}, found a file of another kind")
    form, begin, size = _chunks(data)
    there = tf.logical_and(form > 0, begin > 0)
    data = require(data, there, f"{wanted}, found no fmt or no data chunk in it")

    kind = _number(data, form, 2)
    # The plain kind of an extensible format stands in front of its GUID.
    kind = tf.where(kind == _EXTENSIBLE, _number(data, form + 24, 2), kind)
    found = {
        "format (1 is PCM)": kind,
        "bits": _number(data, form + 14, 2),
        "Hz": _number(data, form + 4, 4),
        "channels": _number(data, form + 2, 2),
    }
    right = tf.reduce_all(tf.stack(list(found.values())) == [_PCM, 16, rate, channels])
    named = [part for name, value in found.items() for part in (f"{name}:", value)]
    data = require(data, right, f"{wanted}, found", *named)
    data = require(
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
    """A stretch of a waveform as the samples of a WAV file; beyond −1 to 1 they are cut off.

    Args:
        waveform: float32 `[samples, channels]`.
        audio: the sample rate.

    Returns:
        String, 0-D: 16-bit PCM without a header.
    """
    file = tf.audio.encode_wav(waveform, audio.sample_rate)
    return tf.strings.substr(file, _HEADER, tf.strings.length(file) - _HEADER)


def header(samples: tf.Tensor, audio: AudioConfig) -> tf.Tensor:
    """What stands before so many samples of 16 bits in a WAV file; string, 0-D."""
    silent = tf.audio.encode_wav(tf.zeros([0, audio.nb_channels]), audio.sample_rate)
    size = 2 * audio.nb_channels * samples
    between = tf.strings.substr(silent, 8, _HEADER - 12)
    return tf.strings.join(["RIFF", _bytes(size + _HEADER - 8), between, _bytes(size)])


def join(head: tf.Tensor, parts: tf.Tensor) -> tf.Tensor:
    """A header and `[n]` stretches as one file; string, 0-D."""
    return tf.strings.reduce_join(tf.concat([head[tf.newaxis], parts], axis=0))


def _chunks(data: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    # Where the contents of 'fmt ' and 'data' begin (0: nowhere), and bytes of the latter.
    length = tf.cast(tf.strings.length(data), tf.int64)

    def name(place):
        return tf.strings.substr(data, tf.minimum(place, length), 4)

    def further(place, _):
        return tf.logical_and(place + 8 <= length, tf.not_equal(name(place), "data"))

    def step(place, form):
        size = _number(data, place + 4, 4)
        # 16 bytes at least, and those there: what is shorter is no format.
        fits = tf.logical_and(size >= 16, place + 8 + size <= length)
        form = tf.where(tf.logical_and(tf.equal(name(place), "fmt "), fits), place + 8, form)
        return place + 8 + size + size % 2, form

    start = (tf.constant(12, tf.int64), tf.constant(0, tf.int64))
    place, form = tf.while_loop(further, step, start, parallel_iterations=1)
    found = tf.logical_and(place + 8 <= length, tf.equal(name(place), "data"))
    begin = tf.where(found, place + 8, 0)
    # Programs that write to a pipe leave a size that is not known yet.
    size = tf.where(found, tf.minimum(_number(data, place + 4, 4), length - begin), 0)
    return form, begin, size


def _number(data: tf.Tensor, place: tf.Tensor, size: int) -> tf.Tensor:
    # Little-endian, unsigned; 0 for what lies beyond the end.
    length = tf.cast(tf.strings.length(data), tf.int64)
    text = tf.strings.substr(data, tf.minimum(tf.cast(place, tf.int64), length), size)
    text = tf.strings.substr(tf.strings.join([text, b"\0" * size]), 0, size)
    digits = tf.cast(tf.io.decode_raw(text, tf.uint8), tf.int64)
    digits = tf.ensure_shape(digits, [size])
    return tf.reduce_sum(digits * [256**i for i in range(size)])


def _bytes(number: tf.Tensor) -> tf.Tensor:
    # 4 of them, little-endian; no op of TensorFlow makes bytes of numbers.
    each = tf.constant([bytes([i]) for i in range(256)])
    digits = [tf.bitwise.right_shift(number, 8 * i) & 255 for i in range(4)]
    return tf.strings.reduce_join(tf.gather(each, tf.stack(digits)))
