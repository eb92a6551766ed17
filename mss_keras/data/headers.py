"""Headers of the files of a data set."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile

from mss_keras.config import UserError
from mss_keras.data.chunks import samples_in_graph

# Types in which tensorflow-io reads encodings of WAV; 32-bit integers make it abort.
_DTYPES = {"PCM_16": "int16", "PCM_24": "int32", "FLOAT": "float32"}


@dataclass(frozen=True)
class AudioFile:
    """A WAV file's header, or that of a sum of files.

    Args:
        path: path of the file; of a sum, the path that a file of it would have.
        samples: number of samples in each channel.
        channels: number of channels.
        sample_rate: sample rate, Hz.
        dtype: type in which the samples are read: `"int16"`, `"int32"` or `"float32"`.
        parts: files that are added up; none where the file is one itself. Defaults to none.
    """

    path: str
    samples: int
    channels: int
    sample_rate: int
    dtype: str
    parts: tuple["AudioFile", ...] = ()

    @property
    def files(self) -> tuple["AudioFile", ...]:
        """The files that are read and added up: the parts, or the file alone."""
        return self.parts or (self,)

    @property
    def paths(self) -> tuple[str, ...]:
        """Paths of `files`."""
        return tuple(file.path for file in self.files)

    @classmethod
    def summed(cls, path: str | Path, parts: Sequence["AudioFile"]) -> "AudioFile":
        """The sum of files of one sample rate, as long as the shortest.

        Args:
            path: path that a file of the sum would have.
            parts: the files.

        Example:
            >>> drums = AudioFile("a/drums.wav", 500, 2, 44100, "int16")
            >>> bass = AudioFile("a/bass.wav", 400, 1, 44100, "int16")
            >>> both = AudioFile.summed("a/rhythm.wav", [drums, bass])
            >>> both.samples, both.channels, both.dtype, both.paths
            (400, 2, 'float32', ('a/drums.wav', 'a/bass.wav'))
        """
        return cls(
            str(path),
            min(file.samples for file in parts),
            max(file.channels for file in parts),
            parts[0].sample_rate,
            "float32",
            tuple(parts),
        )

    @classmethod
    def read_header(cls, path: str | Path) -> "AudioFile":
        """Reads the header of a file.

        Args:
            path: path of the file.

        Raises:
            UserError: if the file is missing, not audio, cut short or empty, or has an encoding
                or a layout that cannot be read.
        """
        path = Path(path)
        try:
            info = soundfile.info(str(path), verbose=True)
        except (soundfile.LibsndfileError, OSError) as error:
            reason = "no audio" if path.exists() else "no such file"
            raise UserError(path, reason, "a WAV file") from error
        if info.format not in ("WAV", "WAVEX") or info.subtype not in _DTYPES:
            raise UserError(path, f"{info.format} {info.subtype}", f"WAV of {', '.join(_DTYPES)}")
        # libsndfile shortens the length to the samples that are there and notes it in its log.
        cut = re.search(r"data : (\d+) \(should be (\d+)\)", info.extra_info)
        if cut:
            raise UserError(
                path,
                f"a file that is cut short, with {cut[2]} bytes of samples",
                f"{cut[1]}, as its header promises",
            )
        if info.frames == 0:
            raise UserError(path, "no samples", "some")
        if samples_in_graph(path) != info.frames:
            raise UserError(
                path,
                "chunks in an order or of lengths that tensorflow-io cannot read (24-bit mono of "
                "an odd number of samples is one case)",
                "a plain WAV: save it again in 16 bit or float",
            )
        return cls(str(path), info.frames, info.channels, info.samplerate, _DTYPES[info.subtype])
