"""How well the excerpts of a run's report are separated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from mss_keras.metrics import si_sdr
from mss_keras.signal import ratios

MEAN = "mean"  # of the sources of a split, which none of them may be called


@dataclass(frozen=True)
class Score:
    """SI-SDR of one source, dB; NaN where the target is silent, below −60 dBFS."""

    split: str
    source: str
    estimate: float
    mixture: float

    @property
    def improvement(self) -> float:
        """What separation gained over leaving the mixture as it is."""
        return self.estimate - self.mixture


def score(
    split: str, mixture: np.ndarray, *, targets: np.ndarray, estimates: Mapping[str, np.ndarray]
) -> list[Score]:
    """SI-SDR of the estimates and of the mixture taken as the estimate.

    Args:
        split: name of the excerpt, for the table.
        mixture: `[samples, channels]`.
        targets: `[sources, samples, channels]`.
        estimates: `[samples, channels]` for each source.
    """
    scores = []
    for target, (name, estimate) in zip(targets, estimates.items(), strict=True):
        sounds = bool(ratios.sounds(tf.constant(target), [0, 1]))
        values = [float(si_sdr(target, x)) if sounds else float("nan") for x in (estimate, mixture)]
        scores.append(Score(split, name, *values))
    return scores


def mean_of(scores: Sequence[Score], split: str) -> Score | None:
    """The mean of the sources of a split that sound; None where none does.

    Example:
        >>> mean_of([Score("valid", "bass", 4.0, 1.0), Score("valid", "drums", 6.0, 0.0)], "valid")
        Score(split='valid', source='mean', estimate=5.0, mixture=0.5)
    """
    rows = [row for row in scores if row.split == split and np.isfinite(row.improvement)]
    if not rows:
        return None
    estimate, mixture = np.mean([(row.estimate, row.mixture) for row in rows], axis=0)
    return Score(split, MEAN, float(estimate), float(mixture))


def rows_of(scores: Sequence[Score]) -> list[Score]:
    """The scores, with the mean of each split behind its sources."""
    rows = []
    for split in dict.fromkeys(score.split for score in scores):
        rows += [score for score in scores if score.split == split]
        mean = mean_of(scores, split)
        rows += [] if mean is None else [mean]
    return rows


def table(scores: Sequence[Score]) -> str:
    """Scores as text, with the mean of each split."""
    lines = [f"{'SI-SDR, dB':<14}{'source':<14}{'estimate':>10}{'mixture':>10}{'improvement':>13}"]
    for row in rows_of(scores):
        numbers = f"{row.estimate:>10.2f}{row.mixture:>10.2f}{row.improvement:>+13.2f}"
        silent = np.isnan(row.improvement)
        lines.append(f"{row.split:<14}{row.source:<14}{'silent target' if silent else numbers}")
    return "\n".join(lines)
