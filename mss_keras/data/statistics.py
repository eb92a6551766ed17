"""Mean and standard deviation of the training mixtures' magnitudes in each frequency bin."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from mss_keras.config import AudioConfig, UserError
from mss_keras.data.readers import map_in_parallel, reader
from mss_keras.data.tracks import Track
from mss_keras.jobs.files import appearing
from mss_keras.signal.stft import magnitude_frames

_BLOCK_SECONDS = 20.0
_FLOOR = 1e-4  # of the largest standard deviation, as open-unmix


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of magnitudes in each frequency bin.

    Args:
        mean: float32 `[bins]`.
        std: float32 `[bins]`.
    """

    mean: np.ndarray
    std: np.ndarray

    def save(self, path: Path) -> None:
        """Writes an .npz file."""
        with appearing(path) as partial:
            np.savez(partial, mean=self.mean, std=self.std)

    @classmethod
    def load(cls, path: Path, bins: int) -> "Statistics":
        """Inverse of `save`.

        Args:
            path: the .npz file.
            bins: number of frequency bins wanted.

        Raises:
            UserError: if the file is missing, is something else or has another number of bins.
        """
        try:
            with np.load(path) as file:
                statistics = cls(file["mean"], file["std"])
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            reason = "something else" if path.exists() else "no such file"
            raise UserError(path, reason, "a statistics.npz") from error
        if statistics.mean.shape != (bins,) or statistics.std.shape != (bins,):
            raise UserError(path, f"shape {statistics.mean.shape}", f"{bins} bins")
        return statistics


def compute_statistics(
    tracks: Sequence[Track], audio: AudioConfig, *, progress: bool = True
) -> Statistics:
    """Computes statistics in one pass over the whole mixtures of all tracks.

    A mixture is read from its file where every track has one, and else is the sum of the
    sources. Magnitudes are averaged over channels first, as in open-unmix.

    Args:
        tracks: the training tracks.
        audio: sample rate, channels and STFT.
        progress: whether a bar is shown. Defaults to `True`.

    Returns:
        The statistics; standard deviations are at least 1e-4 of the largest.
    """
    frames = max(1, int(_BLOCK_SECONDS * audio.sample_rate) // audio.nhop)
    samples = (frames - 1) * audio.nhop + audio.nfft
    mixtures = [(track.mixture,) for track in tracks if track.mixture]
    files = mixtures if len(mixtures) == len(tracks) else [track.sources for track in tracks]
    read = reader(files, audio, samples, in_memory=False)
    # Track, first sample and frames of each block. Blocks overlap: every frame lies within one.
    places = [
        (index, start, min(frames, _frames_in(track.samples - start, audio)))
        for index, track in enumerate(tracks)
        for start in range(0, max(1, track.samples - audio.nfft + 1), frames * audio.nhop)
    ]

    def block(place: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        excerpts = [read(place[0], file, place[1]) for file in range(len(files[0]))]
        magnitudes = magnitude_frames(tf.add_n(excerpts), audio)[: place[2]]
        values = tf.cast(tf.reduce_mean(magnitudes, axis=1), tf.float64)  # [frames, bins]
        return tf.reduce_sum(values, 0), tf.reduce_sum(values**2, 0), place[2]

    items = tf.data.Dataset.from_tensor_slices(tf.constant(places, tf.int64))
    blocks = map_in_parallel(items, block).prefetch(tf.data.AUTOTUNE)
    total, squares, count = np.zeros(audio.bins), np.zeros(audio.bins), 0
    bar = tqdm(blocks, total=len(places), desc="statistics", unit="block", disable=not progress)
    for block_total, block_squares, block_count in bar:
        total += block_total.numpy()
        squares += block_squares.numpy()
        count += int(block_count)
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
    std = np.maximum(std, max(_FLOOR * std.max(), np.finfo(np.float32).tiny))
    return Statistics(mean.astype(np.float32), std.astype(np.float32))


def _frames_in(samples: int, audio: AudioConfig) -> int:
    return max(1, (samples - audio.nfft) // audio.nhop + 1)
