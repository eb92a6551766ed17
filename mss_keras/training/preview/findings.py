"""What is to be known of what training gets, in words, and what to change."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mss_keras.config import DataConfig
from mss_keras.data import Track
from mss_keras.data.alike import Alike
from mss_keras.reports.tables import counted
from mss_keras.signal.silence import SILENCE_DBFS
from mss_keras.training import advice
from mss_keras.training.preview.levels import MIXTURE, Sound, Summary

_OFTEN = 0.1  # share of examples
_SOFT = 20.0  # dB, between the medians of two sources
_NAMED = 3  # tracks, at most


@dataclass(frozen=True)
class Finding:
    """Something to be known.

    Args:
        text: str. A sentence or two, with settings in backticks.
        serious: bool. Whether training would fail by it, or learn something wrong.
    """

    text: str
    serious: bool = False


def findings(
    sounds: Sequence[Sound],
    summaries: Sequence[Summary],
    *,
    tracks: Sequence[Track],
    data: DataConfig,
    sample_rate: int,
    same: Sequence[Alike],
) -> list[Finding]:
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
    said = [advice.few_steps(len(tracks), data), advice.one_track(len(tracks))]
    found += [Finding(text) for text in said if text]
    return sorted(found, key=lambda finding: not finding.serious)


def _not_finite(sounds: Sequence[Sound]) -> list[Finding]:
    found = []
    for name in dict.fromkeys(x.name for x in sounds if not x.finite and len(x.origins) == 1):
        own = [sound for sound in sounds if sound.name == name and not sound.finite]
        where = _named(sorted({sound.origins[0].name for sound in own}))
        text = (
            f"{name} holds NaN or infinite samples in {counted(len(own), 'example')}, from "
            f"{where}: training ends at the first. 'python -m trainer check-data' names the files."
        )
        found.append(Finding(text, True))
    return found


def _alike(same: Sequence[Alike]) -> list[Finding]:
    found = []
    for one, other in dict.fromkeys((x.one, x.other) for x in same):
        own = [x.track for x in same if (x.one, x.other) == (one, other)]
        text = (
            f"{one} and {other} hold the same sound in {counted(len(own), 'track')}: {_named(own)}."
        )
        found.append(Finding(text, True))
    return found


def _silent(summary: Summary) -> list[Finding]:
    if summary.silent == 1:
        text = (
            f"{summary.name} is silent, below {SILENCE_DBFS:.0f} dBFS, in all of "
            f"{counted(summary.examples, 'example')}: nothing can be learned of it."
        )
        return [Finding(text, True)]
    if summary.silent < _OFTEN:
        return []
    text = (
        f"{summary.name} is silent, below {SILENCE_DBFS:.0f} dBFS, in {summary.silent:.0%} of "
        f"{counted(summary.examples, 'example')}. A larger `seq_dur` makes that less."
    )
    return [Finding(text)]


def _soft(summaries: Sequence[Summary]) -> list[Finding]:
    heard = [x for x in summaries if not x.name.endswith(MIXTURE) and math.isfinite(x.rms[1])]
    if not heard:
        return []
    loudest = max(heard, key=lambda summary: summary.rms[1])
    softer = [(x.name, loudest.rms[1] - x.rms[1]) for x in heard]
    return [
        Finding(
            f"{name} is {by:.0f} dB softer than {loudest.name}, by the medians of their RMS: "
            "losses that are sums over samples or bins hardly hear it."
        )
        for name, by in softer
        if by >= _SOFT
    ]


def _clipped(summaries: Sequence[Summary]) -> list[Finding]:
    return [
        Finding(
            f"The {x.name} goes beyond full scale in {x.clips:.0%} of "
            f"{counted(x.examples, 'example')}, by {x.peak:.1f} dB at most. Training takes it as "
            "it is; the page's players cut it off."
        )
        for x in summaries
        if x.name.endswith(MIXTURE) and x.clips >= _OFTEN
    ]


def _short(tracks: Sequence[Track], data: DataConfig, sample_rate: int) -> list[Finding]:
    seconds = {x.name: min(y.samples for y in x.sources) / sample_rate for x in tracks}
    short = [name for name, length in seconds.items() if length < data.seq_dur]
    if not short:
        return []
    fits = math.floor(100 * min(seconds.values())) / 100
    return [
        Finding(
            f"{counted(len(short), 'track')} of {len(tracks)} {'is' if len(short) == 1 else 'are'} "
            f"shorter than an excerpt of {data.seq_dur:g} s, which ends in silence there: "
            f"{_named(short)}. A `seq_dur` of {fits:g} fits all."
        )
    ]


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
