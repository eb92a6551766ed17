"""Waveforms that are read a piece at a time, and stems on disk as such."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile

from mss_keras.config import UserError


class Waveforms(Protocol):
    """`[sources, samples, channels]`: an array, or what is sliced like one.

    Whole-track metrics read `waveforms[:, start:stop]` and nothing else, so they take
    arrays, memory maps and `AudioFiles` alike. Slices may be taken from several threads.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Sources, samples, channels."""

    def __getitem__(self, index: Any) -> Any:
        """Samples `start:stop` of all sources, as an array."""


class AudioFiles:
    """Audio files of one length, a source each, read where they are sliced.

    Args:
        paths: a file for each source; any format that libsndfile can seek in.
        channels: wanted: 1 mixes stereo down, 2 doubles mono. Defaults to the files'.

    Attributes:
        shape: sources, samples, channels.
        sample_rate: Hz.

    Raises:
        UserError: naming the file, if one cannot be read or if its length, channels or
            sample rate are not those of the first.
    """

    def __init__(self, paths: Sequence[str | Path], channels: int | None = None):
        self._lock = threading.Lock()
        self._files: list[soundfile.SoundFile] = []
        try:
            for path in paths:
                try:
                    self._files.append(soundfile.SoundFile(path))
                except (soundfile.LibsndfileError, OSError) as error:
                    raise UserError(f"{path}: cannot be read: {error}") from error
                first, file = self._files[0], self._files[-1]
                for name in ("frames", "channels", "samplerate"):
                    found, wanted = getattr(file, name), getattr(first, name)
                    if found != wanted:
                        raise UserError(
                            f"{path}: {name}: found {found}, wanted {wanted} as in {paths[0]}"
                        )
        except UserError:
            self.close()
            raise
        self._channels = channels or self._files[0].channels
        self.shape = (len(self._files), self._files[0].frames, self._channels)
        self.sample_rate = self._files[0].samplerate

    def __getitem__(self, index: tuple[slice, slice]) -> np.ndarray:
        """Samples of sources, float64 `[sources, samples, channels]`, −1 to 1.

        Raises:
            UserError: naming the file, if it ends before its header says.
        """
        sources, samples = index
        start, stop, _ = samples.indices(self.shape[1])
        with self._lock:  # a file has one position
            return np.stack([self._read(file, start, stop) for file in self._files[sources]])

    def _read(self, file: soundfile.SoundFile, start: int, stop: int) -> np.ndarray:
        try:
            file.seek(start)
            piece = file.read(stop - start, dtype="float64", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise UserError(f"{file.name}: cannot be read: {error}") from error
        if len(piece) < stop - start:
            raise UserError(
                f"{file.name}: ends at sample {start + len(piece)}, wanted {self.shape[1]}"
            )
        if piece.shape[1] == self._channels:
            return piece
        return np.repeat(piece.mean(axis=1, keepdims=True), self._channels, axis=1)

    def close(self) -> None:
        """Closes the files."""
        for file in self._files:
            file.close()

    def __enter__(self) -> "AudioFiles":
        """Itself; the files are closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the files."""
        self.close()
