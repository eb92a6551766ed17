"""Spectrograms of an example's sounds as small images, all on one scale."""

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from matplotlib.image import imsave
from scipy import fft, signal

from mss_keras.jobs.machine import cores
from mss_keras.reports.pages.parts import Example
from mss_keras.signal.epsilon import EPSILON

LOWEST_HZ = 40.0
HIGHEST_HZ = 16000.0
# dB shown below the loudest place of an example.
RANGE = 80
# dB re full scale. Where nothing is above, all is silence, and is not shown as the loudest.
_SILENCE = -90.0
_COLUMNS, _ROWS = 800, 192
_QUALITY = 70  # of WebP: a third of the size of PNG, and no difference that is seen


def frequencies(sample_rate: int) -> tuple[float, float]:
    """The lowest and the highest frequency of an image, Hz.

    Example:
        >>> frequencies(44100), frequencies(8000)
        ((40.0, 16000.0), (40.0, 4000.0))
    """
    return LOWEST_HZ, min(HIGHEST_HZ, sample_rate / 2)


def spectrograms(example: Example) -> list[bytes]:
    """An image of each stimulus: WebP, time to the right, the logarithm of frequency upwards.

    Args:
        example: Example. The stimuli; they have one scale, from its loudest place to `RANGE` dB
            below.
    """
    with ThreadPoolExecutor(cores()) as pool:
        found = list(pool.map(lambda stimulus: levels(stimulus.waveform, example), example.stimuli))
        loudest = max((float(of_this.max()) for of_this in found), default=0.0)
        top = loudest if loudest > _SILENCE else 0.0
        return list(pool.map(lambda of_this: _image(of_this, top), found))


def levels(waveform: np.ndarray, example: Example) -> np.ndarray:
    """Levels of a waveform, dB re a full-scale sine, `[columns, rows]`, low frequencies first.

    Args:
        waveform: np.ndarray. `[samples, channels]`; what is not finite counts as silence.
        example: Example. Its `audio` has the sample rate and the length of the window.
    """
    window = signal.get_window("hann", example.audio.nfft).astype(np.float32)
    samples = len(waveform)
    finite = np.nan_to_num(waveform.astype(np.float32), posinf=0, neginf=0)
    padded = np.pad(finite, [(len(window) // 2, len(window)), (0, 0)])
    count = max(1, min(_COLUMNS, samples))
    starts = ((np.arange(count) + 0.5) * samples / count).astype(int)
    power = np.zeros([count, len(window) // 2 + 1], np.float32)
    for channel in padded.T:
        frames = np.lib.stride_tricks.sliding_window_view(channel, len(window))[starts]
        power += np.abs(fft.rfft(frames * window)) ** 2
    full = waveform.shape[1] * window.sum() ** 2 / 4
    return 10 * np.log10((power @ _bands(example) + EPSILON) / full)


def _bands(example: Example) -> np.ndarray:
    # Weights [bins, rows]: the mean of power over a row's band, which is a bin wide at least, so
    # that low frequencies are interpolated.
    width = example.audio.sample_rate / example.audio.nfft
    edges = np.geomspace(*frequencies(example.audio.sample_rate), _ROWS + 1) / width  # in bins
    middle, half = (edges[1:] + edges[:-1]) / 2, np.maximum(np.diff(edges), 1) / 2
    bins = np.arange(example.audio.bins)[:, np.newaxis]
    inside = np.minimum(middle + half, bins + 0.5) - np.maximum(middle - half, bins - 0.5)
    weights = np.maximum(inside, 0)
    return (weights / weights.sum(axis=0)).astype(np.float32)


def _image(found: np.ndarray, top: float) -> bytes:
    file = io.BytesIO()
    imsave(
        file,
        found.T,
        vmin=top - RANGE,
        vmax=top,
        cmap="magma",
        origin="lower",
        format="webp",
        pil_kwargs={"quality": _QUALITY},
    )
    return file.getvalue()
