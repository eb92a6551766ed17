"""Mean and standard deviation of the training mixtures' magnitudes in each frequency bin."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np
import scipy.fft
import soundfile
from numpy.lib.stride_tricks import sliding_window_view
from tqdm import tqdm

from mss_keras.config import AudioConfig, UserError
from mss_keras.data.headers import AudioFile
from mss_keras.data.tracks import Track
from mss_keras.jobs.arrays import write_arrays
from mss_keras.jobs.files import appearing
from mss_keras.jobs.machine import cores

_BLOCK_SECONDS = 20.0
_FRAMES = 32  # transformed at a time, so that they stay in the processor's cache
_FLOOR = 1e-4  # of the largest standard deviation, as open-unmix


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of magnitudes in each frequency bin.

    Args:
        mean: float32 `[bins]`.
        std: float32 `[bins]`, above 0.

    Raises:
        UserError: if a value is not finite, or a standard deviation not above 0.
    """

    mean: np.ndarray
    std: np.ndarray

    def __post_init__(self):
        sound = (
            np.isfinite(self.mean).all() and np.isfinite(self.std).all() and np.all(self.std > 0)
        )
        if not sound:
            raise UserError(
                "statistics",
                "values that are not finite or standard deviations of 0",
                "those of music: compute them anew",
            )

    def save(self, path: Path) -> None:
        """Writes an .npz file."""
        with appearing(path) as partial:
            write_arrays(partial, [("mean", self.mean), ("std", self.std)])

    @classmethod
    def load(cls, path: Path, bins: int) -> "Statistics":
        """Inverse of `save`.

        Args:
            path: the .npz file.
            bins: number of frequency bins wanted.

        Raises:
            UserError: if the file is missing, is something else, has another number of bins or
                values that are not finite.
        """
        try:
            with np.load(path) as file:
                mean, std = file["mean"], file["std"]
        except Exception as error:  # of the archive, its compression, or an array's header
            reason = "something else" if path.exists() else "no such file"
            raise UserError(path, reason, "a statistics.npz") from error
        try:
            statistics = cls(mean, std)
        except UserError as error:
            raise UserError(path, error.found, error.wanted) from None
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

    Raises:
        UserError: for the first file that has samples that are not finite, and if the mixtures
            are silent throughout or never change.
    """
    frames = max(1, int(_BLOCK_SECONDS * audio.sample_rate) // audio.nhop)
    with_mixtures = all(track.mixture for track in tracks)
    # Blocks overlap: every frame lies within one.
    blocks = [
        _Block(
            (track.mixture,) if with_mixtures and track.mixture else _read_files(track.sources),
            start,
            min(frames, _frames_in(track.samples - start, audio)),
        )
        for track in tracks
        for start in range(0, max(1, track.samples - audio.nfft + 1), frames * audio.nhop)
    ]
    total, squares = np.zeros(audio.bins), np.zeros(audio.bins)
    # Reading and transforming leave Python to the other threads.
    with ThreadPoolExecutor(cores()) as pool:
        sums = pool.map(lambda block: block.sums(audio), blocks)
        bar = tqdm(sums, total=len(blocks), desc="statistics", unit="block", disable=not progress)
        for block_total, block_squares in bar:
            total += block_total
            squares += block_squares
    count = sum(block.frames for block in blocks)
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
    if not std.any():
        found = "mixtures whose spectrum never changes" if mean.any() else "silence in all mixtures"
        raise UserError("root", found, "music to train on")
    std = np.maximum(std, max(_FLOOR * std.max(), np.finfo(np.float32).tiny))
    return Statistics(mean.astype(np.float32), std.astype(np.float32))


@dataclass(frozen=True)
class _Block:
    """A part of a mixture, which is the sum of files.

    Args:
        files: the files.
        start: first sample.
        frames: number of frames of the STFT.
    """

    files: Sequence[AudioFile]
    start: int
    frames: int

    def sums(self, audio: AudioConfig) -> tuple[np.ndarray, np.ndarray]:
        """Sums of the frames' magnitudes and of their squares, float64 `[bins]` each."""
        excerpts = [self._read(file, audio) for file in self.files]
        waveform = np.ascontiguousarray(reduce(np.add, excerpts).T)  # [channels, samples]
        frames = sliding_window_view(waveform, audio.nfft, axis=1)[:, :: audio.nhop]
        window = np.hanning(audio.nfft + 1)[:-1].astype(np.float32)  # periodic
        total, squares = np.zeros(audio.bins), np.zeros(audio.bins)
        with np.errstate(invalid="ignore", over="ignore"):  # told below
            for first in range(0, self.frames, _FRAMES):
                spectra = scipy.fft.rfft(frames[:, first : first + _FRAMES] * window)
                magnitudes = np.abs(spectra).mean(axis=0).astype(np.float64)  # [frames, bins]
                total += magnitudes.sum(axis=0)
                squares += np.einsum("fb,fb->b", magnitudes, magnitudes)
        if not np.isfinite(squares).all():
            peaks = [np.abs(excerpt).max() for excerpt in excerpts]
            worst = int(np.argmax(peaks))  # NaN counts as the largest
            raise UserError(
                Path(self.files[worst].path),
                f"a sample of {peaks[worst]:g}",
                "finite ones from −1 to 1",
            )
        return total, squares

    def _read(self, file: AudioFile, audio: AudioConfig) -> np.ndarray:
        # Silence follows behind the end of the file.
        samples = (self.frames - 1) * audio.nhop + audio.nfft
        waveform, _ = soundfile.read(
            file.path, samples, self.start, dtype="float32", always_2d=True, fill_value=0.0
        )
        if waveform.shape[1] > audio.nb_channels:
            return waveform.mean(axis=1, keepdims=True)
        return waveform


def _read_files(sources: Sequence[AudioFile]) -> list[AudioFile]:
    return [file for source in sources for file in source.files]


def _frames_in(samples: int, audio: AudioConfig) -> int:
    return max(1, (samples - audio.nfft) // audio.nhop + 1)
