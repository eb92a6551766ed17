"""Which excerpts of a data set listeners hear.

An excerpt may stand for a source if

- the source is at most `below_loudest` dB below its loudest part of that length in the song, and
  at most `below_mixture` dB below the mixture, by RMS;
- it sounds in half of the excerpt or more: it is at most 30 dB below its own level there;
- neither the first nor the last second of the mixture is silent.

Excerpts begin at whole and half seconds. Among those that may, a seed draws: songs take turns, and
no two excerpts of a source overlap.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from mss_keras.config import ListeningConfig, UserError
from mss_keras.data import Track
from mss_keras.jobs.machine import cores
from mss_keras.listening.reading import Recording, mixture_of, source_of
from mss_keras.signal.silence import SILENT_MEAN_SQUARE

_HOPS = 10  # levels are told so many times a second
_STARTS = 2  # and excerpts may begin
_STEREO = 2  # levels are those of both channels: mixed down, they might cancel each other
_SOUNDS_DB = 30.0
_SOUNDS_SHARE = 0.5


@dataclass(frozen=True)
class Excerpt:
    """A part of a song in which a source is rated.

    Args:
        track: Track. The song.
        source: str. Name of the source.
        start: float. Where it begins, seconds.
        seconds: float. Its length.

    Example:
        >>> song = Track("A - B", sources=(), mixture=None)
        >>> one, other = Excerpt(song, "bass", 83.5, 8.0), Excerpt(song, "vocals", 90.0, 8.0)
        >>> one.name, one.overlaps(other)
        ('A - B @ 83.5 s', True)
    """

    track: Track
    source: str
    start: float
    seconds: float

    @property
    def name(self) -> str:
        """The name of the part of the song, whatever the source."""
        return f"{self.track.name} @ {self.start:g} s"

    def overlaps(self, other: "Excerpt") -> bool:
        """Whether the two have a part of a song in common."""
        apart = abs(self.start - other.start) >= self.seconds
        return self.track.name == other.track.name and not apart


def choose(
    tracks: Sequence[Track],
    sources: Sequence[str],
    *,
    settings: ListeningConfig,
    say: Callable[[str], None] = lambda line: None,
    progress: bool = False,
) -> tuple[list[Excerpt], Excerpt]:
    """Chooses the excerpts of a test, and one to train listeners with.

    Args:
        tracks: sequence of Track. The songs.
        sources: sequence of str. Names of the sources of a track, in their order.
        settings: ListeningConfig. Which sources are rated, how often, and the rule's limits.
        say: Callable. Is called with a line where too few excerpts qualify.
        progress: bool. Whether a bar is shown. Defaults to `False`.

    Returns:
        The excerpts, by source; and the training's, of other music where there is any.

    Raises:
        UserError: if there is no excerpt at all, all songs are too short, or a file cannot be read.
    """
    targets = settings.targets or tuple(sources)
    for target in targets:
        if target not in sources:
            raise UserError.unknown("targets", target, sources)

    longest = max((track.samples / track.sources[0].sample_rate for track in tracks), default=0.0)
    if longest < settings.duration:
        wanted = f"{longest:g} s, as the longest has, or less"
        raise UserError("duration", f"{settings.duration:g} s, but no song that long", wanted)

    def starts(track: Track) -> dict[str, list[float]]:
        return starts_of(track, {x: sources.index(x) for x in targets}, settings)

    with ThreadPoolExecutor(cores()) as pool:
        found = pool.map(starts, tracks)
        bar = tqdm(found, total=len(tracks), desc="levels", unit="track", disable=not progress)
        qualify = list(zip(tracks, bar, strict=True))
    chosen: list[Excerpt] = []
    others: list[Excerpt] = []
    for target in targets:
        candidates = [
            [Excerpt(track, target, start, settings.duration) for start in of_track[target]]
            for track, of_track in qualify
        ]
        drawn = _draw(candidates, settings)
        taken = drawn[: settings.per_source]
        others += [*drawn, *itertools.chain.from_iterable(candidates)]
        if len(taken) < settings.per_source:
            say(
                f"only {len(taken)} of {settings.per_source} excerpts for {target}: in no more is "
                f"it at most {settings.below_loudest:g} dB below its loudest part and "
                f"{settings.below_mixture:g} dB below the mixture, without overlap; more songs, "
                "a smaller `duration`, or larger `below_loudest` and `below_mixture` give more"
            )
        chosen += taken
    if not chosen:
        raise UserError(
            "duration",
            f"no excerpt of {settings.duration:g} s in which {' or '.join(targets)} is loud enough",
            "a smaller one, larger `below_loudest` and `below_mixture`, or more songs",
        )
    spare = (x for x in others if not any(x.overlaps(one) for one in chosen))
    return chosen, next(spare, chosen[0])


def starts_of(
    track: Track, targets: Mapping[str, int], settings: ListeningConfig
) -> dict[str, list[float]]:
    """Where excerpts of a track may begin, seconds, for each source.

    Args:
        track: Track. The song.
        targets: mapping of str to int. Places of the sources among those of the track.
        settings: ListeningConfig. Length of an excerpt, and the rule's limits.

    Raises:
        UserError: if a file cannot be read, or has samples that are not finite.
    """
    rate = track.sources[0].sample_rate
    with mixture_of(track, _STEREO) as recording:
        mixture = _levels(recording, rate)
    length = max(1, round(settings.duration * _HOPS))
    last = track.samples / rate - settings.duration
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
            (own >= windows.max(initial=0) * 10 ** (-settings.below_loudest / 10))
            & (own >= _mean(mixture, length)[here] * 10 ** (-settings.below_mixture / 10))
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


def _draw(candidates: Sequence[list[Excerpt]], settings: ListeningConfig) -> list[Excerpt]:
    """Excerpts in the order in which they are taken, no two of which overlap.

    Args:
        candidates: sequence of lists of Excerpt. Those of each song.
        settings: ListeningConfig. The seed, and how many are wanted.
    """
    source = next((song[0].source for song in candidates if song), "")
    random = np.random.default_rng([settings.seed % 2**32, *source.encode()])
    songs = [candidates[place] for place in random.permutation(len(candidates))]
    shuffled = [[song[place] for place in random.permutation(len(song))] for song in songs]
    free = list(_in_turns([_apart(song) for song in shuffled]))
    if len(free) > settings.per_source:
        return free
    # From the left are the most that fit, of which the seed draws.
    fitting = [_apart(song) for song in songs]
    drawn = [[song[place] for place in random.permutation(len(song))] for song in fitting]
    packed = list(_in_turns(drawn))
    return packed if len(packed) > len(free) else free


def _apart(excerpts: Sequence[Excerpt]) -> list[Excerpt]:
    # Each that overlaps none of those before.
    kept: list[Excerpt] = []
    for excerpt in excerpts:
        if not any(excerpt.overlaps(other) for other in kept):
            kept.append(excerpt)
    return kept


def _in_turns(songs: Sequence[list[Excerpt]]) -> Iterator[Excerpt]:
    # The first of every song, then the second of each that has one, and so on.
    for turn in itertools.zip_longest(*songs):
        yield from (excerpt for excerpt in turn if excerpt is not None)
