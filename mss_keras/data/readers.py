"""Stage 2 of the pipeline: excerpts of WAV files as graph ops, from disk or memory."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import soundfile
import tensorflow as tf
import tensorflow_io as tfio

from mss_keras.config import AudioConfig
from mss_keras.data.tracks import AudioFile
from mss_keras.jobs.machine import cores

# (track, file of the track, first sample) -> float32 [samples, channels]
Reader = Callable[[Any, int, Any], tf.Tensor]

# tensorflow-io gives 24-bit samples in the upper bytes of 32.
_FULL_SCALE = {"int16": 2.0**15, "int32": 2.0**31, "float32": 1.0}


def reader(
    files: Sequence[Sequence[AudioFile]], audio: AudioConfig, samples: int, *, in_memory: bool
) -> Reader:
    """Makes a function that reads `samples` samples of one file from an offset on.

    Args:
        files: of each track; every track has the same number.
        audio: channels wanted; mono files are doubled, stereo files mixed down.
        samples: length of an excerpt; what lies behind the end is silence.
        in_memory: decode everything now and cut excerpts from memory.

    Returns:
        `(track, file, offset) → float32 [samples, channels]`, for use in a graph, by
        `map_in_parallel`.
    """
    return (_memory_reader if in_memory else _disk_reader)(files, audio, samples)


def map_in_parallel(items: tf.data.Dataset, make: Callable[..., Any]) -> tf.data.Dataset:
    """`items.map(make)` in parallel and in order, safe for readers from disk.

    `map(num_parallel_calls=…)` is not: an op of tensorflow-io holds one open file for
    all of its calls, so that two at a time read, now and then, one another's file.
    Here every worker has ops of its own.
    """
    workers = cores()
    parts = [items.shard(workers, i).map(make).prefetch(2) for i in range(workers)]
    turns = tf.data.Dataset.range(workers).repeat()
    merged = tf.data.Dataset.choose_from_datasets(parts, turns, stop_on_empty_dataset=True)
    options = tf.data.Options()
    options.experimental_optimization.map_parallelization = False
    return merged.with_options(options)


def _disk_reader(files: Sequence[Sequence[AudioFile]], audio: AudioConfig, samples: int) -> Reader:
    kinds = sorted({(file.dtype, file.channels) for track in files for file in track})
    paths = tf.constant([[file.path for file in track] for track in files])
    kind_of = tf.constant(
        [[kinds.index((file.dtype, file.channels)) for file in track] for track in files]
    )

    def read(track: Any, file: int, offset: Any) -> tf.Tensor:
        path = paths[track, file]

        def decode(dtype: str, channels: int) -> tf.Tensor:
            # The type has to be known while the graph is made. Only the slice is read.
            tensor = tfio.audio.AudioIOTensor(path, dtype=tf.as_dtype(dtype))
            part = tensor[offset : offset + samples]
            part = tf.cast(tf.reshape(part, [-1, channels]), tf.float32) / _FULL_SCALE[dtype]
            return _with_channels(part, audio.nb_channels)

        if len(kinds) == 1:
            part = decode(*kinds[0])
        else:
            branches = [lambda kind=kind: decode(*kind) for kind in kinds]
            part = tf.switch_case(kind_of[track, file], branches)
        part = tf.pad(part, [[0, samples - tf.shape(part)[0]], [0, 0]])
        return tf.ensure_shape(part, [samples, audio.nb_channels])

    return read


def _memory_reader(
    files: Sequence[Sequence[AudioFile]], audio: AudioConfig, samples: int
) -> Reader:
    flat = [file for track in files for file in track]
    exact = all(file.dtype == "int16" for file in flat) and audio.nb_channels == 2
    dtype = "int16" if exact else "float32"
    starts = np.cumsum([0] + [file.frames for file in flat])
    memory = np.empty((starts[-1], audio.nb_channels), dtype)
    for file, start in zip(flat, starts[:-1], strict=True):
        waveform, _ = soundfile.read(file.path, dtype=dtype, always_2d=True)
        if waveform.shape[1] > audio.nb_channels:
            waveform = waveform.mean(axis=1, keepdims=True)
        memory[start : start + file.frames] = waveform
    with tf.device("CPU:0"):  # or it would fill the GPU
        audio_tensor = tf.constant(memory)
    first = tf.constant(starts[:-1].reshape(len(files), -1), tf.int64)
    end = tf.constant(starts[1:].reshape(len(files), -1), tf.int64)

    def read(track: Any, file: int, offset: Any) -> tf.Tensor:
        start = first[track, file] + offset
        stop = tf.minimum(start + samples, end[track, file])
        part = tf.cast(audio_tensor[start:stop], tf.float32) / _FULL_SCALE[dtype]
        part = tf.pad(part, [[0, samples - tf.shape(part)[0]], [0, 0]])
        return tf.ensure_shape(part, [samples, audio.nb_channels])

    return read


def _with_channels(waveform: tf.Tensor, channels: int) -> tf.Tensor:
    # [samples, its channels] -> [samples, channels]
    if waveform.shape[1] == channels:
        return waveform
    if channels == 1:
        return tf.reduce_mean(waveform, axis=1, keepdims=True)
    return tf.repeat(waveform, channels, axis=1)
