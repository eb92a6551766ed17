"""Scores as tables and a picture."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mss_keras import losses
from mss_keras.evaluation.estimates import MIXTURE
from mss_keras.metrics import TrackScores, summarize
from mss_keras.models.oracles import ORACLES
from mss_keras.reports import figures
from mss_keras.reports.boxes import boxes
from mss_keras.reports.tables import as_text, write_csv, write_text

Scores = Mapping[str, Sequence[TrackScores]]  # the scored tracks of each method

NOTE = "median of frames of a second, median of tracks; means of sources, dB"
LOSSES = "losses read as metrics: median of tracks; means of sources"
MEAN = "mean"


def rows(scores: Scores) -> Iterator[dict[str, Any]]:
    """A row for each method, track and source, with a column for each metric.

    Metrics of all sources together stand in a row of their own.
    """
    for method, tracks in scores.items():
        for track in tracks:
            medians = track.medians()
            where = {"method": method, "track": track.track}
            for index, source in enumerate(track.sources):
                values = {name: float(value[index]) for name, value in medians.items()}
                yield {**where, "source": source, **values}
            if track.together:
                yield {**where, "source": "together", **track.together}


def summary(scores: Scores) -> list[dict[str, Any]]:
    """A row for each method and source, and one for the mean of a method's sources.

    The value of a source is the median of frames, then of tracks. The mean of sources is NaN where
    one of them has no score. Metrics of all sources together stand in the row of means alone.
    Frames and tracks in which a source has no score are counted; those of means are the ones in
    which any source has none.
    """
    table = []
    for method, tracks in scores.items():
        found = summarize(tracks)
        alone: dict[str, float | None] = dict.fromkeys(found.together)
        for source, values in found.median.items():
            missing = _missing(found.nan_frames[source], len(found.without_score[source]))
            table.append({"method": method, "source": source, **values, **alone, **missing})
        metrics = next(iter(found.median.values()))
        means = {m: float(np.mean([x[m] for x in found.median.values()])) for m in metrics}
        frames = sum(int(np.isnan(x.bsseval.sdr).any(axis=0).sum()) for x in tracks)
        missing = _missing(frames, len(set().union(*found.without_score.values())))
        table.append({"method": method, "source": MEAN, **means, **found.together, **missing})
    return table


def _missing(frames: int, tracks: int) -> dict[str, int]:
    return {"NaN frames": frames, "tracks without score": tracks}


def write_evaluation(scores: Scores, output: Path) -> str:
    """Writes `tracks.csv`, `summary.csv`, `summary.md` and `scores.png`.

    Returns:
        The summary as text. Losses stand in a table of their own, which has their means of
        sources alone, since they may be many.
    """
    table = summary(scores)
    write_csv(output / "tracks.csv", list(rows(scores)))
    write_csv(output / "summary.csv", table)
    write_text(output / "summary.md", as_text(table))
    figure = boxes(scores, "sdr", "SDR, dB (median of frames)", apart=(*ORACLES, MIXTURE))
    figures.save(figure, output / "scores.png")
    narrow = [{k: v for k, v in row.items() if k not in losses.names()} for row in table]
    text = f"{as_text(narrow, 'simple')}\n\n{NOTE}"
    read = of_losses(table)
    return f"{text}\n\n{as_text(read, 'simple')}\n\n{LOSSES}" if read else text


def of_losses(table: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row for each loss that was read, with a column for each method; see `summary`."""
    means = {row["method"]: row for row in table if row["source"] == MEAN}
    return [
        {"loss": name, **{method: f"{row[name]:.3g}" for method, row in means.items()}}
        for name in losses.names()
        if name in table[0]
    ]
