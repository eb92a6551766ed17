"""Waveforms that are read a piece at a time, and stems on disk that are read so."""

import threading
from collections.abc import Sequence
from functools import reduce
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile

from mss_keras.config import UserError, require


class Waveforms(Protocol):
    """`[sources, samples, channels]`: an array, or an object that is sliced like one.

    Metrics read slices of samples of all sources and nothing else, so they take arrays, memory
    maps and `AudioFiles` alike. Slices may be taken from several threads.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Sources, samples, channels."""

    def __getitem__(self, index: Any) -> Any:
        """Samples `start:stop` of all sources, as an array."""


# A file, or files that are added up.
Paths = str | Path | Sequence[str | Path]

# What has to agree between files, by its name in soundfile.
UNITS = {"samplerate": "Hz", "channels": "channels", "frames": "samples"}


def require_alike(y_true: Waveforms, y_pred: Waveforms) -> None:
    """Requires targets and estimates of one shape.

    Raises:
        UserError: if shapes differ, have not three axes, or an axis is empty.
    """
    found, wanted = tuple(y_pred.shape), tuple(y_true.shape)
    for field, shape in (("y_true", wanted), ("y_pred", found)):
        axes = "[sources, samples, channels], none of them 0"
        require(len(shape) == 3 and 0 not in shape, field, found=shape, wanted=f"shape {axes}")
    require(found == wanted, "y_pred", found=found, wanted=f"the shape of `y_true`, {wanted}")


def files_of(paths: Paths) -> list[str | Path]:
    """The files of a source: the one, or all that are added up."""
    return [paths] if isinstance(paths, str | Path) else list(paths)


class AudioFiles:
    """Audio files of one length, one for each source, read where they are sliced.

    Args:
        paths: sequence of paths. A file for each source, of any format that libsndfile can
            seek in, or several that are added up.
        channels: int. Number of channels wanted: 1 mixes stereo down, 2 doubles mono.
            Defaults to that of the files.

    Attributes:
        shape: sources, samples, channels.
        sample_rate: Hz.

    Raises:
        UserError: if a file cannot be read, or its length, channels or sample rate are not
            those of the first; the error names the file.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("bass.wav", "drums.wav"):
        ...     soundfile.write(folder / name, np.zeros([1000, 2]), 44100)
        >>> with AudioFiles([folder / "bass.wav", folder / "drums.wav"], channels=1) as files:
        ...     files.shape, files[:, 100:110].shape
        ((2, 1000, 1), (2, 10, 1))
    """

    def __init__(self, paths: Sequence[Paths], channels: int | None = None):
        self._lock = threading.Lock()
        self._files: list[list[soundfile.SoundFile]] = []  # of each source
        try:
            for source in map(files_of, paths):
                self._files.append([])
                for path in source:
                    self._open(path)
        except UserError:
            self.close()
            raise
        first = self._files[0][0]
        self._channels = channels or first.channels
        self.shape = (len(self._files), first.frames, self._channels)
        self.sample_rate = first.samplerate

    def _open(self, path: str | Path) -> None:
        # As another file of the last source.
        try:
            file = soundfile.SoundFile(path)
        except (soundfile.LibsndfileError, OSError) as error:
            raise UserError(
                Path(path), f"no audio that can be read ({error})", "an audio file"
            ) from error
        self._files[-1].append(file)
        first = self._files[0][0]
        for name, unit in UNITS.items():
            found, wanted = getattr(file, name), getattr(first, name)
            if found != wanted:
                raise UserError(Path(path), f"{found} {unit}", f"{wanted} as in {first.name}")

    def __getitem__(self, index: tuple[slice, slice]) -> np.ndarray:
        """Samples of sources, float64 `[sources, samples, channels]`, −1 to 1.

        Raises:
            UserError: if a file cannot be read or ends before its header says; the error
                names the file.
        """
        sources, samples = index
        start, stop, _ = samples.indices(self.shape[1])
        with self._lock:  # a file has one position
            return np.stack(
                [
                    reduce(np.add, [self._read(file, start, stop) for file in files])
                    for files in self._files[sources]
                ]
            )

    def _read(self, file: soundfile.SoundFile, start: int, stop: int) -> np.ndarray:
        try:
            file.seek(start)
            piece = file.read(stop - start, dtype="float64", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise UserError(
                Path(file.name), f"no audio that can be read ({error})", "an audio file"
            ) from error
        if len(piece) < stop - start:
            raise UserError(
                Path(file.name),
                f"{start + len(piece)} samples",
                f"the {self.shape[1]} of its header",
            )
        if piece.shape[1] == self._channels:
            return piece
        return np.repeat(piece.mean(axis=1, keepdims=True), self._channels, axis=1)

    def close(self) -> None:
        """Closes the files."""
        for file in chain.from_iterable(self._files):
            file.close()

    def __enter__(self) -> "AudioFiles":
        """These files; they are closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the files."""
        self.close()
