"""Stems to audio files, which are written in blocks and get their names when they are whole."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
import soundfile

from mss_keras.config import UserError
from mss_keras.data.musdb import stem_ids
from mss_keras.data.tracks import STEM_SUFFIX
from mss_keras.data.writing import sound_file
from mss_keras.jobs.files import appearing

FORMATS = ("wav", "flac", "mp3", "stem.mp4")
_SUBTYPES = {"16": "PCM_16", "24": "PCM_24", "float": "FLOAT"}
_BYTES = {"16": 2, "24": 3, "float": 4}
_AAC_BIT_RATE = 256_000  # MUSDB18's
_MP3_BIT_RATE = 320_000  # the highest there is; below 32 kHz LAME takes 160,000
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


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
            f"wav, flac or mp3; a stem.mp4 has the stems {', '.join(sources)}",
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

    They are FOLDER/NAME.wav (or .flac, or .mp3) for each stem, or FOLDER.stem.mp4 with the mixture
    and the stems in the order of MUSDB18 and Native Instruments, in AAC.

    Args:
        folder: folder of the files. It is made if it is missing, and files of the same names are
            replaced.
        names: names of the stems.
        format: one of `FORMATS`.
        bits: `"16"`, `"24"` or `"float"`; without meaning for MP3 and .stem.mp4, which are
            compressed.
        rate: sample rate, Hz.
        channels: number of channels of every stem.
        seconds: expected length. A WAV file that would pass 4 GiB becomes an RF64 file. Defaults
            to an unknown length.

    Yields:
        A `StemWriter`.

    Raises:
        UserError: if the files cannot be written, or MP3 has no such sample rate.
    """
    if format == "mp3" and rate not in _MP3_RATES:
        raise UserError("format", f"mp3 of {rate} Hz", "wav or flac")
    single = folder.with_name(folder.name + STEM_SUFFIX)
    for path in [single] if format == "stem.mp4" else [folder / f"{n}.{format}" for n in names]:
        if path.is_dir():  # before the work, not after it
            raise UserError(path, "a folder", "a file, or nothing")
    try:
        with contextlib.ExitStack() as stack:
            if format == "stem.mp4":
                path = stack.enter_context(appearing(single))
                yield stack.enter_context(_stem_mp4(path, rate, channels))
                return
            paths = {name: folder / f"{name}.{format}" for name in names}
            partials = {name: stack.enter_context(appearing(path)) for name, path in paths.items()}
            if format == "mp3":
                yield stack.enter_context(_mp3_files(partials, rate, channels))
            else:
                size = (seconds or 0) * rate * channels * _BYTES[bits]
                kind = "RF64" if format == "wav" and size > 0.95 * 2**32 else format.upper()
                kinds = {"subtype": _SUBTYPES[bits], "format": kind}
                opened = {n: sound_file(x, rate, channels, **kinds) for n, x in partials.items()}
                yield _SoundFiles({n: stack.enter_context(file) for n, file in opened.items()})
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


class _Compressed:
    # Streams of a codec, in containers of their own or in one.
    clipped = 0

    def __init__(self, rate: int, channels: int):
        self._layout = "mono" if channels == 1 else "stereo"
        self._rate = rate
        self._position = 0
        self._streams: dict[str, tuple[Any, Any]] = {}

    def add(self, name: str, container: Any, *, codec: str, bit_rate: int) -> Any:
        stream = container.add_stream(codec, rate=self._rate, layout=self._layout)
        stream.bit_rate = bit_rate
        self._streams[name] = (container, stream)
        return stream

    def write(self, stems: Mapping[str, np.ndarray]) -> None:
        for name, waveform in stems.items():
            samples = np.ascontiguousarray(waveform.T, np.float32)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=self._layout)
            frame.sample_rate, frame.pts = self._rate, self._position
            container, stream = self._streams[name]
            container.mux(stream.encode(frame))
        self._position += len(waveform)

    def close(self) -> None:
        for container, stream in self._streams.values():
            container.mux(stream.encode(None))


@contextlib.contextmanager
def _stem_mp4(path: Path, rate: int, channels: int) -> Iterator[_Compressed]:
    with av.open(str(path), "w", format="mp4") as container:
        writer = _Compressed(rate, channels)
        for name, _ in sorted(stem_ids().items(), key=lambda item: item[1]):
            stream = writer.add(name, container, codec="aac", bit_rate=_AAC_BIT_RATE)
            stream.metadata["title"] = name
        yield writer
        writer.close()


@contextlib.contextmanager
def _mp3_files(paths: Mapping[str, Path], rate: int, channels: int) -> Iterator[_Compressed]:
    with contextlib.ExitStack() as stack:
        writer = _Compressed(rate, channels)
        for name, path in paths.items():
            container = stack.enter_context(av.open(str(path), "w", format="mp3"))
            writer.add(name, container, codec="libmp3lame", bit_rate=_MP3_BIT_RATE)
        yield writer
        writer.close()
