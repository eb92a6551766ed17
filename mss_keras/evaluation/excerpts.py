"""Excerpts of songs, and where in a song a source is loud enough to be judged.

An excerpt may stand for a source if

- the source is at most `below_loudest` dB below its loudest part of that length in the song, and
  at most `below_mixture` dB below the mixture, by RMS;
- it sounds in half of the excerpt or more: it is at most 30 dB below its own level there;
- neither the first nor the last second of the mixture is silent.

Excerpts begin at whole and half seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mss_keras.config import AudioConfig, ListeningConfig, UserError
from mss_keras.data import Track
from mss_keras.evaluation.reading import Recording, mixture_of, source_of
from mss_keras.signal.silence import SILENT_MEAN_SQUARE

_HOPS = 10  # levels are told so many times a second
_STARTS = 2  # and excerpts may begin
_STEREO = 2  # levels are those of both channels: mixed down, they might cancel each other
_SOUNDS_DB = 30.0
_SOUNDS_SHARE = 0.5


@dataclass(frozen=True)
class Excerpt:
    """A part of a song.

    Args:
        track: Track. The song.
        start: float. Where it begins, seconds.
        seconds: float. Its length.
        source: str. Name of the source that is rated in it. Defaults to none.

    Example:
        >>> song = Track("A - B", sources=(), mixture=None)
        >>> one, other = Excerpt(song, 83.5, 8.0), Excerpt(song, 90.0, 8.0, "vocals")
        >>> one.name, one.overlaps(other)
        ('A - B @ 83.5 s', True)
    """

    track: Track
    start: float
    seconds: float
    source: str = ""

    @property
    def name(self) -> str:
        """The name of the part of the song, whatever the source."""
        return f"{self.track.name} @ {self.start:g} s"

    def overlaps(self, other: "Excerpt") -> bool:
        """Whether the two have a part of a song in common."""
        apart = abs(self.start - other.start) >= self.seconds
        return self.track.name == other.track.name and not apart


@dataclass(frozen=True)
class Rule:
    """When an excerpt may stand for a source.

    Args:
        duration: float. Length of an excerpt, seconds.
        below_loudest: float. How far the source may be below its loudest part, dB. Defaults to
            that of `ListeningConfig`, 10.
        below_mixture: float. How far it may be below the mixture, dB. Defaults to that of
            `ListeningConfig`, 20.
    """

    duration: float
    below_loudest: float = ListeningConfig.below_loudest
    below_mixture: float = ListeningConfig.below_mixture


def true_waveforms(
    excerpt: Excerpt, sources: Sequence[str], audio: AudioConfig
) -> dict[str, np.ndarray]:
    """The mixture and the sources of an excerpt, float64 `[samples, channels]` by name.

    Args:
        excerpt: Excerpt. The excerpt.
        sources: sequence of str. Names of the sources of its track, in their order.
        audio: AudioConfig. Sample rate and channels.

    Raises:
        UserError: if a file cannot be read.
    """
    start = round(excerpt.start * audio.sample_rate)
    stop = start + round(excerpt.seconds * audio.sample_rate)
    with mixture_of(excerpt.track, audio.nb_channels) as recording:
        waveforms = {"mixture": recording.read(start, stop)}
    for place, source in enumerate(sources):
        with source_of(excerpt.track, place, audio.nb_channels) as recording:
            waveforms[source] = recording.read(start, stop)
    return waveforms


def starts_of(track: Track, targets: Mapping[str, int], rule: Rule) -> dict[str, list[float]]:
    """Where excerpts of a track may begin, seconds, for each source.

    Args:
        track: Track. The song.
        targets: mapping of str to int. Places of the sources among those of the track.
        rule: Rule. Length of an excerpt, and how loud is loud enough.

    Raises:
        UserError: if a file cannot be read, or has samples that are not finite.
    """
    rate = track.sources[0].sample_rate
    with mixture_of(track, _STEREO) as recording:
        mixture = _levels(recording, rate)
    length = max(1, round(rule.duration * _HOPS))
    last = track.samples / rate - rule.duration
    begins = np.arange(0, len(mixture) - length + 1, _HOPS // _STARTS)
    begins = begins[begins <= last * _HOPS + 1e-6]
    second = min(length, _HOPS)
    ends_sound = np.minimum(
        _mean(mixture, second)[begins], _mean(mixture, second)[begins + length - second]
    )
    starts = {}
    for name, place in targets.items():
        with source_of(track, place, _STEREO) as recording:
            source = _levels(recording, rate)
        windows = _mean(source, length)
        here = begins[begins < len(windows)]  # a mixture may be longer than its sources
        own = windows[here]
        sounds = [
            np.mean(source[x : x + length] >= level * 10 ** (-_SOUNDS_DB / 10)) >= _SOUNDS_SHARE
            for x, level in zip(here, own, strict=True)
        ]
        may = (
            (own >= windows.max(initial=0) * 10 ** (-rule.below_loudest / 10))
            & (own >= _mean(mixture, length)[here] * 10 ** (-rule.below_mixture / 10))
            & (own > SILENT_MEAN_SQUARE)
            & (ends_sound[: len(here)] > SILENT_MEAN_SQUARE)
            & np.array(sounds, bool)
        )
        starts[name] = (here[may] / _HOPS).tolist()
    return starts


def _levels(recording: Recording, rate: int) -> np.ndarray:
    # Mean squares of stretches of a tenth of a second.
    hop = round(rate / _HOPS)
    whole = recording.samples // hop
    parts = [np.zeros(0)]
    for first in range(0, whole, 100):
        count = min(100, whole - first)
        block = recording.read(first * hop, (first + count) * hop)
        if not np.isfinite(block).all():
            raise UserError(recording.path, "samples that are not finite", "finite ones")
        parts.append(np.mean(block.reshape(count, -1) ** 2, axis=1))
    return np.concatenate(parts)


def _mean(levels: np.ndarray, length: int) -> np.ndarray:
    # Of every stretch of so many.
    sums = np.concatenate([[0.0], np.cumsum(levels)])
    return (sums[length:] - sums[:-length]) / length
