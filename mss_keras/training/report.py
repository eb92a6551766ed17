"""What a finished run shows: a table, pictures, stems."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from mss_keras.data.writing import sound_file
from mss_keras.jobs.files import appearing
from mss_keras.metrics import si_sdr
from mss_keras.reports import figures
from mss_keras.reports.curves import curves
from mss_keras.reports.spectrograms import spectrograms
from mss_keras.signal import ratios
from mss_keras.training.separator import Separator


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


def table(scores: Sequence[Score]) -> str:
    """Scores as text, with the mean of each split."""
    lines = [f"{'SI-SDR, dB':<14}{'source':<14}{'estimate':>10}{'mixture':>10}{'improvement':>13}"]
    for split in dict.fromkeys(score.split for score in scores):
        rows = [score for score in scores if score.split == split]
        sounding = [row for row in rows if np.isfinite(row.improvement)]
        if sounding:
            estimate, mixture = np.mean([(row.estimate, row.mixture) for row in sounding], axis=0)
            rows.append(Score(split, "mean", float(estimate), float(mixture)))
        for row in rows:
            numbers = f"{row.estimate:>10.2f}{row.mixture:>10.2f}{row.improvement:>+13.2f}"
            silent = np.isnan(row.improvement)
            lines.append(f"{split:<14}{row.source:<14}{'silent target' if silent else numbers}")
    return "\n".join(lines)


def write_stems(stems: Mapping[str, np.ndarray], folder: Path, sample_rate: int) -> None:
    """Writes `SOURCE.wav` files of 32-bit floats.

    Args:
        stems: `[samples, channels]` for each source.
        folder: made if it is missing.
        sample_rate: Hz.
    """
    for name, stem in stems.items():
        with (
            appearing(folder / f"{name}.wav") as partial,
            sound_file(partial, sample_rate, stem.shape[1], subtype="FLOAT") as file,
        ):
            file.write(stem)


def write_report(
    separator: Separator,
    folder: Path,
    excerpts: Mapping[str, Mapping[str, np.ndarray]],
    *,
    history: Sequence[Mapping[str, float]],
    loss: str,
) -> list[Score]:
    """Writes `curves.png`, `spectrograms.png` and `stems/` and scores the excerpts.

    Args:
        separator: the trained model.
        folder: of the run.
        excerpts: `{"mixture": [samples, channels], "sources": [sources, samples,
            channels]}` for each split; the last one is drawn.
        history: a row an epoch.
        loss: name of the loss.
    """
    figures.save(curves(history, loss), folder / "curves.png")
    scores: list[Score] = []
    for split, excerpt in excerpts.items():
        stems = separator.separate(excerpt["mixture"])
        write_stems(stems, folder / "stems" / split, separator.audio.sample_rate)
        scores += score(split, excerpt["mixture"], targets=excerpt["sources"], estimates=stems)
    figures.save(spectrograms(excerpt, stems, separator.audio), folder / "spectrograms.png")
    return scores
