"""What is to be known of what training gets, in words, and what to change."""

import math
from collections.abc import Sequence

from mss_keras.config import DataConfig
from mss_keras.data import Track
from mss_keras.data.alike import Alike
from mss_keras.reports.tables import counted
from mss_keras.signal.silence import SILENCE_DBFS
from mss_keras.training.advice import Remark, few_steps, one_track
from mss_keras.training.preview.levels import MIXTURE, Sound, Summary

_OFTEN = 0.1  # share of examples
_SOFT = 20.0  # dB, between the medians of two sources
_NAMED = 3  # tracks, at most


def findings(
    sounds: Sequence[Sound],
    summaries: Sequence[Summary],
    *,
    tracks: Sequence[Track],
    data: DataConfig,
    sample_rate: int,
    same: Sequence[Alike],
) -> list[Remark]:
    """What is to be known, the serious first.

    Args:
        sounds: sequence of Sound. The sounds of some examples.
        summaries: sequence of Summary. Their summaries.
        tracks: sequence of Track. The training tracks.
        data: DataConfig. How examples are made.
        sample_rate: int. Hz.
        same: sequence of Alike. Files that hold the same sound.
    """
    found = [
        *_not_finite(sounds),
        *_alike(same),
        *(finding for summary in summaries for finding in _silent(summary)),
        *_soft(summaries),
        *_clipped(summaries),
        *_short(tracks, data, sample_rate),
    ]
    said = [few_steps(len(tracks), data), one_track(len(tracks))]
    found += [Remark(text) for text in said if text]
    return sorted(found, key=lambda finding: not finding.serious)


def _not_finite(sounds: Sequence[Sound]) -> list[Remark]:
    found = []
    for name in dict.fromkeys(x.name for x in sounds if not x.finite and len(x.origins) == 1):
        own = [sound for sound in sounds if sound.name == name and not sound.finite]
        where = _named(sorted({sound.origins[0].name for sound in own}))
        text = (
            f"{name} holds NaN or infinite samples in {counted(len(own), 'example')}, from "
            f"{where}: training ends at the first. 'python -m trainer check-data' names the files."
        )
        found.append(Remark(text, True))
    return found


def _alike(same: Sequence[Alike]) -> list[Remark]:
    found = []
    for one, other in dict.fromkeys((x.one, x.other) for x in same):
        own = [x.track for x in same if (x.one, x.other) == (one, other)]
        text = (
            f"{one} and {other} hold the same sound in {counted(len(own), 'track')}: {_named(own)}."
        )
        found.append(Remark(text, True))
    return found


def _silent(summary: Summary) -> list[Remark]:
    if summary.silent == 1:
        text = (
            f"{summary.name} is silent, below {SILENCE_DBFS:.0f} dBFS, in all of "
            f"{counted(summary.examples, 'example')}: nothing can be learned of it."
        )
        return [Remark(text, True)]
    if summary.silent < _OFTEN:
        return []
    text = (
        f"{summary.name} is silent, below {SILENCE_DBFS:.0f} dBFS, in {summary.silent:.0%} of "
        f"{counted(summary.examples, 'example')}. Where tracks have it elsewhere, a larger "
        "`seq_dur` makes that less."
    )
    return [Remark(text)]


def _soft(summaries: Sequence[Summary]) -> list[Remark]:
    heard = [x for x in summaries if not x.name.endswith(MIXTURE) and math.isfinite(x.rms[1])]
    if not heard:
        return []
    loudest = max(heard, key=lambda summary: summary.rms[1])
    softer = [(x.name, loudest.rms[1] - x.rms[1]) for x in heard]
    return [
        Remark(
            f"{name} is {by:.0f} dB softer than {loudest.name}, by the medians of their RMS: "
            "losses that are sums over samples or bins hardly hear it."
        )
        for name, by in softer
        if by >= _SOFT
    ]


def _clipped(summaries: Sequence[Summary]) -> list[Remark]:
    return [
        Remark(
            f"The {x.name} goes beyond full scale in {x.clips:.0%} of "
            f"{counted(x.examples, 'example')}, by {x.peak:.1f} dB at most. Training takes it as "
            "it is; the page's players cut it off."
        )
        for x in summaries
        if x.name.endswith(MIXTURE) and x.clips >= _OFTEN
    ]


def _short(tracks: Sequence[Track], data: DataConfig, sample_rate: int) -> list[Remark]:
    seconds = {x.name: min(y.samples for y in x.sources) / sample_rate for x in tracks}
    short = [name for name, length in seconds.items() if length < data.seq_dur]
    if not short:
        return []
    fits = math.floor(100 * min(seconds.values())) / 100
    return [
        Remark(
            f"{counted(len(short), 'track')} of {len(tracks)} {'is' if len(short) == 1 else 'are'} "
            f"shorter than an excerpt of {data.seq_dur:g} s, which ends in silence there: "
            f"{_named(short)}. A `seq_dur` of {fits:g} fits all."
        )
    ]


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
