"""Spectrograms of a mixture and its stems."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from mss_keras.config import AudioConfig
from mss_keras.reports import figures
from mss_keras.signal.stft import magnitude_frames

Extent = tuple[float, float, float, float]  # first and last second, lowest and highest log10 of Hz

_DYNAMIC_RANGE = 70.0  # dB shown below the loudest place
_SOFTEST = 60.0  # dB below the mixture's loudest place, from which on a panel gets darker
_SILENCE = 1e-5  # magnitude added, so that silence has a level
_LOWEST_HZ, _HIGHEST_HZ = 40.0, 16000.0
_HEIGHTS = 220  # places of frequency that are drawn
_TICKS = (50, 100, 200, 500, 1000, 2000, 5000, 10000)
_ROW = 1.55  # inches


def spectrograms(
    excerpt: Mapping[str, np.ndarray],
    estimates: Mapping[str, np.ndarray],
    audio: AudioConfig,
    *,
    title: str = "",
) -> Figure:
    """The mixture, and below it a row for each source: the target, and beside it the estimate.

    The colours of each panel begin at its own loudest place, so that weak sounds are seen as well
    as loud ones; its title tells how loud they are. Silence is black.

    Args:
        excerpt: `mixture` `[samples, channels]` and `sources` `[sources, samples, channels]`,
            −1 to 1.
        estimates: `[samples, channels]` for each source, in the order of `sources`.
        audio: sample rate and sizes of the STFT.
        title: song, split and seconds; stands above. Defaults to none.

    Example:
        >>> audio = AudioConfig(sample_rate=8000, nfft=256, nhop=64)
        >>> voices = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 4000, 2))
        >>> excerpt = {"mixture": voices.sum(axis=0), "sources": voices}
        >>> estimates = {"alto": 0.1 * voices[0], "bass": voices[1]}
        >>> figure = spectrograms(excerpt, estimates, audio, title="A song, valid, 0 to 0.5 s")
        >>> [panel.get_title() for panel in figure.axes[2:4]]
        ['alto: target, −2.9 dB', 'alto: estimate, −22.9 dB']
    """
    mixture = excerpt["mixture"]
    count = len(estimates)
    figure = figures.blank(0.6 + 0.3 * bool(title) + _ROW * (1 + count), title)
    panels = figure.subplots(1 + count, 2, sharex=True, sharey=True, squeeze=False)
    levels = log_levels(mixture, audio)
    floor = max(levels.max() - _SOFTEST, 20 * np.log10(_SILENCE) + _DYNAMIC_RANGE)
    low, high = np.log10(band(audio))
    extent = (0.0, mixture.shape[0] / audio.sample_rate, float(low), float(high))
    image = _draw(panels[0, 0], levels, extent, floor=floor)
    panels[0, 0].set_title("mixture", fontsize=10)
    for pair, (name, estimate), target in zip(
        panels[1:], estimates.items(), excerpt["sources"], strict=True
    ):
        sounds = {"target": target, "estimate": estimate}
        for panel, (what, waveform) in zip(pair, sounds.items(), strict=True):
            _draw(panel, log_levels(waveform, audio), extent, floor=floor)
            panel.set_title(f"{name}: {what}, {_level(waveform, mixture)}", fontsize=10)
    _set_axes(panels, audio)
    _draw_key(figure, panels[0, 1], image)
    return figure


def log_levels(waveform: np.ndarray, audio: AudioConfig) -> np.ndarray:
    """Levels at frequencies that are equally far apart as musicians count them.

    Args:
        waveform: `[samples, channels]`.
        audio: sample rate and sizes of the STFT.

    Returns:
        dB, `[frequencies, frames]`, of the mean power of channels; frequencies go up from
        `band(audio)[0]` to `band(audio)[1]`.
    """
    short = max(0, audio.nfft - waveform.shape[0])
    waveform = np.pad(waveform, ((0, short), (0, 0))).astype(np.float32)
    power = tf.reduce_mean(magnitude_frames(tf.constant(waveform), audio) ** 2, axis=1).numpy()
    edges = np.geomspace(*band(audio), _HEIGHTS + 1) * audio.nfft / audio.sample_rate + 0.5
    # A bin is as wide as the distance of bins; a place has the mean of what it covers of them.
    total = np.concatenate([np.zeros_like(power[:, :1]), np.cumsum(power, axis=1, dtype=float)], 1)
    below = np.floor(edges).astype(int).clip(0, power.shape[1] - 1)
    at_edges = total[:, below] + (edges - below) * power[:, below]
    means = np.diff(at_edges, axis=1) / np.diff(edges)
    return 10 * np.log10(means.T.clip(0) + _SILENCE**2)


def band(audio: AudioConfig) -> tuple[float, float]:
    """The lowest and the highest frequency that are drawn, Hz."""
    nyquist = audio.sample_rate / 2
    return max(_LOWEST_HZ, audio.sample_rate / audio.nfft / 2), min(_HIGHEST_HZ, nyquist)


def _draw(panel: Axes, levels: np.ndarray, extent: Extent, *, floor: float) -> AxesImage:
    top = levels[np.isfinite(levels)].max(initial=floor)
    limits = {"vmin": top - _DYNAMIC_RANGE, "vmax": top}
    return panel.imshow(
        levels, origin="lower", aspect="auto", cmap="magma", extent=extent, **limits
    )


def _level(waveform: np.ndarray, mixture: np.ndarray) -> str:
    if not np.isfinite(waveform).all():
        return "not finite"
    power, reference = (np.mean(np.square(x, dtype=float)) for x in (waveform, mixture))
    if power == 0 or reference == 0:
        return "silent" if power == 0 else "the mixture is silent"
    return f"{10 * np.log10(power / reference):.1f} dB".replace("-", "−")


def _set_axes(panels: np.ndarray, audio: AudioConfig) -> None:
    low, high = band(audio)
    ticks = [tick for tick in _TICKS if low <= tick <= high]
    texts = [f"{tick / 1000:g}k" if tick >= 1000 else f"{tick}" for tick in ticks]
    panels[0, 0].set_yticks(np.log10(ticks), texts)
    for panel in panels[:, 0]:
        panel.set_ylabel("Hz", fontsize=9)
    for panel in panels[-1]:
        panel.set_xlabel("time, s", fontsize=9)
    for panel in panels.ravel():
        panel.tick_params(labelsize=8)


def _draw_key(figure: Figure, panel: Axes, image: AxesImage) -> None:
    # In the place beside the mixture.
    panel.set_axis_off()
    place = panel.inset_axes((0.05, 0.62, 0.9, 0.12))
    bar = figure.colorbar(image, cax=place, orientation="horizontal")
    below = np.arange(0, _DYNAMIC_RANGE + 1, 10)
    texts = [f"−{x:g}" if x else "0" for x in below]
    bar.ax.set_xticks(image.get_clim()[1] - below, texts, fontsize=8)
    bar.set_label(
        "dB below the loudest place of the panel\nin titles: level against that of the mixture",
        fontsize=9,
    )
