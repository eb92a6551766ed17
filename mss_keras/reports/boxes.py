"""Box plots of scores."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from mss_keras.metrics import TrackScores
from mss_keras.reports import figures
from mss_keras.reports.tables import RATIOS

MEAN = "mean"

_FEW_TRACKS = 6  # below that, a box says less than its points
_MANY_TRACKS = 20  # beyond that, points are small and light
_ROW = 0.3  # inches that a method takes
_HEIGHT = 0.6  # of a box
_MEDIAN = figures.COLORS[1]
_ACROSS = 5  # panels side by side at most
_LEAST_DB = 2.0  # an axis in dB spans them at least, so that ties look like ties


def boxes(
    scores: Mapping[str, Sequence[TrackScores]],
    metric: str,
    label: str,
    *,
    apart: Collection[str] = (),
    title: str = "",
) -> Figure:
    """Box plots over tracks: a panel for the mean of sources and for each, a box for each method.

    Every track is a point. A track without a score is left out, of the mean where one of its
    sources has none; each panel tells the number of the others. Few tracks have no box, but their
    median.

    Args:
        scores: for each method, its tracks; the first method is on top.
        metric: a key of `TrackScores.medians`, such as `sdr`.
        label: text of the axis, with the unit.
        apart: methods that are no systems, such as oracles; they stand below, in grey. Defaults to
            none.
        title: stands above. Defaults to none.
    """
    sources = next(iter(scores.values()))[0].sources
    order = sorted(scores, key=lambda name: name in apart)
    table = {name: _table([track.medians()[metric] for track in scores[name]]) for name in order}
    names = [MEAN, *sources] if len(sources) > 1 else list(sources)
    if len(sources) == 1:
        table = {name: values[:, 1:] for name, values in table.items()}
    down = -(-len(names) // _ACROSS)
    across = -(-len(names) // down)
    height = 0.9 + 0.3 * bool(title) + down * (0.7 + _ROW * max(3, len(order)))
    figure = figures.blank(height, title)
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    panels = grid.ravel()
    for index, (panel, name) in enumerate(zip(panels, names, strict=False)):
        values = [table[method][:, index] for method in order]
        _draw(panel, values, [method in apart for method in order])
        counts = sorted({int(np.isfinite(x).sum()) for x in values})
        known = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        panel.set_title(f"{name}\nn = {known}", fontsize=10)
    for panel in panels[len(names) :]:
        panel.set_visible(False)
    for panel in grid[:, 0]:
        panel.set_yticks(range(len(order)), order, fontsize=9)
        panel.set_ylim(len(order) - 0.4, -0.6)
    panels[0].xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    grid[-1, (across - 1) // 2].set_xlabel(label)
    low, high = panels[0].get_xlim()
    if metric in RATIOS and high - low < _LEAST_DB:
        panels[0].set_xlim((low + high - _LEAST_DB) / 2, (low + high + _LEAST_DB) / 2)
    boxed = any(len(tracks) >= _FEW_TRACKS for tracks in scores.values())
    _draw_legend(figure, boxed=boxed, apart=[name for name in order if name in apart])
    return figure


def _table(medians: Sequence[np.ndarray]) -> np.ndarray:
    # [tracks, 1 + sources], the mean first; NaN where there is no score.
    values = np.where(np.isfinite(medians), medians, np.nan).reshape(len(medians), -1)
    return np.concatenate([values.mean(axis=1, keepdims=True), values], axis=1)


def _draw(panel: Axes, values: Sequence[np.ndarray], apart: Sequence[bool]) -> None:
    for height, (column, grey) in enumerate(zip(values, apart, strict=True)):
        color = figures.GREY if grey else figures.COLORS[0]
        known = column[np.isfinite(column)]
        if len(known) >= _FEW_TRACKS:
            box = panel.boxplot(
                [known],
                positions=[height],
                orientation="horizontal",
                widths=_HEIGHT,
                showfliers=False,  # the points are there
                patch_artist=True,
                manage_ticks=False,
                medianprops={"color": _MEDIAN, "linewidth": 2},
            )
            box["boxes"][0].set(facecolor=color, alpha=0.3)
        elif len(known):
            middle, half = float(np.median(known)), _HEIGHT / 2
            panel.plot([middle] * 2, [height - half, height + half], color=_MEDIAN, linewidth=2)
        panel.scatter(
            known,
            height + _jitter(len(known)),
            s=18 if len(known) <= _MANY_TRACKS else 9,
            color=color,
            alpha=0.9 if len(known) <= _MANY_TRACKS else 0.45,
            linewidths=0,
            zorder=3,
        )
    first = next((height for height, grey in enumerate(apart) if grey), 0)
    if first:
        panel.axhline(first - 0.5, color=figures.GREY, linewidth=0.8)
    panel.margins(x=0.1)
    panel.grid(axis="x", alpha=0.3)
    panel.tick_params(labelsize=9)


def _jitter(count: int) -> np.ndarray:
    # Heights of points, the same in every picture; steps of the golden ratio fill a box evenly.
    if count < _FEW_TRACKS:
        return np.zeros(count)
    golden = 0.5 * (np.sqrt(5) - 1)
    return 0.7 * _HEIGHT * (np.arange(count) * golden % 1 - 0.5)


def _draw_legend(figure: Figure, *, boxed: bool, apart: Sequence[str]) -> None:
    handles: list[Artist] = [
        _point(figures.COLORS[0], "a track"),
        Line2D([], [], color=_MEDIAN, linewidth=2, label="median"),
    ]
    if boxed:
        handles.append(Patch(facecolor=figures.COLORS[0], alpha=0.3, label="middle half of tracks"))
    if apart:
        handles.append(_point(figures.GREY, ", ".join(apart)))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=9)


def _point(color: str, label: str) -> Line2D:
    return Line2D([], [], linestyle="", marker="o", markersize=4, color=color, label=label)
