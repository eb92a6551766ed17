"""How loud sounds are, and how often they are silent."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from mss_keras.reports import figures

_BELOW = 3.0  # dB, shown below the softest sound
_POINT, _MEDIAN, _CLIPS = figures.COLORS[0], figures.COLORS[1], figures.COLORS[3]
_SILENT = figures.GREY


@dataclass(frozen=True)
class Loudness:
    """Levels of one kind of sound.

    Args:
        name: str. What it is.
        rms: sequence of float. Levels of those that are not silent, dBFS.
        silent: float. Share of all that are silent.
        clips: float. Share of all that go beyond full scale.
    """

    name: str
    rms: Sequence[float]
    silent: float
    clips: float


def levels(sounds: Sequence[Loudness], *, silence: float) -> Figure:
    """A row for each kind of sound: levels, a point each with their median, and shares.

    Args:
        sounds: the kinds of sounds, from the top.
        silence: level below which a sound counts as silent, dBFS.

    Example:
        >>> figure = levels([Loudness("bass", [-20.0, -23.0], 0.5, 0.0)], silence=-60.0)
        >>> [panel.get_xlabel() for panel in figure.axes]
        ['RMS, dBFS', 'share of the examples, %']
    """
    figure = figures.blank(1.5 + 0.5 * len(sounds))
    points, shares = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    rng = np.random.default_rng(0)  # of the heights of points, so that they do not hide each other
    for height, sound in enumerate(sounds):
        rms = np.asarray(sound.rms)
        spread = height + rng.uniform(-0.28, 0.28, len(rms))
        points.plot(rms, spread, "o", color=_POINT, markersize=3, alpha=0.4, markeredgewidth=0)
        if len(rms):
            middle = [float(np.median(rms))] * 2
            points.plot(middle, [height - 0.36, height + 0.36], color=_MEDIAN, linewidth=2.5)
        else:
            across = points.get_yaxis_transform()
            points.text(0.5, height, "all silent", ha="center", va="center", transform=across)
        for share, place, color in ((sound.silent, -0.18, _SILENT), (sound.clips, 0.18, _CLIPS)):
            shares.barh(height + place, 100 * share, height=0.32, color=color)
            shares.text(100 * share + 2, height + place, f"{share:.0%}", va="center", fontsize=9)
    points.plot([], [], "o", color=_POINT, markersize=4, label="an example")
    points.plot([], [], color=_MEDIAN, linewidth=2.5, label="median")
    heard = [value for sound in sounds for value in sound.rms]
    softest = min(heard, default=silence) - _BELOW
    points.set_xlim(max(silence, softest), max([0.0, *heard]))
    points.set_yticks(range(len(sounds)), [sound.name for sound in sounds])
    points.set_ylim(len(sounds) - 0.5, -0.5)
    points.set_xlabel("RMS, dBFS")
    points.set_title("how loud it is", fontsize=10)
    shares.bar(0, 0, color=_SILENT, label=f"silent, below −{-silence:.0f} dBFS")
    shares.bar(0, 0, color=_CLIPS, label="peak above 0 dBFS")
    shares.set_xlim(0, 130)
    shares.set_xticks(range(0, 101, 25))
    shares.set_xlabel("share of the examples, %")
    shares.set_title("how often", fontsize=10)
    for panel in (points, shares):
        panel.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=4, fontsize=9, frameon=False)
    return figure
