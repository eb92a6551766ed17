"""Box plots of scores."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from mss_keras.metrics import TrackScores

_FEW_TRACKS = 6  # below that, a box says less than its points


def boxes(scores: Mapping[str, Sequence[TrackScores]], metric: str, label: str) -> Figure:
    """Box plots over tracks, a panel for each source, a box for each method.

    Tracks without a score are left out. Where a box stands for few tracks, their scores are
    drawn too.

    Args:
        scores: for each method, its tracks; the first method is on top.
        metric: a key of `TrackScores.medians`, such as `sdr`.
        label: text of the axis, with the unit.
    """
    sources = next(iter(scores.values()))[0].sources
    figure = Figure(
        figsize=(1.5 + 2.2 * len(sources), 2.2 + 0.35 * len(scores)), layout="constrained"
    )
    panels = figure.subplots(1, len(sources), sharex=True, sharey=True, squeeze=False)[0]
    names = list(scores)[::-1]  # heights grow upwards
    for index, (panel, source) in enumerate(zip(panels, sources, strict=True)):
        values = [
            [x for track in scores[name] if np.isfinite(x := track.medians()[metric][index])]
            for name in names
        ]
        panel.boxplot(values, orientation="horizontal", widths=0.6, medianprops={"color": "C1"})
        for height, points in enumerate(values, start=1):
            if len(points) < _FEW_TRACKS:
                panel.plot(points, [height] * len(points), "o", color="C0", markersize=4)
        panel.set_title(source)
        panel.grid(axis="x", alpha=0.3)
    panels[0].set_yticks(range(1, len(names) + 1), names)
    figure.supxlabel(label)
    return figure
