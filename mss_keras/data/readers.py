"""Stage 2 of the pipeline: excerpts of WAV files as graph ops, from disk or memory."""

from collections.abc import Callable, Sequence
from functools import partial, reduce
from itertools import chain
from typing import Any

import numpy as np
import soundfile
import tensorflow as tf
import tensorflow_io as tfio

from mss_keras.config import AudioConfig
from mss_keras.data.headers import AudioFile
from mss_keras.jobs.machine import cores

# (track, number of the file in the track, first sample) -> float32 [samples, channels]
Reader = Callable[[Any, int, Any], tf.Tensor]

# tensorflow-io gives 24-bit samples in the upper bytes of 32.
_FULL_SCALE = {"int16": 2.0**15, "int32": 2.0**31, "float32": 1.0}

_WORKERS = 16  # at most; more take longer to begin than they save
_BLOCK = 1 << 18  # samples
_ALIGNMENT = 64  # bytes; TensorFlow's
_NOTHING = AudioFile("", 0, 0, 0, "")  # in the place of a part that a track does not have


def reader(
    files: Sequence[Sequence[AudioFile]], audio: AudioConfig, samples: int, *, in_memory: bool
) -> Reader:
    """Makes a function that reads an excerpt of a file.

    Args:
        files: files, and sums of files, of each track; every track has the same number of them.
        audio: channels wanted; mono files are doubled, stereo files mixed down.
        samples: length of an excerpt; silence follows behind the end of a file.
        in_memory: whether all files are decoded now and excerpts are cut from memory.

    Returns:
        A function of the track, the number of the file in the track and the first sample, for
        use in a graph by `map_in_parallel`. It returns float32 `[samples, channels]`.
    """
    return (_MemoryReader if in_memory else _DiskReader)(files, audio, samples)


def lengths_of(files: Sequence[Sequence[AudioFile]]) -> tf.Tensor:
    """Samples of each file of each track, int64 `[tracks, files]`."""
    return tf.constant([[file.samples for file in track] for track in files], tf.int64)


def map_in_parallel(items: tf.data.Dataset, make: Callable[..., Any]) -> tf.data.Dataset:
    """`items.map(make)` in parallel and in order, safe for readers from disk.

    `map(num_parallel_calls=…)` is not safe: an op of tensorflow-io holds one open file for all of
    its calls, and two calls at a time read, now and then, each other's file. Here every worker
    has ops of its own.
    """
    # Graph ops and plain Python need no AutoGraph, which writes what it makes of them to the disk.
    make = tf.autograph.experimental.do_not_convert(make)
    workers = min(cores(), _WORKERS)
    shards = [items.shard(workers, i).map(make).prefetch(2) for i in range(workers)]
    turns = tf.data.Dataset.range(workers).repeat()
    merged = tf.data.Dataset.choose_from_datasets(shards, turns, stop_on_empty_dataset=True)
    options = tf.data.Options()
    options.experimental_optimization.map_parallelization = False
    return merged.with_options(options)


class _DiskReader:
    """Reads nothing but the excerpt."""

    def __init__(self, files: Sequence[Sequence[AudioFile]], audio: AudioConfig, samples: int):
        self._samples, self._channels = samples, audio.nb_channels
        self._lengths = lengths_of(files)
        # A file of a track is a sum of as many parts as it has in any track: some are nothing.
        counts = [max(len(file.files) for file in each) for each in zip(*files, strict=True)]
        ends = np.cumsum(counts)
        self._parts = [range(end - count, end) for count, end in zip(counts, ends, strict=True)]
        parts = [list(chain.from_iterable(map(_parts, track, counts))) for track in files]
        # Type and channels of the parts, which have to be known while the graph is made.
        self._kinds = sorted({_kind(part) for track in parts for part in track})
        self._paths = tf.constant([[part.path for part in track] for track in parts])
        self._kind_of = tf.constant(
            [[self._kinds.index(_kind(part)) for part in track] for track in parts]
        )

    def __call__(self, track: Any, file: int, offset: Any) -> tf.Tensor:
        span = slice(offset, tf.minimum(offset + self._samples, self._lengths[track, file]))
        excerpts = [self._part(track, part, span) for part in self._parts[file]]
        return _padded(reduce(tf.add, excerpts), self._samples)

    def _part(self, track: Any, part: int, span: slice) -> tf.Tensor:
        path = self._paths[track, part]
        branches = [partial(self._decode, path, span, kind) for kind in self._kinds]
        if len(branches) == 1:
            return branches[0]()
        return tf.switch_case(self._kind_of[track, part], branches)

    def _decode(self, path: tf.Tensor, span: slice, kind: tuple[str, int]) -> tf.Tensor:
        if kind == _kind(_NOTHING):
            return tf.zeros([1, self._channels])  # as long as what it is added to
        dtype, channels = kind
        file = tfio.audio.AudioIOTensor(path, dtype=tf.as_dtype(dtype))
        excerpt = tf.reshape(file[span], [-1, channels])
        return _with_channels(tf.cast(excerpt, tf.float32) / _FULL_SCALE[dtype], self._channels)


class _MemoryReader:
    """Keeps all files one behind the other in one variable.

    Of a tensor tf.data makes a copy for each iterator, when it optimises the pipeline.
    """

    def __init__(self, files: Sequence[Sequence[AudioFile]], audio: AudioConfig, samples: int):
        self._samples, self._channels = samples, audio.nb_channels
        flat = [file for track in files for file in track]
        exact = all(file.dtype == "int16" for file in flat) and audio.nb_channels == 2
        self._dtype = "int16" if exact else "float32"
        starts = np.cumsum([0] + [file.samples for file in flat])
        memory = _aligned(starts[-1] * self._channels, self._dtype)
        waveforms = memory.reshape(-1, self._channels)
        for file, start in zip(flat, starts[:-1], strict=True):
            for part in file.files:
                _add_to(waveforms[start : start + file.samples], part)
        with tf.device("CPU:0"):  # or it would fill the GPU
            tensor = tf.experimental.dlpack.from_dlpack(memory.__dlpack__())  # without a copy
            self._memory = tf.Variable(tensor, trainable=False)  # [samples · channels]
        self._starts = tf.constant(starts[:-1].reshape(len(files), -1), tf.int64)
        self._ends = tf.constant(starts[1:].reshape(len(files), -1), tf.int64)

    def __call__(self, track: Any, file: int, offset: Any) -> tf.Tensor:
        start = self._starts[track, file] + offset
        end = tf.minimum(start + self._samples, self._ends[track, file])
        # A slice of one axis takes a quarter of the time of a slice of two.
        flat = self._memory[start * self._channels : end * self._channels]
        excerpt = tf.cast(tf.reshape(flat, [-1, self._channels]), tf.float32)
        return _padded(excerpt / _FULL_SCALE[self._dtype], self._samples)


def _parts(file: AudioFile, count: int) -> list[AudioFile]:
    return [*file.files, *[_NOTHING] * (count - len(file.files))]


def _kind(file: AudioFile) -> tuple[str, int]:
    return file.dtype, file.channels


def _aligned(length: int, dtype: str) -> np.ndarray:
    # Zeros where TensorFlow takes memory of others as it is: it aborts the process elsewhere.
    raw = np.zeros(length * np.dtype(dtype).itemsize + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : len(raw) - _ALIGNMENT + start].view(dtype)


def _add_to(waveform: np.ndarray, file: AudioFile) -> None:
    # To [samples, channels], block by block: a decoded song would count twice in the memory.
    done = 0
    with soundfile.SoundFile(file.path) as sound:
        blocks = sound.blocks(
            _BLOCK, frames=len(waveform), dtype=waveform.dtype.name, always_2d=True
        )
        for block in blocks:
            if block.shape[1] > waveform.shape[1]:
                block = block.mean(axis=1, keepdims=True)
            waveform[done : done + len(block)] += block
            done += len(block)


def _padded(excerpt: tf.Tensor, samples: int) -> tf.Tensor:
    # [at most samples, channels] -> [samples, channels]
    padded = tf.pad(excerpt, [[0, samples - tf.shape(excerpt)[0]], [0, 0]])
    return tf.ensure_shape(padded, [samples, excerpt.shape[1]])


def _with_channels(waveform: tf.Tensor, channels: int) -> tf.Tensor:
    # [samples, channels of the file] -> [samples, channels]
    if waveform.shape[1] == channels:
        return waveform
    if channels == 1:
        return tf.reduce_mean(waveform, axis=1, keepdims=True)
    return tf.repeat(waveform, channels, axis=1)
