"""Scores as tables and pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mss_keras import losses
from mss_keras.evaluation.evaluation import Scores, rows
from mss_keras.metrics import summarize
from mss_keras.reports import figures
from mss_keras.reports.tables import as_text, write_csv, write_text


def summary(scores: Scores) -> list[dict[str, Any]]:
    """A row for each method and source, and their mean: medians of frames, then of tracks."""
    table = []
    for method, tracks in scores.items():
        found = summarize(tracks)
        for source, values in found.median.items():
            table.append(
                {
                    "method": method,
                    "source": source,
                    **values,
                    "NaN frames": found.nan_frames[source],
                }
            )
        metrics = list(next(iter(found.median.values())))
        means = {m: _mean([found.median[s][m] for s in found.median]) for m in metrics}
        nan = sum(found.nan_frames.values())
        table.append({"method": method, "source": "mean", **means, "NaN frames": nan})
    return table


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")


def write_evaluation(scores: Scores, output: Path) -> str:
    """Writes `tracks.csv`, `summary.csv`, `summary.md` and `scores.png`.

    Returns:
        The summary as text, without the losses, of which there may be many.
    """
    table = summary(scores)
    write_csv(output / "tracks.csv", list(rows(scores)))
    write_csv(output / "summary.csv", table)
    write_text(output / "summary.md", as_text(table))
    figures.save(boxes(scores, "sdr", "SDR, dB (median of frames)"), output / "scores.png")
    narrow = [{k: v for k, v in row.items() if k not in losses.names()} for row in table]
    return as_text(narrow, "simple")


def boxes(scores: Scores, metric: str, label: str) -> Figure:
    """Box plots over tracks, a panel for each source, a box for each method.

    Args:
        scores: of the methods.
        metric: its name.
        label: of the axis.
    """
    sources = next(iter(scores.values()))[0].sources
    figure = Figure(
        figsize=(1.5 + 2.2 * len(sources), 2.2 + 0.35 * len(scores)), layout="constrained"
    )
    panels = figure.subplots(1, len(sources), sharex=True, sharey=True, squeeze=False)[0]
    names = list(scores)[::-1]  # the first one on top
    for index, (panel, source) in enumerate(zip(panels, sources, strict=True)):
        values = [
            [x for track in scores[name] if np.isfinite(x := track.medians()[metric][index])]
            for name in names
        ]
        panel.boxplot(values, orientation="horizontal", widths=0.6, medianprops={"color": "C1"})
        for height, points in enumerate(values, start=1):
            if len(points) < 6:  # so few are shown themselves, too
                panel.plot(points, [height] * len(points), "o", color="C0", markersize=4)
        panel.set_title(source)
        panel.grid(axis="x", alpha=0.3)
    panels[0].set_yticks(range(1, len(names) + 1), names)
    figure.supxlabel(label)
    return figure
