"""Scores as tables and pictures."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from tabulate import tabulate

from mss_keras import losses
from mss_keras.files import appearing
from mss_keras.metrics import summarize
from mss_keras.training import plots
from mss_keras.training.evaluation import Scores, rows

Row = Mapping[str, Any]

# Where a larger value is the better one; of losses it is the smaller one.
RATIOS = ("sdr", "isr", "sir", "sar", "si_sdr", "sd_sdr", "snr")


def write_csv(table: Sequence[Row], path: Path) -> None:
    """Writes rows of the same keys."""
    with appearing(path) as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)


def write_text(text: str, path: Path) -> None:
    """Writes a text, with a newline at its end."""
    with appearing(path) as partial:
        partial.write_text(text + "\n")


def as_text(table: Sequence[Row], form: str = "github") -> str:
    """Rows as `github` (Markdown), `latex_booktabs` or `simple` text."""
    # Decibels of ratios to two decimals; losses are of any size.
    kinds = [key.lower().removeprefix("val_").split()[0] for key in table[0]]
    formats = [".2f" if kind in RATIOS else ".3g" for kind in kinds]
    return tabulate(
        [list(row.values()) for row in table],
        headers=list(table[0]),
        tablefmt=form,
        floatfmt=tuple(formats),
        missingval="",
    )


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
    write_csv(list(rows(scores)), output / "tracks.csv")
    write_csv(table, output / "summary.csv")
    write_text(as_text(table), output / "summary.md")
    plots.save(boxes(scores, "sdr", "SDR, dB (median of frames)"), output / "scores.png")
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
