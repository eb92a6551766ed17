"""The pictures of an analysis."""

from pathlib import Path

import numpy as np

from mss_keras.config.listening import STIMULI
from mss_keras.listening import wording
from mss_keras.listening.analysis import Analysis
from mss_keras.listening.correlations import records
from mss_keras.listening.scores import sign_of
from mss_keras.reports import figures, opinions
from mss_keras.reports.opinions import Cloud, Estimate
from mss_keras.reports.pages import Picture

_CLOUDS = 6


def draw(analysis: Analysis, output: Path) -> dict[str, Picture]:
    """Draws mos.png, correlations.png and scatter.png, and writes them.

    Args:
        analysis: Analysis. What they show.
        output: Path. Folder that they are written to.

    Returns:
        The pictures by name, with what the report says of them; `mos` alone where no metric has
        a correlation.
    """
    note = analysis.simulated
    low, high = analysis.key.range
    label = f"mean rating, {low} to {high}"
    name = wording.COEFFICIENTS[analysis.correlations.rank_by]
    confidence = wording.percent(analysis.settings.confidence)
    shown = list(analysis.correlations.ranking()["metric"])[:_CLOUDS]
    made = {
        "mos": opinions.mean_ratings(
            _panels(analysis), label=label, limits=(low, high), plain=STIMULI, note=note
        )
    }
    if analysis.correlations.known:
        made["correlations"] = opinions.correlation_bars(
            _overall(analysis),
            _of_sources(analysis),
            label=f"agreement with mean ratings, {name}",
            note=note,
        )
        made["scatter"] = opinions.scatter(
            [_cloud(analysis, metric) for metric in shown],
            analysis.items["rating"].to_list(),
            systems=analysis.items["kind"].to_list(),
            sources=analysis.items["source"].to_list(),
            label=label,
            note=note,
        )
    captions = {
        "mos": f"Mean ratings with {confidence} intervals; what is no system is grey.",
        "correlations": f"Bars: all sources together, with {confidence} intervals over excerpts; "
        "points: single sources. The table has the numbers.",
        "scatter": f"Mean ratings against the {len(shown)} metrics that rank first, a point for "
        "each stimulus, with the line of least squares.",
    }
    for key in captions:
        path = output / f"{key}.png"
        if key in made:
            figures.save(made[key], path)
        else:
            path.unlink(missing_ok=True)  # of an earlier analysis
    return {
        key: Picture((output / f"{key}.png").read_bytes(), alt=text, caption=text)
        for key, text in captions.items()
        if key in made
    }


def _panels(analysis: Analysis) -> dict[str, dict[str, Estimate]]:
    panels: dict[str, dict[str, Estimate]] = {}
    for row in records(analysis.means):
        found = Estimate(row["mean"], row["low"], row["high"])
        panels.setdefault(row["source"], {})[row["kind"]] = found
    return panels


def _overall(analysis: Analysis) -> dict[str, Estimate]:
    rows = records(analysis.correlations.ranking())
    return {row["metric"]: Estimate(row["value"], row["low"], row["high"]) for row in rows}


def _of_sources(analysis: Analysis) -> dict[str, dict[str, float]]:
    found = analysis.correlations
    return {
        source: dict(zip(own["metric"], own["value"], strict=True))
        for source in found.sources
        for own in [found.ranking(source)]
    }


def _cloud(analysis: Analysis, metric: str) -> Cloud:
    found = _overall(analysis)[metric].value
    text = "no correlation" if np.isnan(found) else f"{found:.2f}"
    name = wording.COEFFICIENTS[analysis.correlations.rank_by]
    scores = analysis.items[metric].to_list()
    label = f"{metric}, dB" if sign_of(metric) > 0 else f"{metric} (less is better)"
    return Cloud(scores, f"{metric}: {name} {text}", label)
