"""Tables of numbers as heat maps."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mss_keras.reports import figures

_COLORS = colormaps["viridis_r"]
_FONT = 8.0  # points
_BAND = 11  # columns side by side at most, of which numbers of this size can be read
_ROW, _LINE = 0.22, 0.15  # inches that a row takes, and a line of a column's label
_GAP = 0.3  # of a cell, between ratios and losses
# Columns whose values differ by less do not go from the best colour to the worst.
_LEAST_DB, _LEAST_SHARE = 1.0, 0.1
# Beyond these a number is a fault of what was measured, and the others' colours do not follow it.
_ABSURD_DB, _ABSURD_FACTOR = 100.0, 1000.0
_KEY = (
    "↑ larger is better   ↓ smaller is better   bold: best of its column\n"
    "hatched: no number, or an impossible one"
)


@dataclass(frozen=True)
class Column:
    """A column of a table of numbers.

    Args:
        name: str. Stands above.
        values: np.ndarray. `[rows]`.
        larger: bool. Whether the larger value is the better one. Defaults to `False`.
        decibels: bool. Whether the values are in dB. Defaults to `False`.

    Example:
        >>> column = Column("sdr", np.array([6.0, np.nan, 5.5]), larger=True, decibels=True)
        >>> column.label, column.shades().tolist(), column.texts()
        ('sdr ↑', [0.0, nan, 0.5], ['6.00', '–', '5.50'])
    """

    name: str
    values: np.ndarray
    larger: bool = False
    decibels: bool = False

    @property
    def label(self) -> str:
        """The name, with an arrow to what is better."""
        return f"{self.name} {'↑' if self.larger else '↓'}"

    def possible(self) -> np.ndarray:
        """Whether each value can be right, `[rows]`; see `heatmap`."""
        finite = np.isfinite(self.values)
        sizes = np.abs(np.where(finite, self.values, np.nan))
        if self.decibels:
            return finite & (sizes <= _ABSURD_DB)
        known = np.sort(sizes[finite])
        middle = known[(len(known) - 1) // 2] if len(known) else 0.0
        return finite & ((middle == 0) | (sizes <= _ABSURD_FACTOR * middle))

    def shades(self) -> np.ndarray:
        """0 for the best value, up to 1 for the worst one, NaN for impossible ones; `[rows]`."""
        values = np.where(self.possible(), self.values, np.nan)
        if np.isnan(values).all():
            return values
        badness = -values if self.larger else values
        best = np.nanmin(badness)
        least = _LEAST_DB if self.decibels else _LEAST_SHARE * np.nanmax(np.abs(values))
        span = max(np.nanmax(badness) - best, least)
        return (badness - best) / (span or 1.0)

    def texts(self) -> list[str]:
        """The values as they stand in the cells."""
        return [self._text(value) for value in self.values]

    def _text(self, value: float) -> str:
        if np.isnan(value):
            return "–"
        if np.isinf(value):
            return "∞" if value > 0 else "−∞"
        if self.larger and abs(value) <= _ABSURD_DB:
            return f"{value:.2f}"
        if value == 0 or 999.5 <= abs(value) < 1e5:
            return f"{value:.0f}"
        return f"{value:#.3g}".rstrip(".") if 1e-4 <= abs(value) < 999.5 else f"{value:.0e}"


def heatmap(columns: Sequence[Column], rows: Sequence[str], *, title: str) -> Figure:
    """Draws numbers on colours that tell how far each is from the best of its column.

    The worst value of a column has the worst colour, unless all of them are close together: then
    their colours are, too. Columns of which the larger value is the better one come first and
    stand apart. Many columns are divided into bands, one below the other. Hatched are numbers that
    are not finite, and those that cannot be right: beyond ±100 dB, or more than a thousand times
    the middle one of their column.

    Args:
        columns: the numbers.
        rows: names of the rows.
        title: stands above.

    Example:
        >>> sdr = Column("sdr", np.array([6.0, 4.0]), larger=True, decibels=True)
        >>> figure = heatmap([Column("l1", np.array([0.2, 0.1])), sdr], ["a", "b"], title="two")
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['6.00', '4.00', '0.200', '0.100']
    """
    ordered = sorted(columns, key=lambda column: not column.larger)
    count = -(-len(ordered) // _BAND)
    bands = [
        [ordered[index] for index in part]
        for part in np.array_split(np.arange(len(ordered)), count)
    ]
    edges = [_edges(band) for band in bands]
    width = max(edge[-1, 1] for edge in edges)  # in cells
    names = max(figures.width_of(name, _FONT) for name in rows)
    cell = (figures.WIDTH - names - 0.3) / width
    labels = [[_wrapped(column.label) for column in band] for band in bands]
    turned = not all(map(_fit, labels, edges, [cell] * count))
    if turned:
        labels = [[column.label for column in band] for band in bands]
    lines = 1 + max(label.count("\n") for band in labels for label in band)
    longest = max(figures.width_of(label, _FONT) for band in labels for label in band)
    above = longest if turned else _LINE * lines
    figure = figures.blank(1.3 + count * (above + 0.2 + _ROW * len(rows)), title)
    panels = list(figure.subplots(count, 1, squeeze=False)[:, 0])
    for panel, band, edge, texts in zip(panels, bands, edges, labels, strict=True):
        _draw(panel, band, edge)
        panel.set_xlim(0, width)
        panel.set_ylim(len(rows), 0)
        panel.set_xticks(edge.mean(axis=1), texts, rotation=90 if turned else 0, fontsize=_FONT)
        panel.set_yticks(np.arange(len(rows)) + 0.5, rows, fontsize=_FONT)
        panel.tick_params(length=0, labeltop=True, labelbottom=False)
        panel.spines[:].set_visible(False)
    _draw_key(figure, panels)
    return figure


def _edges(band: Sequence[Column]) -> np.ndarray:
    # Left and right of each column, in cells.
    left = np.arange(len(band), dtype=float)
    apart = [not column.larger for column in band]
    left += _GAP * (np.array(apart) & (not all(apart)))
    return np.stack([left, left + 1], axis=1)


def _wrapped(label: str) -> str:
    # The arrow stays with the last word.
    words = label.replace("_", "_ ").split(" ")
    return "\n".join([*words[:-2], " ".join(words[-2:])])


def _fit(labels: Sequence[str], edges: np.ndarray, cell: float) -> bool:
    # Whether no label touches the next.
    places = cell * edges.mean(axis=1)
    halves = [figures.width_of(label, _FONT) / 2 for label in labels]
    ends = zip(pairwise(places), pairwise(halves), strict=True)
    return all(right - left > sum(half) + 0.04 for (left, right), half in ends)


def _draw(panel: Axes, band: Sequence[Column], edges: np.ndarray) -> None:
    for column, (left, right) in zip(band, edges, strict=True):
        shades = column.shades()
        texts = column.texts()
        best = {text for shade, text in zip(shades, texts, strict=True) if shade == 0}
        several = np.isfinite(shades).sum() > 1
        for row, (shade, text) in enumerate(zip(shades, texts, strict=True)):
            sound = np.isfinite(shade)
            color = _COLORS(shade) if sound else (0.93, 0.93, 0.93, 1.0)
            hatch = None if sound else "////"
            cell = Rectangle((left, row), right - left, 1, facecolor=color, hatch=hatch)
            cell.set_edgecolor("white" if sound else "0.75")
            panel.add_patch(cell)
            panel.text(
                (left + right) / 2,
                row + 0.5,
                text.replace("-", "−"),
                ha="center",
                va="center",
                fontsize=_FONT,
                color=_readable(color),
                weight="bold" if several and text in best else "normal",
            )


def _readable(background: Sequence[float]) -> str:
    # Black or white, whichever has more contrast as WCAG defines it.
    channels = np.array(background[:3])
    linear = np.where(channels <= 0.03928, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ [0.2126, 0.7152, 0.0722])
    return "black" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "white"


def _draw_key(figure: Figure, panels: list[Axes]) -> None:
    bar = figure.colorbar(
        ScalarMappable(cmap=_COLORS),
        ax=panels,
        location="bottom",
        aspect=50,
        fraction=0.3 / figure.get_figheight(),
        shrink=0.6,
        pad=0.15 / figure.get_figheight(),
        ticks=[0, 1],
    )
    worst = f"worst, at least {_LEAST_DB:g} dB or {_LEAST_SHARE:.0%} away"
    bar.ax.set_xticklabels(["best of a column", worst])
    bar.ax.tick_params(labelsize=_FONT, length=0)
    bar.set_label(_KEY, fontsize=_FONT)
