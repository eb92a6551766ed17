"""Figures of a search: what each trial was given, and how well it did."""

import dataclasses
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from mss_keras.reports import figures

_TRIAL, _BEST = figures.COLORS[:2]
_ACROSS = 3  # panels side by side at most
_NARROWEST = 2.1  # inches that a panel is wide at least
_CHOICE = 8.5  # points
_STRIP = 0.3  # of the distance of two axes, in which the numbers of the upper one stand


@dataclasses.dataclass(frozen=True)
class Axis:
    """One searched setting, with the value that each trial was given.

    Args:
        name: of the setting.
        values: one for each trial, in the order of the trials' scores.
        low: the smallest value, of numbers.
        high: the largest value, of numbers.
        log: whether the scale is logarithmic. Defaults to `False`.
        choices: all values, where they are not numbers. Defaults to none.

    Example:
        >>> Axis("gamma", [0.01], low=1e-4, high=1.0, log=True).heights()
        [0.5]
        >>> Axis("layer", ["c", "a"], choices=["a", "b", "c"]).heights()
        [1.0, 0.0]
    """

    name: str
    values: Sequence[Any]
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    choices: Sequence[str] = ()

    def heights(self) -> list[float]:
        """The values as heights between the ends of the axis, 0 to 1."""
        return [self._height(value) for value in self.values]

    def ticks(self) -> list[tuple[float, str]]:
        """Height and text of the choices, or of the ends and the middle of the range."""
        middle = np.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2
        values = self.choices or (self.low, float(middle), self.high)
        return [(self._height(value), short(value)) for value in values]

    def scale(self, panel: Axes) -> None:
        """Gives a panel this axis as its horizontal one."""
        if self.choices:
            texts = [choice.replace("+", "+\n") for choice in self.choices]
            width = max(figures.width_of(text, _CHOICE) for text in texts)
            fits = width * len(texts) < _NARROWEST
            panel.set_xticks(range(len(texts)), texts, rotation=0 if fits else 90, fontsize=_CHOICE)
            panel.set_xlim(-0.5, len(texts) - 0.5)
        elif self.log:
            margin = (self.high / self.low) ** 0.05
            panel.set_xscale("log")
            panel.set_xlim(self.low / margin, self.high * margin)
        else:
            margin = 0.05 * (self.high - self.low)
            panel.set_xlim(self.low - margin, self.high + margin)
        panel.set_xlabel(self.name)

    def places(self) -> list[float]:
        """The values as places on the scale that `scale` gives."""
        return [self.choices.index(value) if self.choices else value for value in self.values]

    def _height(self, value: Any) -> float:
        if self.choices:
            return self.choices.index(value) / max(1, len(self.choices) - 1)
        if self.log:
            return float(np.log(value / self.low) / np.log(self.high / self.low))
        return float((value - self.low) / (self.high - self.low))


def weights(
    axes: Sequence[Axis], scores: Sequence[float], label: str, *, title: str = ""
) -> Figure:
    """Draws the scores against each searched setting, a panel for each.

    Args:
        axes: the searched settings.
        scores: of the completed trials, best first.
        label: of the scores, with their unit.
        title: stands above. Defaults to none.
    """
    across = min(_ACROSS, len(axes))
    down = -(-len(axes) // across)
    figure = figures.blank(0.7 + 3.0 * down, title)
    panels = figure.subplots(down, across, sharey=True, squeeze=False)
    for panel, axis in zip(panels.ravel(), axes, strict=False):
        places = axis.places()
        axis.scale(panel)
        panel.scatter(places, scores, s=22, alpha=0.8, color=_TRIAL, label="a trial")
        panel.scatter(places[:1], scores[:1], s=110, marker="*", color=_BEST, label="the best")
        panel.grid(alpha=0.3)
    for panel in panels.ravel()[len(axes) :]:
        panel.set_visible(False)
    figure.supylabel(label, fontsize=10)
    handles, texts = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, texts, loc="outside lower center", ncols=2, fontsize=9)
    return figure


def coordinates(
    axes: Sequence[Axis], scores: Sequence[float], label: str, *, title: str = ""
) -> Figure:
    """Draws parallel coordinates: a line for each trial, down through its values to its score.

    Lines are interrupted where the numbers of an axis stand.

    Args:
        axes: the searched settings; of one alone `weights` says all.
        scores: of the completed trials, best first.
        label: of the scores, with their unit.
        title: stands above. Defaults to none.
    """
    low, high = min(scores), max(scores)
    scale = Axis(label, scores, low=low, high=high if high > low else low + 1)
    drawn = [*axes, scale]
    figure = figures.blank(0.8 + 0.95 * len(drawn), title)
    panel = figure.subplots()
    for level, axis in enumerate(drawn):
        panel.axhline(level, color="black", linewidth=0.8, zorder=1)
        for place, text in axis.ticks():
            panel.plot([place] * 2, [level, level + 0.05], color="black", linewidth=0.8)
            side = "left" if place == 0 else "right" if place == 1 else "center"
            number = text.replace("-", "−") if not axis.choices else text
            panel.text(place, level + 0.08, number, ha=side, va="top", fontsize=9)
    lines = list(zip(*(axis.heights() for axis in drawn), strict=True))
    for number, places in reversed(list(enumerate(lines))):  # the best on top
        best = number == 0
        color = _BEST if best else _shade(scale.heights()[number])
        # The pieces of a line have a gap between them, which NaN makes.
        across = [x for pair in pairwise(places) for x in (*pair, np.nan)]
        down = [y for level in range(len(axes)) for y in (level + _STRIP, level + 1, np.nan)]
        panel.plot(across, down, color=color, linewidth=3 if best else 1.2, zorder=3 if best else 2)
        marker, size = ("*", 12) if best else ("o", 4)
        levels = range(len(drawn))
        panel.plot(places, levels, marker, color=color, markersize=size, zorder=4 if best else 3)
    panel.set_yticks(range(len(drawn)), [axis.name for axis in drawn])
    panel.set_ylim(len(axes) + _STRIP, -0.15)
    panel.set_xticks([])
    panel.set_xlim(-0.03, 1.03)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    handles = [
        Line2D([], [], color=_BEST, marker="*", markersize=12, linewidth=3, label="the best trial"),
        Line2D([], [], color=_shade(1.0), marker="o", markersize=4, label="a good one"),
        Line2D([], [], color=_shade(0.0), marker="o", markersize=4, label="a bad one"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=9)
    return figure


def progress(scores: Sequence[float | None], label: str, *, title: str = "") -> Figure:
    """Draws the scores over the trials, and the best score so far.

    Args:
        scores: of all trials in the order of their ends; None of a failed trial. At least one
            trial is completed.
        label: of the scores, with their unit.
        title: stands above. Defaults to none.
    """
    figure = figures.blank(3.6, title)
    panel = figure.subplots()
    heights = np.array(scores, float)  # None becomes NaN
    numbers = np.arange(1, len(heights) + 1)
    best = np.fmax.accumulate(heights)
    panel.step(numbers, best, where="post", color=_BEST, label="best so far")
    panel.scatter(numbers, heights, s=22, color=_TRIAL, label="a trial", zorder=3)
    failed = numbers[np.isnan(heights)]
    if len(failed):
        bottom = [np.nanmin(heights)] * len(failed)
        panel.scatter(failed, bottom, marker="x", color="black", label="failed")
    panel.set_xlabel("trial, in the order of their ends")
    panel.set_ylabel(label)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    panel.set_xlim(0.5, len(heights) + 0.5)
    panel.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3, fontsize=9)
    return figure


def short(value: Any) -> str:
    """A value in few digits.

    Example:
        >>> short(0.123456), short(1000.0), short(512), short("conv1")
        ('0.123', '1000', '512', 'conv1')
    """
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def _shade(height: float) -> str:
    # From light to dark; white would not be seen.
    return to_hex(colormaps["Blues"](0.3 + 0.7 * height))
