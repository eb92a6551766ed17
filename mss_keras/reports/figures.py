"""Figures as PNG files and as images."""

import io
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
