"""The benchmark's table and figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mss_keras import losses
from mss_keras.metrics import TrackScores, summarize
from mss_keras.reports import figures, tables
from mss_keras.reports.boxes import boxes
from mss_keras.reports.heatmap import heatmap

# Mean SDR over sources that others quote from the survey, dB.
PUBLISHED = {
    "sisdr_freq": 5.61,
    "logl1_freq": 5.53,
    "l1_freq": 4.92,
    "multi_resolution_stft": 4.80,
}
_MEAN = "SDR mean"
_DEMONSTRATION = "Demonstration on seconds of one song; it says nothing of the losses."
_CAPTION = (
    "BSSEval v4 SDR (dB, median of frames, median of tracks) and the losses read as metrics "
    "(median of tracks) of models trained with each loss. Published: mean SDR quoted from "
    "Gusó et al. 2022."
)

Row = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What became of a loss.

    Args:
        tracks: scores of its tracks. Defaults to none, as of a loss that failed.
        failure: what went wrong, in a line. Defaults to nothing.
    """

    tracks: tuple[TrackScores, ...] = ()
    failure: str | None = None


def write(outcomes: Mapping[str, Outcome], output: Path, *, demonstration: bool) -> None:
    """Writes `table.md`, `table.csv`, `table.tex`, `heatmap.png` and `boxes.png`.

    Args:
        outcomes: the outcome of each loss, by its name.
        output: folder of the benchmark.
        demonstration: whether the table says that it is a demonstration.
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
        title = _DEMONSTRATION if demonstration else None
        figures.save(draw(table, title), output / "heatmap.png")
        figure = boxes(done, "sdr", "SDR, dB (median of frames)")
        if title:
            figure.suptitle(title)
        figures.save(figure, output / "boxes.png")


def rows(outcomes: Mapping[str, Outcome], note: str) -> list[Row]:
    """The rows of the table, one for each loss, grouped by domain.

    Args:
        outcomes: the outcome of each loss, by its name.
        note: stands in the last column of each row, before what went wrong.
    """
    domains = list(dict.fromkeys(losses.entry(name).domain for name in losses.names()))
    names = sorted(outcomes, key=lambda name: domains.index(losses.entry(name).domain))
    medians = {
        name: summarize(outcomes[name].tracks).median for name in names if outcomes[name].tracks
    }
    sources = list(next(iter(medians.values()), {}))
    metrics = [
        m for m in losses.names() if any(m in next(iter(x.values())) for x in medians.values())
    ]
    table = []
    for name in names:
        found, failure = medians.get(name), outcomes[name].failure
        row: Row = {"domain": losses.entry(name).domain, "loss": name}
        row |= {f"SDR {source}": found[source]["sdr"] if found else None for source in sources}
        row[_MEAN] = float(np.mean([x["sdr"] for x in found.values()])) if found else None
        row["SDR published"] = PUBLISHED.get(name)
        row |= {m: found[sources[0]][m] if found else None for m in metrics}
        row["note"] = "; ".join(filter(None, (note, f"failed: {failure}" if failure else "")))
        table.append(row)
    return table


def draw(table: list[Row], title: str | None) -> Figure:
    """The heat map of a table: loss trained × metric.

    Args:
        table: as `rows` gives it, with a loss at least that did not fail.
        title: stands above, if there is one.
    """
    done = [row for row in table if row[_MEAN] is not None]
    metrics = [_MEAN, *(key for key in done[0] if key in losses.names())]
    values = np.array([[row[metric] for metric in metrics] for row in done], float)
    return heatmap(
        values,
        [row["loss"] for row in done],
        metrics,
        ratios=[_MEAN],
        labels=("loss trained", "metric"),
        title=title,
    )
