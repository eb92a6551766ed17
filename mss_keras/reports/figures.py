"""Figures as PNG files and as images."""

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mss_keras.jobs.files import appearing

_DPI = 110


def save(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG; the file appears when it is whole."""
    with appearing(path) as partial:
        figure.savefig(partial, dpi=_DPI)


def as_image(figure: Figure) -> np.ndarray:
    """A figure as an image, uint8 `[height, width, 4]`: red, green, blue, opacity."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())
