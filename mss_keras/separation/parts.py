"""The part of a song that is separated, and what is read and separated for it."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from mss_keras.config import AudioConfig, SongConfig
from mss_keras.data.decoding import Song
from mss_keras.data.resampling import resampled

# What the resampler's filter hears at both sides is less, in samples of either rate.
_MARGIN = 4096


class Part:
    """A part of a song: its place among the samples that are written, and among those separated.

    The resampler begins where both rates have a sample, as it does in the whole song, and some
    time before the part.

    Args:
        files: start and duration.
        separated: sample rate at which the song is separated, Hz.
        written: sample rate at which stems are written, Hz.

    Attributes:
        begin: first sample that is separated, at that rate.
        end: sample behind the last that is separated; None to the song's end.
        samples: number of samples that are written if the song is long enough, or None.

    Example:
        >>> part = Part(SongConfig(start=1.0, duration=2.0), separated=44100, written=44100)
        >>> part.begin, part.end, part.samples
        (44100, 132300, 88200)
    """

    def __init__(self, files: SongConfig, *, separated: int, written: int):
        self._separated, self._written = separated, written
        self.start = round(files.start * written)
        self.samples = None if files.duration is None else round(files.duration * written)
        common = math.gcd(separated, written)
        margin = 0 if separated == written else _MARGIN
        units = max(0, self.start - margin) // (written // common)
        self._resampled_from = units * (written // common)
        self.begin = units * (separated // common)
        self.end = None
        if self.samples is not None:
            end = self.start + self.samples
            self.end = math.ceil(end * separated / written) + margin

    def cut(
        self, blocks: Iterable[np.ndarray], *, length: Callable[[], int]
    ) -> Iterator[np.ndarray]:
        """Brings what was separated, from `begin` on, to the rate that is written, and cuts it.

        Args:
            blocks: float32 `[samples, channels]` each.
            length: called when the blocks have ended; returns the number of samples that the song
                has at the rate that is written.

        Yields:
            Float32 `[samples, channels]`, not empty.
        """

        def wanted() -> int:
            end = math.inf if self.samples is None else self.start + self.samples
            return int(min(length(), end)) - self._resampled_from

        at = self._resampled_from
        for block in resampled(blocks, self._separated, self._written, length=wanted):
            end = None if self.samples is None else max(0, self.start + self.samples - at)
            inside = block[max(0, self.start - at) : end]
            at += len(block)
            if len(inside):
                yield inside


def without_first(blocks: Iterable[np.ndarray], samples: int) -> Iterator[np.ndarray]:
    """Drops the first samples of a waveform that comes in blocks.

    Example:
        >>> [block.tolist() for block in without_first([np.arange(3), np.arange(3, 5)], 4)]
        [[4]]
    """
    for block in blocks:
        rest, samples = block[samples:], max(0, samples - len(block))
        if len(rest):
            yield rest


class Source:
    """A song that is read from any of its samples on, at a rate.

    Args:
        path: the song.
        audio: sample rate and channels wanted.
        downmix: as in `Song`.

    Raises:
        UserError: as `Song`.
    """

    def __init__(self, path: Path, audio: AudioConfig, *, downmix: bool):
        self.audio = audio
        self._path, self._downmix = path, downmix
        self._song = self._open(0.0)
        self._begin = 0

    def _open(self, start: float) -> Song:
        return Song(self._path, self.audio, start=start, downmix=self._downmix)

    @property
    def damaged(self) -> int:
        """Number of packets so far that were left out."""
        return self._song.damaged

    @property
    def samples(self) -> int:
        """Number of samples at the file's rate, as far as it has been read."""
        return self._begin + self._song.samples

    def blocks(self, begin: int) -> Iterator[np.ndarray]:
        """The song from a sample on.

        Raises:
            UserError: as `Song`, and where the song is shorter.
        """
        rate = self.audio.sample_rate
        seeks = self._song.rate == rate  # or else the resampler begins with the song
        if seeks and begin:
            self._song, self._begin = self._open(begin / rate), begin
        yield from without_first(self._song.blocks(), 0 if seeks else begin)

    def at(self, rate: int) -> "Source":
        """The same song at another rate, read by itself."""
        audio = dataclasses.replace(self.audio, sample_rate=rate)
        return Source(self._path, audio, downmix=self._downmix)


class Mixture:
    """The song itself at the rate of the output, as many samples at a time as are asked for.

    Args:
        song: the song.
        rate: sample rate of the output, Hz.
        begin: first sample.
    """

    def __init__(self, song: Source, rate: int, begin: int):
        self._blocks = song.at(rate).blocks(begin)
        self._rest = np.zeros([0, song.audio.nb_channels], np.float32)

    def next(self, samples: int) -> np.ndarray:
        """The next samples, with silence behind the song's end."""
        parts, length = [self._rest], len(self._rest)
        while length < samples and (block := next(self._blocks, None)) is not None:
            parts.append(block)
            length += len(block)
        whole = np.concatenate(parts)
        self._rest = whole[samples:]
        return np.pad(whole[:samples], [(0, max(0, samples - len(whole))), (0, 0)])
