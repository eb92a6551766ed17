"""Levels of what training gets: of each sound by itself, and of all together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mss_keras.data import Origin
from mss_keras.signal.silence import SILENCE_DBFS

MIXTURE, UNPAIRED = "mixture", "unpaired "


@dataclass(frozen=True)
class Sound:
    """A mixture or a source of an example, with its levels.

    Args:
        example: int. Index of the example in the run, counted from 0.
        name: str. `mixture` or the name of the source; `unpaired ` stands before it in the
            unpaired half of an example.
        rms: float. Level of the whole, dBFS; −inf where all samples are 0, NaN where one is no
            finite number.
        peak: float. Level of the largest sample, dBFS.
        origins: tuple of Origin. Where it comes from: for a mixture of sources, of each of them.
    """

    example: int
    name: str
    rms: float
    peak: float
    origins: tuple[Origin, ...]

    @property
    def finite(self) -> bool:
        """Whether all samples are finite."""
        return not np.isnan(self.rms)

    @property
    def silent(self) -> bool:
        """Whether its level is that of silence."""
        return self.rms < SILENCE_DBFS

    @property
    def clips(self) -> bool:
        """Whether it goes beyond full scale."""
        return self.peak > 0


def sounds_of(
    example: int,
    waveforms: Mapping[str, np.ndarray],
    origins: Mapping[str, Sequence[Origin]],
    *,
    sources: Sequence[str],
) -> list[tuple[Sound, np.ndarray]]:
    """The sounds of an example, with their waveforms.

    Args:
        example: index of the example.
        waveforms: what the pipeline made of it: `mixture` `[samples, channels]`, `sources`
            `[sources, samples, channels]`, and the same `unpaired_...`, if there are such.
        origins: where it comes from; see `mss_keras.data.origins_of`.
        sources: names of the sources.
    """
    sounds = []
    for key, before in (("", ""), ("unpaired_", UNPAIRED)):
        if f"{key}mixture" not in waveforms:
            continue
        mixed = origins.get(f"{key}mixture", origins[f"{key}sources"])
        own = [(MIXTURE, waveforms[f"{key}mixture"], tuple(mixed))]
        told = zip(sources, waveforms[f"{key}sources"], origins[f"{key}sources"], strict=True)
        own += [(name, waveform, (origin,)) for name, waveform, origin in told]
        for name, waveform, where in own:
            sounds.append((Sound(example, before + name, *_levels(waveform), where), waveform))
    return sounds


def _levels(waveform: np.ndarray) -> tuple[float, float]:
    # RMS and peak, dBFS
    if not np.isfinite(waveform).all():
        return float("nan"), float("nan")
    rms, peak = np.sqrt(np.mean(np.square(waveform, dtype=np.float64))), np.abs(waveform).max()
    with np.errstate(divide="ignore"):
        return float(20 * np.log10(rms)), float(20 * np.log10(peak))


def row_of(sound: Sound, sample_rate: int) -> dict[str, object]:
    """The row of a sound in `levels.csv`.

    Args:
        sound: the sound.
        sample_rate: Hz.
    """
    origin = sound.origins[0] if len(sound.origins) == 1 else None
    row = {
        "example": sound.example + 1,
        "sound": sound.name,
        "rms_dbfs": round(sound.rms, 2),
        "peak_dbfs": round(sound.peak, 2),
        "silent": int(sound.silent),
        "above_full_scale": int(sound.clips),
    }
    if origin is not None:
        row |= {"track": origin.name, "start_s": round(origin.start / sample_rate, 3)}
        row |= {"end_s": round(origin.end / sample_rate, 3)}
        row |= {name: round(value, 3) for name, value in origin.changes.items()}
    return row


@dataclass(frozen=True)
class Summary:
    """The levels of one kind of sound over all examples.

    Args:
        name: str. As in `Sound`.
        examples: int. Number of examples.
        silent: float. Share of them that are silent.
        clips: float. Share of them that go beyond full scale.
        rms: tuple of float. Levels of those that are not silent, dBFS: the tenth part of them
            is below the first, half below the second, the tenth part above the third. NaN where
            all are silent.
        peak: float. The highest peak, dBFS.
    """

    name: str
    examples: int
    silent: float
    clips: float
    rms: tuple[float, float, float]
    peak: float


def summarised(sounds: Sequence[Sound]) -> list[Summary]:
    """A summary for each kind of sound, in the order in which they come."""
    summaries = []
    for name in dict.fromkeys(sound.name for sound in sounds):
        own = [sound for sound in sounds if sound.name == name and sound.finite]
        heard = [sound.rms for sound in own if not sound.silent]
        low, middle, high = np.percentile(heard, [10, 50, 90]) if heard else [float("nan")] * 3
        summaries.append(
            Summary(
                name,
                len(own),
                float(np.mean([sound.silent for sound in own])) if own else 0.0,
                float(np.mean([sound.clips for sound in own])) if own else 0.0,
                (float(low), float(middle), float(high)),
                max((sound.peak for sound in own), default=float("nan")),
            )
        )
    return summaries
