"""Which excerpts of a data set listeners hear.

Those in which a source is loud enough, see `mss_keras.evaluation.excerpts`. Among them a seed
draws: songs take turns, and no two excerpts of a source overlap.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from tqdm import tqdm

from mss_keras.config import ListeningConfig, UserError
from mss_keras.data import Track
from mss_keras.evaluation.excerpts import Excerpt, Rule, starts_of
from mss_keras.jobs.machine import cores


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

    rule = Rule(settings.duration, settings.below_loudest, settings.below_mixture)

    def starts(track: Track) -> dict[str, list[float]]:
        return starts_of(track, {x: sources.index(x) for x in targets}, rule)

    with ThreadPoolExecutor(cores()) as pool:
        found = pool.map(starts, tracks)
        bar = tqdm(found, total=len(tracks), desc="levels", unit="track", disable=not progress)
        qualify = list(zip(tracks, bar, strict=True))
    chosen: list[Excerpt] = []
    others: list[Excerpt] = []
    for target in targets:
        candidates = [
            [Excerpt(track, start, settings.duration, target) for start in of_track[target]]
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
