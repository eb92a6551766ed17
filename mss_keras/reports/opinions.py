"""Figures of a listening test: mean ratings, and how well metrics agree with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.stats
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

_MARKERS = "osD^vP*X"
_COLUMNS = 3
_NEUTRAL = "0.45"
_NARROWEST = 6.0  # inches, in which a note has room


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; NaN where there is none.

    Args:
        value: float. The number.
        low: float. Lower end of the interval.
        high: float. Upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Cloud:
    """A metric beside the mean ratings of stimuli.

    Args:
        scores: sequence of float. Of each stimulus; NaN is not drawn.
        heading: str. Stands above.
        label: str. Text of the axis, with the unit.
    """

    scores: Sequence[float]
    heading: str
    label: str


def mean_ratings(
    panels: Mapping[str, Mapping[str, Estimate]],
    *,
    label: str,
    limits: tuple[float, float],
    plain: Sequence[str] = (),
    note: str = "",
) -> Figure:
    """Mean ratings with their intervals, a panel for each source.

    Args:
        panels: the mean rating of each system, by source; the first panel has all systems, the
            best of it on top.
        label: text of the axis.
        limits: ends of the scale.
        plain: what is drawn in grey, because it is no system. Defaults to none.
        note: stands above all, such as that the listeners are simulated. Defaults to none.
    """
    first = next(iter(panels.values()))
    names = sorted(first, key=lambda name: first[name].value)  # heights grow upwards
    size = (max(_NARROWEST, 2.2 + 1.9 * len(panels)), 1.5 + 0.34 * len(names))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    margin = 0.04 * (limits[1] - limits[0])
    for panel, (source, means) in zip(axes, panels.items(), strict=True):
        for height, name in enumerate(names):
            if name in means:
                color = _NEUTRAL if name in plain else "C0"
                _with_interval(panel, height, means[name], color=color)
        panel.set_title(source, fontsize=10)
        panel.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(-0.6, len(names) - 0.4)
    axes[0].set_xlim(limits[0] - margin, limits[1] + margin)
    figure.supxlabel(label, fontsize=10)
    _warn(figure, note)
    return figure


def correlation_bars(
    overall: Mapping[str, Estimate],
    of_sources: Mapping[str, Mapping[str, float]],
    *,
    label: str,
    note: str = "",
) -> Figure:
    """Correlations of metrics with ratings as bars with intervals, the best on top.

    Args:
        overall: for each metric, best first; metrics without a value are left out.
        of_sources: for each source, the value of each metric, drawn as a point.
        label: text of the axis.
        note: stands above all. Defaults to none.
    """
    names = [name for name, found in overall.items() if np.isfinite(found.value)][::-1]
    figure = Figure(figsize=(7.5, 1.9 + 0.3 * len(names)), layout="constrained")
    panel = figure.subplots()
    for height, name in enumerate(names):
        found = overall[name]
        panel.barh(height, found.value, height=0.66, color="C0", alpha=0.35)
        _with_interval(panel, height, found, color="C0", marker="|")
    for number, (source, values) in enumerate(of_sources.items()):
        points = [(values[n], h) for h, n in enumerate(names) if np.isfinite(values.get(n, np.nan))]
        x, y = zip(*points, strict=True) if points else ((), ())
        marker = _MARKERS[number % len(_MARKERS)]
        color = f"C{number + 1}"
        panel.plot(x, y, marker, color=color, markersize=5, label=source, alpha=0.9)
    panel.axvline(0, color="black", linewidth=0.8)
    panel.set_yticks(range(len(names)), names)
    panel.set_ylim(-0.7, len(names) - 0.3)
    ends = [x for f in overall.values() for x in (f.value, f.low) if np.isfinite(x)]
    ends += [x for values in of_sources.values() for x in values.values() if np.isfinite(x)]
    panel.set_xlim(max(-1.02, min([0.0, *ends]) - 0.05), 1.02)
    panel.set_xlabel(label)
    panel.grid(axis="x", alpha=0.3)
    if of_sources:
        figure.legend(loc="outside lower center", ncols=len(of_sources), fontsize=8, frameon=False)
    _warn(figure, note)
    return figure


def scatter(
    clouds: Sequence[Cloud],
    ratings: Sequence[float],
    *,
    systems: Sequence[str],
    sources: Sequence[str],
    label: str,
    note: str = "",
) -> Figure:
    """Mean ratings against metrics, a panel for each metric, with the line of least squares.

    Args:
        clouds: the metrics.
        ratings: mean rating of each stimulus.
        systems: the system of each stimulus, which is its colour.
        sources: the source of each stimulus, which is its marker.
        label: text of the axis of the ratings.
        note: stands above all. Defaults to none.
    """
    rows = -(-len(clouds) // _COLUMNS)
    columns = min(len(clouds), _COLUMNS)
    figure = Figure(
        figsize=(max(_NARROWEST, 1.2 + 3.1 * columns), 1.3 + 2.7 * rows), layout="constrained"
    )
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False)
    colors = {name: f"C{place % 10}" for place, name in enumerate(dict.fromkeys(systems))}
    markers = {
        name: _MARKERS[place % len(_MARKERS)] for place, name in enumerate(dict.fromkeys(sources))
    }
    heights = np.asarray(ratings, float)
    for panel, cloud in zip(panels.flat, clouds, strict=False):
        places = np.asarray(cloud.scores, float)
        for place, height, system, source in zip(places, heights, systems, sources, strict=True):
            if np.isfinite(place):
                panel.plot(
                    place, height, markers[source], color=colors[system], markersize=5, alpha=0.75
                )
        _fit(panel, places, heights)
        panel.set_title(cloud.heading, fontsize=9)
        panel.set_xlabel(cloud.label, fontsize=9)
        panel.tick_params(labelsize=8)
        panel.locator_params(axis="x", nbins=5)
        panel.grid(alpha=0.3)
    for panel in panels.flat[len(clouds) :]:
        panel.set_axis_off()
    figure.supylabel(label, fontsize=10)
    handles = [Line2D([], [], ls="", marker="o", color=c, label=n) for n, c in colors.items()]
    if len(markers) > 1:
        handles += [
            Line2D([], [], ls="", marker=m, color=_NEUTRAL, label=n) for n, m in markers.items()
        ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(len(handles), 2 * columns + 1),
        fontsize=8,
        frameon=False,
    )
    _warn(figure, note)
    return figure


def _with_interval(
    panel: Axes, height: float, found: Estimate, *, color: str, marker: str = "o"
) -> None:
    if np.isfinite(found.low) and np.isfinite(found.high):
        panel.plot([found.low, found.high], [height, height], color=color, linewidth=2, zorder=3)
    panel.plot(found.value, height, marker, color=color, markersize=5, zorder=4)


def _fit(panel: Axes, places: np.ndarray, heights: np.ndarray) -> None:
    known = np.isfinite(places)
    x, y = places[known], heights[known]
    if len(x) > 2 and np.ptp(x) > 0:
        line = scipy.stats.linregress(x, y)
        ends = np.array([x.min(), x.max()])
        panel.plot(ends, line.intercept + line.slope * ends, color="black", linewidth=1, zorder=1)


def _warn(figure: Figure, note: str) -> None:
    if note:
        figure.suptitle(note, color="firebrick", fontsize=9, fontweight="bold")
