"""Which excerpts of a data set are heard."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mss_keras.config import CompareConfig, UserError
from mss_keras.config.comparing import SHORTEST_EXCERPT
from mss_keras.data import Track
from mss_keras.evaluation.excerpts import Excerpt, Rule, starts_of


@dataclass(frozen=True)
class Chosen:
    """An excerpt that was chosen.

    Args:
        excerpt: Excerpt. The excerpt.
        notes: tuple of str. What is to be known of the choice. Defaults to nothing.
    """

    excerpt: Excerpt
    notes: tuple[str, ...] = ()


def choose_examples(
    tracks: Sequence[Track], sources: Sequence[str], settings: CompareConfig
) -> list[Chosen]:
    """Chooses excerpts of different songs, spread over a data set.

    The songs are divided into as many stretches as there are excerpts, and the seed draws one of
    each. An excerpt begins where the most sources are loud enough (see `starts_of`); among several
    such places the seed draws. Where no source of a song ever is, another song of the stretch is
    taken, if there is a better one.

    Args:
        tracks: sequence of Track. The songs.
        sources: sequence of str. Names of the sources of a track, in their order.
        settings: CompareConfig. How many excerpts, how long, and the seed.

    Returns:
        The excerpts, fewer than wanted where there are fewer songs. A song that is too short is
        heard whole, if there are too few others.

    Raises:
        UserError: if all songs are shorter than a second, or a file cannot be read.
    """
    known = [track for track in tracks if _seconds(track) >= SHORTEST_EXCERPT]
    if not known:
        found = f"no song of {SHORTEST_EXCERPT:g} s in `subset` {settings.subset}"
        raise UserError("root", found, "longer songs")
    long = [track for track in known if _seconds(track) >= settings.duration]
    songs = long if len(long) >= settings.examples else known
    random = np.random.default_rng(settings.seed % 2**32)
    stretches = np.array_split(np.arange(len(songs)), min(settings.examples, len(songs)))
    return [
        _first_loud([songs[place] for place in random.permutation(stretch)], sources, settings)
        for stretch in stretches
    ]


def _first_loud(songs: Sequence[Track], sources: Sequence[str], settings: CompareConfig) -> Chosen:
    # Of the first song with a source that is loud enough, or else of the first song.
    tried: Iterator[Chosen] = (_choose(song, sources, settings) for song in songs)
    first = next(tried)
    if not first.notes:
        return first
    return next((chosen for chosen in tried if not chosen.notes), first)


def _choose(track: Track, sources: Sequence[str], settings: CompareConfig) -> Chosen:
    seconds = _seconds(track)
    if seconds < settings.duration:
        whole = f"all of the song, which has {seconds:.1f} s"
        return Chosen(Excerpt(track, 0.0, seconds), (whole,))
    places = {name: place for place, name in enumerate(sources)}
    starts = starts_of(track, places, Rule(settings.duration))
    loud = Counter(start for found in starts.values() for start in found)
    if not loud:
        return Chosen(
            Excerpt(track, 0.0, settings.duration),
            ("the song's beginning: no source is loud enough anywhere to be judged",),
        )
    most = max(loud.values())
    best = sorted(start for start, count in loud.items() if count == most)
    random = np.random.default_rng([settings.seed % 2**32, *track.name.encode()])
    return Chosen(Excerpt(track, float(random.choice(best)), settings.duration))


def _seconds(track: Track) -> float:
    return track.samples / track.sources[0].sample_rate
