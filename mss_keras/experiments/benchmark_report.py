"""The benchmark's table and pictures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mss_keras import losses
from mss_keras.metrics import summarize
from mss_keras.reports import figures, tables
from mss_keras.reports.boxes import boxes

# Mean SDR over sources that others quote from the survey, dB.
PUBLISHED = {
    "sisdr_freq": 5.61,
    "logl1_freq": 5.53,
    "l1_freq": 4.92,
    "multi_resolution_stft": 4.80,
}
_DEMONSTRATION = "Demonstration on seconds of one song; it says nothing of the losses."
_CAPTION = (
    "BSSEval v4 SDR (dB, median of frames, median of tracks) and the losses read as metrics "
    "(median of tracks) of models trained with each loss. Published: mean SDR quoted from "
    "Gusó et al. 2022."
)


def write(outcomes: Mapping[str, Any], output: Path, *, demonstration: bool) -> None:
    """Writes `table.md`, `table.csv`, `table.tex`, `heatmap.png` and `boxes.png`.

    Args:
        outcomes: an `Outcome` for each loss.
        output: folder.
        demonstration: whether the table says that it is one.
    """
    table = rows(outcomes, "demonstration" if demonstration else "")
    caption = f"{_DEMONSTRATION} {_CAPTION}" if demonstration else _CAPTION
    tables.write_csv(output / "table.csv", table)
    tables.write_text(output / "table.md", f"{caption}\n\n{tables.as_text(table)}")
    tabular = tables.as_text(table, "latex_booktabs")
    tables.write_text(
        output / "table.tex", f"\\begin{{table}}\n\\caption{{{caption}}}\n{tabular}\n\\end{{table}}"
    )
    done = {name: list(outcome.tracks) for name, outcome in outcomes.items() if outcome.tracks}
    if done:
        figures.save(heatmap(table, demonstration), output / "heatmap.png")
        figure = boxes(done, "sdr", "SDR, dB (median of frames)")
        if demonstration:
            figure.suptitle(_DEMONSTRATION)
        figures.save(figure, output / "boxes.png")


def rows(outcomes: Mapping[str, Any], note: str) -> list[dict[str, Any]]:
    """A row for each loss, grouped by domain; `note` holds what kept a loss from its row."""
    order = list(dict.fromkeys(losses.entry(name).domain for name in losses.names()))
    names = sorted(outcomes, key=lambda name: order.index(losses.entry(name).domain))
    medians = {
        name: summarize(outcomes[name].tracks).median for name in names if outcomes[name].tracks
    }
    sources = list(next(iter(medians.values()), {}))
    metrics = [
        m for m in losses.names() if any(m in next(iter(x.values())) for x in medians.values())
    ]
    table = []
    for name in names:
        found = medians.get(name)
        row: dict[str, Any] = {"domain": losses.entry(name).domain, "loss": name}
        row |= {f"SDR {source}": found[source]["sdr"] if found else None for source in sources}
        row["SDR mean"] = float(np.mean([x["sdr"] for x in found.values()])) if found else None
        row["SDR published"] = PUBLISHED.get(name)
        row |= {m: found[sources[0]][m] if found else None for m in metrics}
        failure = outcomes[name].failure
        row["note"] = "; ".join(filter(None, (note, f"failed: {failure}" if failure else "")))
        table.append(row)
    return table


def heatmap(table: list[dict[str, Any]], demonstration: bool) -> Figure:
    """Loss trained × metric, each column coloured from its best value to its worst."""
    done = [row for row in table if row["SDR mean"] is not None]
    metrics = ["SDR mean", *(key for key in done[0] if key in losses.names())]
    values = np.array([[row[metric] for metric in metrics] for row in done], float)
    badness = np.where(np.array(metrics) == "SDR mean", -values, values)
    low, high = np.nanmin(badness, axis=0), np.nanmax(badness, axis=0)
    shade = (badness - low) / np.where(high > low, high - low, 1)
    figure = Figure(
        figsize=(3.5 + 0.75 * len(metrics), 2.6 + 0.38 * len(done)), layout="constrained"
    )
    panel = figure.subplots()
    image = panel.imshow(shade, cmap="viridis_r", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        light = shade[row, column] > 0.5
        text = f"{value:.2f}" if column == 0 else f"{value:.3g}"
        color = "black" if not light else "white"
        panel.text(column, row, text, ha="center", va="center", fontsize=7, color=color)
    panel.set_xticks(range(len(metrics)), metrics, rotation=45, ha="right")
    panel.set_yticks(range(len(done)), [row["loss"] for row in done])
    panel.set_xlabel("metric")
    panel.set_ylabel("loss trained")
    bar = figure.colorbar(image, ax=panel, label="within a column", ticks=[0, 1])
    bar.ax.set_yticklabels(["best", "worst"])
    if demonstration:
        panel.set_title(_DEMONSTRATION)
    return figure
