"""The beginning of a track as arrays, and WAV files in place of .stem.mp4 files."""

import dataclasses
from collections.abc import Callable

import numpy as np
import soundfile

from mss_keras.config import AudioConfig, DataConfig
from mss_keras.data.headers import AudioFile
from mss_keras.data.stems import prepare
from mss_keras.data.tracks import Track, beside, find_kind


def excerpt(track: Track, audio: AudioConfig, seconds: float) -> dict[str, np.ndarray]:
    """Reads the beginning of a track.

    Args:
        track: the track.
        audio: channels wanted.
        seconds: length at most, seconds.

    Returns:
        `mixture` `[samples, channels]` and `sources` `[sources, samples, channels]`, float32.
    """
    samples = min(track.samples, round(seconds * audio.sample_rate))

    def read(file: AudioFile) -> np.ndarray:
        if file.parts:
            return np.sum([read(part) for part in file.parts], axis=0)
        waveform, _ = soundfile.read(file.path, samples, dtype="float32", always_2d=True)
        if audio.nb_channels == 1:
            return waveform.mean(axis=1, keepdims=True)
        return np.broadcast_to(waveform, (samples, audio.nb_channels))

    sources = np.stack([read(file) for file in track.sources])
    return {"mixture": read(track.mixture) if track.mixture else sources.sum(0), "sources": sources}


def as_wav(data: DataConfig, *, say: Callable[[str], None], progress: bool) -> DataConfig:
    """The data set in WAV: the same data set, or one decoded from .stem.mp4 on first use.

    Args:
        data: the data set.
        say: called with a line if something is decoded, if peaks are clipped, and if `prepared`
            has no use.
        progress: whether a bar is shown.

    Raises:
        UserError: if the root holds no data set, or tracks cannot be decoded.
    """
    if data.root is None or find_kind(data.root) != "stems":
        if data.prepared:
            say(f"`prepared` {data.prepared} is not used: {data.root} needs no decoding")
        return data
    folder = data.prepared or str(beside(data.root))
    say(f"decoding {data.root} to WAV in {folder}, once")
    prepare(data.root, folder, progress=progress, say=say)
    return dataclasses.replace(data, root=folder)
