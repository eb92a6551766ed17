"""Stems to audio files, which are written in blocks and get their names when they are whole."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import av
import numpy as np
import soundfile

from mss_keras.config import UserError
from mss_keras.data.musdb import stem_ids
from mss_keras.data.tracks import STEM_SUFFIX
from mss_keras.jobs.files import appearing

FORMATS = ("wav", "flac", "stem.mp4")
_SUBTYPES = {"16": "PCM_16", "24": "PCM_24", "float": "FLOAT"}
_BYTES = {"16": 2, "24": 3, "float": 4}
_AAC_BIT_RATE = 256_000  # MUSDB18's


class StemWriter(Protocol):
    """Takes the stems of a song, block by block.

    Attributes:
        clipped: number of samples beyond full scale that the format has cut off so far.
    """

    clipped: int

    def write(self, stems: Mapping[str, np.ndarray]) -> None:
        """Appends float `[samples, channels]` to each stem, and to a .stem.mp4's mixture."""


def require_format(format: str, bits: str, names: Sequence[str]) -> None:
    """Raises an error unless stems can be written in a format.

    Args:
        format: one of `FORMATS`.
        bits: `"16"`, `"24"` or `"float"`.
        names: names of the stems.

    Raises:
        UserError: for FLAC in floats, or a .stem.mp4 of other stems than MUSDB18's.
    """
    if format == "flac" and bits == "float":
        raise UserError("bits", "float for `format` flac", "16 or 24")
    sources = sorted(set(stem_ids()) - {"mixture"})
    if format == "stem.mp4" and sorted(names) != sources:
        raise UserError(
            "format",
            f"stem.mp4 for the stems {', '.join(names)}",
            f"wav or flac; a stem.mp4 has the stems {', '.join(sources)}",
        )


@contextlib.contextmanager
def stem_files(
    folder: Path,
    names: Sequence[str],
    *,
    format: str,
    bits: str,
    rate: int,
    channels: int,
    seconds: float | None = None,
) -> Iterator[StemWriter]:
    """Opens files of stems, which appear together when all are whole.

    They are FOLDER/NAME.wav (or .flac) for each stem, or FOLDER.stem.mp4 with the mixture and the
    stems in the order of MUSDB18 and Native Instruments, in AAC.

    Args:
        folder: folder of the files. It is made if it is missing, and files of the same names are
            replaced.
        names: names of the stems.
        format: one of `FORMATS`.
        bits: `"16"`, `"24"` or `"float"`; without meaning for a .stem.mp4, which AAC compresses.
        rate: sample rate, Hz.
        channels: number of channels of every stem.
        seconds: expected length. A WAV file that would pass 4 GiB becomes an RF64 file. Defaults
            to an unknown length.

    Yields:
        A `StemWriter`.

    Raises:
        UserError: if the files cannot be written.
    """
    single = folder.with_name(folder.name + STEM_SUFFIX)
    for path in [single] if format == "stem.mp4" else [folder / f"{n}.{format}" for n in names]:
        if path.is_dir():  # before the work, not after it
            raise UserError(path, "a folder", "a file, or nothing")
    try:
        with contextlib.ExitStack() as stack:
            if format == "stem.mp4":
                path = stack.enter_context(appearing(single))
                yield stack.enter_context(_stem_mp4(path, rate, channels))
            else:
                paths = {name: folder / f"{name}.{format}" for name in names}
                partials = {
                    name: stack.enter_context(appearing(path)) for name, path in paths.items()
                }
                size = (seconds or 0) * rate * channels * _BYTES[bits]
                kind = "RF64" if format == "wav" and size > 0.95 * 2**32 else format.upper()
                open_file = partial(
                    soundfile.SoundFile,
                    mode="w",
                    samplerate=rate,
                    channels=channels,
                    subtype=_SUBTYPES[bits],
                    format=kind,
                )
                yield _SoundFiles(
                    {n: stack.enter_context(open_file(path)) for n, path in partials.items()}
                )
    except (soundfile.LibsndfileError, av.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(folder, reason, "a folder to write to") from error


class _SoundFiles:
    def __init__(self, files: Mapping[str, soundfile.SoundFile]):
        self.files = files
        self.clipped = 0

    def write(self, stems: Mapping[str, np.ndarray]) -> None:
        for name, stem in stems.items():
            if self.files[name].subtype != "FLOAT":
                self.clipped += int(np.sum(np.abs(stem) > 1))
            self.files[name].write(stem)


class _StemMp4:
    clipped = 0

    def __init__(self, container, rate: int, channels: int):
        self._container = container
        self._layout = "mono" if channels == 1 else "stereo"
        self._rate = rate
        self._position = 0
        self._streams = {}
        for name, _ in sorted(stem_ids().items(), key=lambda item: item[1]):
            stream = container.add_stream("aac", rate=rate, layout=self._layout)
            stream.bit_rate = _AAC_BIT_RATE
            stream.metadata["title"] = name
            self._streams[name] = stream

    def write(self, stems: Mapping[str, np.ndarray]) -> None:
        for name, waveform in stems.items():
            samples = np.ascontiguousarray(waveform.T, np.float32)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=self._layout)
            frame.sample_rate, frame.pts = self._rate, self._position
            self._container.mux(self._streams[name].encode(frame))
        self._position += len(waveform)

    def close(self) -> None:
        for stream in self._streams.values():
            self._container.mux(stream.encode(None))


@contextlib.contextmanager
def _stem_mp4(path: Path, rate: int, channels: int):
    with av.open(str(path), "w", format="mp4") as container:
        writer = _StemMp4(container, rate, channels)
        yield writer
        writer.close()
