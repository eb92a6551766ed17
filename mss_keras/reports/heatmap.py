"""A table of numbers as a heat map."""

from collections.abc import Collection, Sequence

import numpy as np
from matplotlib.figure import Figure


def heatmap(
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    ratios: Collection[str] = (),
    labels: tuple[str, str] = ("", ""),
    title: str | None = None,
) -> Figure:
    """Draws numbers on colours; each column is coloured from its best value to its worst.

    Args:
        values: `[rows, columns]`. NaN stays white.
        rows: names of the rows.
        columns: names of the columns.
        ratios: names of the columns in dB, where the larger value is the better one. In the
            others it is the smaller one. Defaults to none.
        labels: names of what the rows and the columns are. Defaults to none.
        title: stands above. Defaults to none.

    Example:
        >>> figure = heatmap(np.array([[6.0, 0.2], [4.0, 0.1]]), ["a", "b"], ["sdr", "l1"],
        ...                  ratios=["sdr"])
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['6.00', '0.2', '4.00', '0.1']
    """
    in_decibels = np.isin(columns, list(ratios))
    badness = np.where(in_decibels, -values, values)
    low, high = np.nanmin(badness, axis=0), np.nanmax(badness, axis=0)
    shades = (badness - low) / np.where(high > low, high - low, 1)  # 0 is the best
    size = (3.5 + 0.75 * len(columns), 2.6 + 0.38 * len(rows))
    figure = Figure(figsize=size, layout="constrained")
    panel = figure.subplots()
    image = panel.imshow(shades, cmap="viridis_r", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        text = f"{value:.2f}" if in_decibels[column] else f"{value:.3g}"
        color = "white" if shades[row, column] > 0.5 else "black"
        panel.text(column, row, text, ha="center", va="center", fontsize=7, color=color)
    panel.set_xticks(range(len(columns)), columns, rotation=45, ha="right")
    panel.set_yticks(range(len(rows)), rows)
    panel.set_ylabel(labels[0])
    panel.set_xlabel(labels[1])
    bar = figure.colorbar(image, ax=panel, label="within a column", ticks=[0, 1])
    bar.ax.set_yticklabels(["best", "worst"])
    if title:
        panel.set_title(title)
    return figure
