"""Spectrograms of a mixture and its stems."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from mss_keras.config import AudioConfig
from mss_keras.signal.stft import magnitude_frames

_DYNAMIC_RANGE = 80  # dB shown below the loudest bin
_SILENCE = 1e-5  # magnitude added, so that silence has a level
_TOP_KHZ = 16.0


def spectrograms(
    excerpt: Mapping[str, np.ndarray], estimates: Mapping[str, np.ndarray], audio: AudioConfig
) -> Figure:
    """Mixture, target and estimate, one below the other, in a column for each source.

    Args:
        excerpt: `mixture` `[samples, channels]` and `sources` `[sources, samples, channels]`,
            −1 to 1.
        estimates: `[samples, channels]` for each source, in the order of `sources`.
        audio: sample rate and sizes of the STFT.

    Example:
        >>> audio = AudioConfig(sample_rate=8000, nfft=256, nhop=64)
        >>> voices = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 4000, 2))
        >>> excerpt = {"mixture": voices.sum(axis=0), "sources": voices}
        >>> figure = spectrograms(excerpt, {"alto": voices[0], "bass": voices[1]}, audio)
        >>> [panel.get_title() for panel in figure.axes[:2]]
        ['alto', 'bass']
    """
    mixture = excerpt["mixture"]
    figure = Figure(figsize=(1.5 + 3.5 * len(estimates), 8.5), layout="constrained")
    panels = figure.subplots(3, len(estimates), sharex=True, sharey=True, squeeze=False)
    mixture_db = _decibels(mixture, audio)
    top = mixture_db.max()
    seconds, nyquist = mixture.shape[0] / audio.sample_rate, audio.sample_rate / 2000  # s, kHz
    columns = zip(estimates.items(), excerpt["sources"], strict=True)
    for column, ((name, estimate), target) in enumerate(columns):
        levels = {
            "mixture": mixture_db,
            "target": _decibels(target, audio),
            "estimate": _decibels(estimate, audio),
        }
        for panel, (label, values) in zip(panels[:, column], levels.items(), strict=True):
            image = panel.imshow(
                values.T,
                origin="lower",
                aspect="auto",
                vmin=top - _DYNAMIC_RANGE,
                vmax=top,
                extent=(0, seconds, 0, nyquist),
                cmap="magma",
            )
            panel.set_ylim(0, min(_TOP_KHZ, nyquist))
            if column == 0:
                panel.set_ylabel(f"{label}\nfrequency, kHz")
        panels[0, column].set_title(name)
        panels[-1, column].set_xlabel("time, s")
    bar = figure.colorbar(image, ax=panels, label="level, dB below the loudest bin of the mixture")
    below = range(0, _DYNAMIC_RANGE + 1, 20)
    bar.ax.set_yticks([top - x for x in below], [f"−{x}" if x else "0" for x in below])
    return figure


def _decibels(waveform: np.ndarray, audio: AudioConfig) -> np.ndarray:
    # [frames, bins], mean of channels
    short = max(0, audio.nfft - waveform.shape[0])
    waveform = np.pad(waveform, ((0, short), (0, 0))).astype(np.float32)
    magnitude = tf.reduce_mean(magnitude_frames(tf.constant(waveform), audio), axis=1).numpy()
    return 20 * np.log10(magnitude + _SILENCE)
