"""Files of a track that hold the same sound, which should be different sources."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import soundfile

from mss_keras.data.headers import AudioFile
from mss_keras.data.tracks import Track
from mss_keras.signal.silence import SILENT_MEAN_SQUARE

_PLACES = (0.25, 0.5, 0.75)  # of a track's length
_SECONDS = 3.0  # at each of them
_SAME = 0.9999  # correlation; the same recording in two encodings has more


@dataclass(frozen=True)
class Alike:
    """Two files of a track that hold the same sound.

    Args:
        track: name of the track.
        one: name of a source.
        other: name of another source, or `mixture`.
    """

    track: str
    one: str
    other: str


def alike(tracks: Sequence[Track], sources: Sequence[str]) -> list[Alike]:
    """Finds sources that hold the same sound as another, or as the mixture, at whatever gain.

    Three places of each track are listened to, 9 s together. A source that is silent there says
    nothing, and no more does one that is the mixture because no other sounds.

    Args:
        tracks: the tracks.
        sources: names of their sources.
    """
    found = []
    for track in tracks:
        sounds = {
            name: sound
            for name, file in zip(sources, track.sources, strict=True)
            if _sounds(sound := _excerpts(file, track.samples))
        }
        if track.mixture and len(sounds) > 1:
            sounds["mixture"] = _excerpts(track.mixture, track.samples)
        for one, other in combinations(sounds, 2):
            if _same(sounds[one], sounds[other]):
                found.append(Alike(track.name, one, other))
    return found


def _excerpts(file: AudioFile, samples: int) -> np.ndarray:
    # Channels are added up: one file may be mono and the other not.
    length = min(samples, round(_SECONDS * file.sample_rate))
    if file.parts:
        return np.sum([_excerpts(part, samples) for part in file.parts], axis=0)
    excerpts = []
    with soundfile.SoundFile(file.path) as sound:
        for place in _PLACES:
            sound.seek(round(place * (samples - length)))
            excerpts.append(sound.read(length, dtype="float64", always_2d=True).mean(axis=1))
    return np.concatenate(excerpts)


def _sounds(sound: np.ndarray) -> bool:
    return bool(np.mean(np.square(sound)) >= SILENT_MEAN_SQUARE)  # False where there is NaN


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    norm = np.linalg.norm(one) * np.linalg.norm(other)
    return bool(norm > 0 and abs(one @ other) > _SAME * norm)
