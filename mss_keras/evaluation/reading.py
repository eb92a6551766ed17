"""Parts of recordings, read where they are asked for."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mss_keras.data import Track
from mss_keras.data.writing import sound_file
from mss_keras.jobs.files import appearing
from mss_keras.metrics import AudioFiles


class Recording:
    """The sum of files, of which parts are read.

    Args:
        paths: sequence of paths. The files.
        channels: int. Number of channels wanted: 1 mixes stereo down, 2 doubles mono.

    Attributes:
        path: the first file.
        samples: number of samples that all files have.
        sample_rate: Hz.

    Raises:
        UserError: if a file cannot be read.
    """

    def __init__(self, paths: Sequence[str | Path], channels: int):
        self.path = Path(paths[0])
        with contextlib.ExitStack() as stack:
            self._files = [stack.enter_context(AudioFiles([path], channels)) for path in paths]
            self._open = stack.pop_all()
        self.samples = min(file.shape[1] for file in self._files)
        self.sample_rate = self._files[0].sample_rate

    def read(self, start: int, stop: int) -> np.ndarray:
        """Samples from `start` to before `stop`, float64 `[samples, channels]`.

        Raises:
            UserError: if a file cannot be read or ends before its header says.
        """
        return np.sum([file[:, start:stop][0] for file in self._files], axis=0)

    def __enter__(self) -> "Recording":
        """This recording; its files are closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the files."""
        self._open.close()


def mixture_of(track: Track, channels: int) -> Recording:
    """The mixture of a track, which is the sum of its sources where it has no file."""
    files = [track.mixture] if track.mixture else track.summands
    return Recording([path for file in files for path in file.paths], channels)


def source_of(track: Track, place: int, channels: int) -> Recording:
    """A source of a track, by its place among the sources."""
    return Recording(track.sources[place].paths, channels)


def write_wav(path: Path, waveform: np.ndarray, sample_rate: int) -> None:
    """Writes a waveform as a WAV file of 32-bit floats, which appears when it is whole.

    Args:
        path: Path. The file.
        waveform: np.ndarray. `[samples, channels]`.
        sample_rate: int. Hz.

    Raises:
        OSError: if the file cannot be written.
    """
    channels = waveform.shape[1]
    with (
        appearing(path) as partial,
        sound_file(partial, sample_rate, channels, subtype="FLOAT") as file,
    ):
        file.write(waveform)
