"""Any audio that FFmpeg's libraries read, in blocks, at the sample rate and channels wanted."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from mss_keras.config import AudioConfig, UserError
from mss_keras.data.resampling import resampled

# Containers whose time stamps are exact to the sample: seeking is exact, too.
_SEEKABLE = {"wav", "w64", "aiff", "caf", "flac"}


class Song:
    """The first audio stream of a file, decoded block by block.

    Args:
        path: the audio or video file.
        audio: sample rate and channels wanted. Mono is doubled, stereo mixed down.
        start: where to begin, seconds. Defaults to `0`.
        duration: how much to read, seconds. Defaults to all.
        downmix: whether more than two channels are mixed down, as FFmpeg does. Defaults to
            `False`.

    Attributes:
        rate: sample rate of the file, Hz.
        channels: number of channels of the file.
        whole_seconds: length of the file, seconds, by what it says; None where it is unknown.
        seconds: length to be expected, seconds, by what the file says; None where it is unknown.
        samples: number of samples decoded so far, at the file's rate.
        damaged: number of packets so far that could not be decoded and were left out.

    Raises:
        UserError: if the file is missing, is not audio, or has more than two channels
            without `downmix`.
    """

    def __init__(
        self,
        path: str | Path,
        audio: AudioConfig,
        *,
        start: float = 0.0,
        duration: float | None = None,
        downmix: bool = False,
    ):
        self.path, self.audio = Path(path), audio
        self.start, self.duration = start, duration
        self.damaged = self.samples = 0
        try:
            with opened(path) as container:
                stream = self._stream(container)
                self.rate: int = stream.codec_context.sample_rate
                self.channels: int = stream.codec_context.layout.nb_channels
                length = container.duration and container.duration / av.time_base
        except (av.FFmpegError, OSError) as error:
            raise self._unreadable(error) from error
        if self.channels > 2 and not downmix:
            raise UserError(
                self.path,
                f"{self.channels} channels",
                "1 or 2 (`downmix` mixes them down to stereo)",
            )
        self.whole_seconds = length
        rest = None if length is None else max(0.0, length - start)
        known = [x for x in (rest, duration) if x is not None]
        self.seconds = min(known) if known else None

    def _stream(self, container):
        if not container.streams.audio:
            raise UserError(self.path, "no audio", "an audio file")
        return container.streams.audio[0]

    def _unreadable(self, error: Exception) -> UserError:
        reason = getattr(error, "strerror", None) or str(error)
        return UserError(self.path, reason, "an audio file")

    def _without_samples(self) -> UserError:
        if self.start:
            return UserError(
                self.path, f"no samples from {self.start:g} s on", "a `start` within the song"
            )
        return UserError(self.path, "no samples", "an audio file")

    def blocks(self) -> Iterator[np.ndarray]:
        """Decodes the waveform from its beginning.

        Yields:
            Float32 `[samples, channels]` at the rate and channels wanted. Of n samples of
            the file, `round(n * wanted / rate)` samples come in all.

        Raises:
            UserError: if there are no samples, or some are not finite.
        """
        blocks = resampled(self._decoded(), self.rate, self.audio.sample_rate)
        first = next(blocks, None)
        if first is None:
            raise self._without_samples()
        for block in itertools.chain([first], blocks):
            yield self._with_channels(block)

    @property
    def warnings(self) -> list[str]:
        """Lines about what was wrong with the file, after it was decoded."""
        found = damages(self.damaged, seconds=self.samples / self.rate, expected=self.seconds)
        return [f"warning: {self.path}: {damage}" for damage in found]

    def _with_channels(self, block: np.ndarray) -> np.ndarray:
        # The resampler would take 3 dB off a mono file that becomes stereo.
        wanted = self.audio.nb_channels
        if wanted == 1:
            return block.mean(axis=1, keepdims=True)
        return block if block.shape[1] == wanted else np.repeat(block, wanted, axis=1)

    def _decoded(self) -> Iterator[np.ndarray]:
        # At the file's rate, cut to start and duration.
        begin = round(self.start * self.rate)
        end = None if self.duration is None else begin + round(self.duration * self.rate)
        self.damaged = self.samples = 0
        try:
            with opened(self.path) as container:
                for position, block in self._positioned(container, begin):
                    if end is not None and position >= end:
                        return
                    stop = None if end is None else end - position
                    inside = block[max(0, begin - position) : stop]
                    if len(inside):
                        self._require_finite(inside, begin + self.samples)
                        self.samples += len(inside)
                        yield inside
        except (av.FFmpegError, OSError) as error:
            raise self._unreadable(error) from error

    def _positioned(self, container, begin: int) -> Iterator[tuple[int, np.ndarray]]:
        # Blocks at the file's rate, each with the position of its first sample.
        stream = self._stream(container)
        seeks = begin > 0 and container.format.name in _SEEKABLE
        if seeks:
            container.seek(int(begin / self.rate / stream.time_base), stream=stream)
        layout = "stereo" if self.channels > 2 else None
        to_float = av.AudioResampler(format="fltp", layout=layout, rate=self.rate)
        position = None if seeks else 0
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.InvalidDataError:
                self.damaged += 1  # the rest is decoded, as by FFmpeg
                continue
            for frame in frames:
                if position is None:
                    position = round(frame.pts * frame.time_base * self.rate)
                for block in to_float.resample(frame):
                    yield position, block.to_ndarray().T  # [samples, channels]
                    position += block.samples

    def _require_finite(self, block: np.ndarray, position: int) -> None:
        if not np.isfinite(block).all():
            at = (position + np.argmin(np.isfinite(block).all(axis=1))) / self.rate
            raise UserError(self.path, f"a NaN or infinite sample at {at:.3f} s", "finite samples")


def opened(path: str | Path) -> av.container.InputContainer:
    """An audio or video file for PyAV to read; tags may be in any encoding.

    Raises:
        av.FFmpegError: if it cannot be opened.
        OSError: likewise.
    """
    return av.open(str(path), metadata_errors="replace")


def decode(path: str | Path, audio: AudioConfig) -> np.ndarray:
    """A whole file as a waveform.

    Args:
        path: the audio or video file.
        audio: sample rate and channels wanted; mono is doubled, stereo mixed down.

    Returns:
        Float32 `[samples, channels]`.

    Raises:
        UserError: as `Song` and its blocks raise it.
    """
    return np.concatenate(list(Song(path, audio).blocks()))


def damages(packets: int, *, seconds: float, expected: float | None) -> list[str]:
    """What was wrong with a file that was decoded, a phrase each.

    Args:
        packets: number of damaged packets.
        seconds: length of what was decoded, seconds.
        expected: length that the file claims, seconds, if it does.

    Example:
        >>> damages(0, seconds=3.5, expected=60.0)
        ['it ends after 3.5 of 60.0 s, and may be cut off']
    """
    found = []
    if packets:
        found.append(f"{packets} damaged packets were left out")
    if expected is not None and seconds < expected - 0.5:
        found.append(f"it ends after {seconds:.1f} of {expected:.1f} s, and may be cut off")
    return found
