"""Energies of the parts of an estimate in each frame.

    ŷ = y + e_spat + e_interf + e_artif

Filters of the source itself explain y + e_spat; filters of all sources explain
y + e_spat + e_interf.
"""

import numpy as np
import scipy.fft

from mss_keras.metrics.correlations import in_threads, sounds
from mss_keras.metrics.waveforms import Waveforms


def frame_starts(samples: int, window: int, hop: int) -> range:
    """First samples of the whole frames; a signal shorter than a frame is one frame.

    Example:
        >>> list(frame_starts(35, 10, 10)), list(frame_starts(5, 10, 10))
        ([0, 10, 20], [0])
    """
    return range(0, max(samples - window, 0) + 1, hop)


def frame_ratios(
    y_true: Waveforms,
    y_pred: Waveforms,
    *,
    own: np.ndarray,
    every: np.ndarray,
    finite: np.ndarray,
    window: int,
    hop: int,
    threads: int = 2,
) -> tuple[np.ndarray, np.ndarray]:
    """SDR, ISR, SIR and SAR of each frame.

    As in museval, a frame is cut before it is filtered, and the tails of the filters count.
    Energies are computed in the frequency domain, by Parseval's theorem.

    Args:
        y_true: targets `[sources, samples, channels]`.
        y_pred: estimates, of the same shape.
        own: filters from each target to its estimate, `[lags, sources, channels, channels]`.
        every: filters from all targets to all estimates, `[lags, rows, rows]`; a row is a
            channel of a source. In `own` and `every` the last axis but one is the targets'.
        finite: bool `[sources]`, whether the source's estimate is finite throughout.
        window: length of a frame, samples.
        hop: distance of frames, samples.
        threads: number of threads, each of which holds the spectra of a frame. Defaults to `2`.

    Returns:
        Ratios `[4, sources, frames]`, dB, and whether targets and estimates sound, bool
        `[2, sources, frames]`. In frames in which one of them is silent the ratios of all sources
        are NaN. But an estimate that is not finite, or is silent in all frames in which every
        target sounds, has no ratio, and takes no frame from the other sources.
    """
    sources, samples, channels = y_true.shape
    window = min(window, samples)
    starts = frame_starts(samples, window, hop)
    size = _fft_size(window + len(own) - 1)
    # [inputs, sources, outputs, bins] and [sources, inputs, sources, outputs, bins]
    own_filters = scipy.fft.rfft(own.transpose(2, 1, 3, 0), size)
    other_filters = scipy.fft.rfft(every.transpose(1, 2, 0), size)
    other_filters = other_filters.reshape(sources, channels, sources, channels, -1)
    for source in range(sources):
        other_filters[source, :, source] -= own_filters[:, source]
    other_filters = other_filters.reshape(sources * channels, sources, channels, -1)
    ratios = np.full((4, sources, len(starts)), np.nan)
    sounding = np.zeros((2, sources, len(starts)), bool)

    @np.errstate(invalid="ignore")  # estimates that are not finite
    def decompose(frames: range) -> None:
        for frame in frames:
            piece = slice(starts[frame], starts[frame] + window)
            pieces = np.stack([np.asarray(y[:, piece], float) for y in (y_true, y_pred)])
            sounding[:, :, frame] = sounds(pieces)
            if not (sounding[0, :, frame].all() and sounding[1, finite, frame].any()):
                continue
            target, estimate = _spectra(pieces, size)
            # [inputs, sources, outputs, bins]; inputs are first the source's own channels, then
            # the channels of all sources
            image = _summed_products(target.swapaxes(0, 1)[:, :, None], own_filters)
            spatial = image - target
            interference = _summed_products(
                target.reshape(-1, 1, 1, target.shape[-1]), other_filters
            )
            artifacts = estimate - image
            artifacts -= interference
            energies = [_energy(x) for x in (target, image, spatial, interference, artifacts)]
            image += interference
            spatial += interference
            spatial += artifacts  # all distortion; exactly 0 for an exact copy, as in museval
            explained, distortion = _energy(image), _energy(spatial)
            ratios[:, :, frame] = _decibels(
                np.stack([energies[0], energies[0], energies[1], explained]),
                np.stack([distortion, *energies[2:]]),
            )

    in_threads(decompose, [range(len(starts))[i::threads] for i in range(threads)])
    # Only when all frames have been seen is it known which estimates sound in none.
    scored = finite & (sounding[1] & sounding[0].all(axis=0)).any(axis=1)
    ratios[:, ~scored] = np.nan
    ratios[:, :, ~sounding[1, scored].all(axis=0)] = np.nan
    return ratios, sounding


def _fft_size(least: int) -> int:
    # scipy's FFTs take factors of 2 four at a time: a length with many of them takes a third
    # less time than the next fast length, 46080 against 45000 for a second.
    block = 512 if least > 2**14 else 1
    return block * scipy.fft.next_fast_len(-(-least // block), real=True)


def _summed_products(inputs: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Sum of the products over the first axis; faster than einsum with complex numbers."""
    total, product = inputs[0] * filters[0], np.empty(filters.shape[1:], complex)
    for one, filtering in zip(inputs[1:], filters[1:], strict=True):
        total += np.multiply(one, filtering, out=product)
    return total


def _spectra(waveforms: np.ndarray, size: int) -> np.ndarray:
    """`[..., samples, channels]` → `[..., channels, bins]`, with half the waveform's energy.

    Bins that have no mirror image count a half.
    """
    spectra = scipy.fft.rfft(waveforms.swapaxes(-1, -2), size)
    spectra[..., 0] *= np.sqrt(0.5)
    if size % 2 == 0:
        spectra[..., -1] *= np.sqrt(0.5)
    return spectra


def _energy(spectra: np.ndarray) -> np.ndarray:
    parts = spectra.view(float)
    return np.einsum("sck,sck->s", parts, parts)  # np.dot would start BLAS's own threads


def _decibels(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator == 0, np.inf, 10 * np.log10(numerator / denominator))
