"""Figures of a search: what each trial was given, and how well it did."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_COLORS = "viridis"


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
            panel.set_xticks(range(len(self.choices)), self.choices, rotation=45, ha="right")
            panel.set_xlim(-0.5, len(self.choices) - 0.5)
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


def weights(axes: Sequence[Axis], scores: Sequence[float], label: str) -> Figure:
    """Draws the scores against each searched setting, a panel for each.

    Args:
        axes: the searched settings.
        scores: of the completed trials, best first.
        label: of the scores, with their unit.
    """
    size = (max(6.0, 1 + 3.4 * len(axes)), 3.8)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, len(axes), sharey=True, squeeze=False)[0]
    for panel, axis in zip(panels, axes, strict=True):
        places = axis.places()
        axis.scale(panel)
        panel.scatter(places, scores, s=22, alpha=0.8, label="trials")
        panel.scatter(places[:1], scores[:1], s=110, marker="*", color="C3", label="best")
        panel.grid(alpha=0.3)
    panels[0].set_ylabel(label)
    panels[0].legend(loc="best", fontsize=8)
    return figure


def coordinates(axes: Sequence[Axis], scores: Sequence[float], label: str) -> Figure:
    """Draws parallel coordinates: a line for each trial through its values to its score.

    Args:
        axes: the searched settings.
        scores: of the completed trials, best first.
        label: of the scores, with their unit.
    """
    count = len(axes) + 1
    figure = Figure(figsize=(2.5 + 2.2 * count, 4.5), layout="constrained")
    panel = figure.subplots()
    low, high = min(scores), max(scores)
    norm = Normalize(low, high if high > low else low + 1)
    shades = ScalarMappable(norm, _COLORS)
    lines = zip(*(axis.heights() for axis in axes), map(norm, scores), strict=True)
    for number, heights in reversed(list(enumerate(lines))):  # the best on top
        panel.plot(
            range(count),
            [float(height) for height in heights],
            color=shades.to_rgba(scores[number]),
            linewidth=1.2 if number else 3,
            alpha=0.7 if number else 1,
        )
    for place, axis in enumerate(axes):
        _draw_axis(panel, place, axis.ticks())
    _draw_axis(panel, count - 1, [(0.0, f"{norm.vmin:.2f}"), (1.0, f"{norm.vmax:.2f}")])
    panel.set_xticks(range(count), [*(axis.name for axis in axes), label])
    panel.set_yticks([])
    panel.set_xlim(-0.45, count - 0.85)
    panel.set_ylim(-0.06, 1.06)
    for side in panel.spines.values():
        side.set_visible(False)
    figure.colorbar(shades, ax=panel, label=label)
    return figure


def progress(scores: Sequence[float | None], label: str) -> Figure:
    """Draws the scores over the trials, and the best score so far.

    Args:
        scores: of all trials in the order of their ends; None of a failed trial. At least one
            trial is completed.
        label: of the scores, with their unit.
    """
    figure = Figure(figsize=(8, 4), layout="constrained")
    panel = figure.subplots()
    heights = np.array(scores, float)  # None becomes NaN
    numbers = np.arange(1, len(heights) + 1)
    best = np.fmax.accumulate(heights)
    panel.step(numbers, best, where="post", color="C3", label="best so far")
    panel.scatter(numbers, heights, s=22, label="trials", zorder=3)
    failed = numbers[np.isnan(heights)]
    if len(failed):
        bottom = [np.nanmin(heights)] * len(failed)
        panel.scatter(failed, bottom, marker="x", color="black", label="failed")
    panel.set_xlabel("trial, in the order of their ends")
    panel.set_ylabel(label)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.grid(alpha=0.3)
    panel.legend(loc="best", fontsize=8)
    return figure


def short(value: Any) -> str:
    """A value in few digits.

    Example:
        >>> short(0.123456), short(512), short("conv1")
        ('0.123', '512', 'conv1')
    """
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _draw_axis(panel: Axes, place: int, ticks: Sequence[tuple[float, str]]) -> None:
    panel.axvline(place, color="black", linewidth=0.8, zorder=0)
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 1}
    for height, text in ticks:
        panel.text(place - 0.03, height, text, ha="right", va="center", fontsize=8, bbox=box)
