"""Scores as tables and a picture."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mss_keras import losses
from mss_keras.metrics import TrackScores, summarize
from mss_keras.reports import figures
from mss_keras.reports.boxes import boxes
from mss_keras.reports.tables import as_text, write_csv, write_text

Scores = Mapping[str, Sequence[TrackScores]]  # the scored tracks of each method

_NOTE = "median of frames of a second, median of tracks; means of sources, dB"


def rows(scores: Scores) -> Iterator[dict[str, Any]]:
    """A row for each method, track and source, with a column for each metric."""
    for method, tracks in scores.items():
        for track in tracks:
            medians = track.medians()
            for index, source in enumerate(track.sources):
                row = {"method": method, "track": track.track, "source": source}
                yield {**row, **{name: float(value[index]) for name, value in medians.items()}}


def summary(scores: Scores) -> list[dict[str, Any]]:
    """A row for each method and source, and one for the mean of a method's sources.

    The value of a source is the median of frames, then of tracks.
    """
    table = []
    for method, tracks in scores.items():
        found = summarize(tracks)
        for source, values in found.median.items():
            missing = {"NaN frames": found.nan_frames[source]}
            table.append({"method": method, "source": source, **values, **missing})
        metrics = next(iter(found.median.values()))
        means = {m: _finite_mean([values[m] for values in found.median.values()]) for m in metrics}
        missing = {"NaN frames": sum(found.nan_frames.values())}
        table.append({"method": method, "source": "mean", **means, **missing})
    return table


def write_evaluation(scores: Scores, output: Path) -> str:
    """Writes `tracks.csv`, `summary.csv`, `summary.md` and `scores.png`.

    Returns:
        The summary as text. It leaves out the losses, since they may be many.
    """
    table = summary(scores)
    write_csv(output / "tracks.csv", list(rows(scores)))
    write_csv(output / "summary.csv", table)
    write_text(output / "summary.md", as_text(table))
    figures.save(boxes(scores, "sdr", "SDR, dB (median of frames)"), output / "scores.png")
    narrow = [{k: v for k, v in row.items() if k not in losses.names()} for row in table]
    return f"{as_text(narrow, 'simple')}\n\n{_NOTE}"


def _finite_mean(values: Sequence[float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")
