"""The benchmark's table and figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mss_keras import losses
from mss_keras.metrics import Summary, TrackScores, summarize
from mss_keras.reports import figures, tables
from mss_keras.reports.boxes import boxes
from mss_keras.reports.heatmap import Column, heatmap

# Mean SDR over sources that others quote from the survey, dB.
PUBLISHED = {
    "sisdr_freq": 5.61,
    "logl1_freq": 5.53,
    "l1_freq": 4.92,
    "multi_resolution_stft": 4.80,
}
MEAN = "SDR mean"
_NAMED = 3  # tracks that a note names at most
_HEATMAP = "Models by the loss of their training (rows), scored by SDR in dB and losses (columns)"
DEMONSTRATION = "Demonstration on seconds of one song; it says nothing of the losses."
CAPTION = (
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
    caption = f"{DEMONSTRATION} {CAPTION}" if demonstration else CAPTION
    tables.write_csv(output / "table.csv", table)
    tables.write_text(output / "table.md", f"{caption}\n\n{tables.as_text(table)}")
    tabular = tables.as_text(table, "latex_booktabs")
    tables.write_text(
        output / "table.tex", f"\\begin{{table}}\n\\caption{{{caption}}}\n{tabular}\n\\end{{table}}"
    )
    done = {name: list(outcome.tracks) for name, outcome in outcomes.items() if outcome.tracks}
    if done:
        note = DEMONSTRATION if demonstration else ""
        figures.save(draw(table, note), output / "heatmap.png")
        figure = boxes(done, "sdr", "SDR, dB (median of frames)", title=note)
        figures.save(figure, output / "boxes.png")


def rows(outcomes: Mapping[str, Outcome], note: str) -> list[Row]:
    """The rows of the table, one for each loss, grouped by domain.

    A loss read as a metric is the mean of its sources, or the value of all together. Means of
    sources are NaN where one of them has no score in any track.

    Args:
        outcomes: the outcome of each loss, by its name.
        note: stands in the last column of each row, before what went wrong and which tracks have
            no score.
    """
    domains = list(dict.fromkeys(losses.entry(name).domain for name in losses.names()))
    names = sorted(outcomes, key=lambda name: domains.index(losses.entry(name).domain))
    summaries = {name: summarize(outcomes[name].tracks) for name in names if outcomes[name].tracks}
    sources = list(next(iter(summaries.values())).median) if summaries else []
    means = {name: _means(found) for name, found in summaries.items()}
    metrics = [m for m in losses.names() if any(m in x for x in means.values())]
    table = []
    for name in names:
        found, failure = summaries.get(name), outcomes[name].failure
        mean = means.get(name, {})
        row: Row = {"domain": losses.entry(name).domain, "loss": name}
        row |= {f"SDR {x}": found.median[x]["sdr"] if found else None for x in sources}
        row[MEAN] = mean.get("sdr")
        row["SDR published"] = PUBLISHED.get(name)
        row |= {m: mean.get(m) for m in metrics}
        missing = _missing(found) if found else ()
        row["note"] = "; ".join(
            filter(None, (note, *missing, f"failed: {failure}" if failure else ""))
        )
        table.append(row)
    return table


def _means(found: Summary) -> dict[str, float]:
    # Means of sources of all metrics, and the metrics of all sources together.
    metrics = next(iter(found.median.values()))
    of_sources = {m: float(np.mean([x[m] for x in found.median.values()])) for m in metrics}
    return {**of_sources, **found.together}


def _missing(found: Summary) -> list[str]:
    # Often all sources, for where one is silent none has a score.
    alike: dict[tuple[str, ...], list[str]] = {}
    for source, tracks in found.without_score.items():
        alike.setdefault(tracks, []).append(source)
    lines = []
    for tracks, sources in alike.items():
        if tracks:
            named = ", ".join(tracks[:_NAMED]) + (", ..." if len(tracks) > _NAMED else "")
            of = ", ".join(sources)
            lines.append(f"no score of {of} in {len(tracks)} of {found.tracks} tracks: {named}")
    return lines


def draw(table: list[Row], note: str) -> Figure:
    """The heat map of a table: loss trained × metric.

    Args:
        table: as `rows` gives it, with a loss at least that did not fail.
        note: stands above the title; may be empty.
    """
    done = [row for row in table if row[MEAN] is not None]
    metrics = [key for key in done[0] if key in losses.names()]

    def column(name: str, *, larger: bool, decibels: bool) -> Column:
        values = np.array([row[name] for row in done], float)
        return Column(name, values, larger=larger, decibels=decibels)

    columns = [
        column(MEAN, larger=True, decibels=True),
        *(column(m, larger=False, decibels=losses.entry(m).in_decibels) for m in metrics),
    ]
    title = "\n".join(filter(None, (note, _HEATMAP)))
    return heatmap(columns, [row["loss"] for row in done], title=title)
