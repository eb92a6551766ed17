"""Figures: their size, and how they become PNG files and images.

Every figure is as wide as the others. Fonts have 8 to 12 points, which are 13 to 20 pixels where a
page shows the figure 960 pixels wide.
"""

import io
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath

from mss_keras.jobs.files import appearing

WIDTH = 8.0  # inches
# What points differ by besides their colours.
MARKERS = "osD^vP*X"
# Colours that people with any kind of colour vision tell apart (Okabe and Ito, without yellow).
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
GREY = "0.45"

_DPI = 180


def blank(height: float, title: str = "") -> Figure:
    """An empty figure.

    Args:
        height: inches; a title takes some of it.
        title: stands above; it may have several lines. Defaults to none.

    Example:
        >>> figure = blank(3.0, "a title")
        >>> figure.get_figwidth(), figure.get_suptitle()
        (8.0, 'a title')
    """
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG; the file appears when it is whole."""
    with appearing(path) as partial:
        figure.savefig(partial, dpi=_DPI)


def as_png(figure: Figure) -> bytes:
    """A figure as a PNG file, the same that `save` writes."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=_DPI)
    return file.getvalue()


def as_image(figure: Figure) -> np.ndarray:
    """A figure as an image, uint8 `[height, width, 4]`: red, green, blue, opacity."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def width_of(text: str, size: float) -> float:
    """Width of a text, in inches; of several lines the widest.

    Args:
        text: the text.
        size: of the font, points.

    Example:
        >>> width_of("mm", 10) == width_of("i\\nmm", 10) > 5 * width_of("i", 10)
        True
    """
    lines = [line for line in text.split("\n") if line.strip()]
    return max(
        (TextPath((0, 0), line, size=size).get_extents().x1 / 72 for line in lines), default=0
    )
