"""Correlations of targets and estimates up to some lag, in one pass over both.

Rows are channels of sources, source by source: row = source · channels + channel.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import scipy.fft

from mss_keras.metrics.waveforms import Waveforms

_Share = TypeVar("_Share")
_Result = TypeVar("_Result")

_BLOCKS = 8  # FFTs of a row at a time; 6 MB of spectra for 4 stereo sources


@dataclass(frozen=True, eq=False)
class Correlations:
    """Correlations of targets and estimates, and which of them sound and are finite.

    Args:
        auto: `[lags, rows, rows]`; its entry (d, i, j) is Σ_n y_i[n] y_j[n + d].
        cross: `[lags, rows, rows]`; its entry (d, i, j) is Σ_n y_i[n] ŷ_j[n + d].
        sounding: bool `[2, sources]`, targets and estimates, whether the source is not silent
            throughout; see `sounds`.
        finite: bool `[2, sources]`, whether no sample is NaN or infinite.
    """

    auto: np.ndarray
    cross: np.ndarray
    sounding: np.ndarray
    finite: np.ndarray


def sounds(waveforms: np.ndarray) -> np.ndarray:
    """Which sources are not silent; as in museval, channels that add up to 0 are silence.

    Args:
        waveforms: `[..., samples, channels]`.

    Returns:
        bool `[...]`.

    Example:
        >>> sounds(np.array([[[0.5, 0.5]], [[0.5, -0.5]]]))
        array([ True, False])
    """
    return (_mono(waveforms) != 0).any(axis=-1)


def correlate(y_true: Waveforms, y_pred: Waveforms, lags: int, *, threads: int = 2) -> Correlations:
    """Correlates in blocks of FFTs, so that memory does not grow with the length.

    Products of spectra are summed for each frequency, as products of matrices, and transformed
    back once, at the end. Left and right are not packed into one complex signal: that would
    not be faster, and rounding in a loud channel would drown a soft one.

    Args:
        y_true: targets `[sources, samples, channels]`.
        y_pred: estimates, of the same shape.
        lags: number of lags, from 0 on, samples.
        threads: number of threads. Defaults to `2`.
    """
    sources, samples, channels = y_true.shape
    rows = sources * channels
    size = max(4096, 8 * lags)
    hop = size - lags + 1  # samples of a block that have all lags within it
    step = _BLOCKS * hop

    @np.errstate(invalid="ignore")  # infinite samples
    def accumulate(starts: Sequence[int]) -> tuple[np.ndarray, ...]:
        total = np.zeros((size // 2 + 1, rows, 2 * rows), complex)
        sounding, finite = np.zeros((2, sources), bool), np.ones((2, sources), bool)
        for start in starts:
            piece = slice(start, start + step + lags - 1)
            pieces = np.stack([np.asarray(y[:, piece], float) for y in (y_true, y_pred)])
            mono = _mono(pieces)
            sounding |= (mono != 0).any(axis=-1)
            finite_here = np.isfinite(mono).all(axis=-1)
            finite &= finite_here
            pieces[~finite_here] = 0
            blocks = _blocks(pieces.swapaxes(2, 3).reshape(2 * rows, -1), size, hop)
            heads = _spectra(blocks[:rows, :, :hop], size)
            total += np.conj(heads, out=heads) @ _spectra(blocks, size).swapaxes(1, 2)
        return total, sounding, finite

    starts = range(0, samples, step)
    results = in_threads(accumulate, [starts[i::threads] for i in range(threads)])
    totals, sounding, finite = zip(*results, strict=True)
    lagged = scipy.fft.irfft(np.sum(totals, axis=0), size, axis=0)[:lags]
    return Correlations(
        auto=lagged[:, :, :rows],
        cross=lagged[:, :, rows:],
        sounding=np.logical_or.reduce(sounding),
        finite=np.logical_and.reduce(finite),
    )


def in_threads(work: Callable[[_Share], _Result], shares: Sequence[_Share]) -> list[_Result]:
    """Results of `work` for each share, computed by a thread for each."""
    with ThreadPoolExecutor(len(shares)) as pool:
        return list(pool.map(work, shares))


def _mono(waveforms: np.ndarray) -> np.ndarray:
    total = waveforms[..., 0].copy()  # faster than a sum over an axis of 2
    for channel in range(1, waveforms.shape[-1]):
        total += waveforms[..., channel]
    return total


def _blocks(rows: np.ndarray, size: int, hop: int) -> np.ndarray:
    """`[rows, samples]` → `[rows, blocks, size]`, with zeros behind the end."""
    count = -(-min(rows.shape[1], _BLOCKS * hop) // hop)
    padded = np.zeros((len(rows), (count - 1) * hop + size))
    padded[:, : rows.shape[1]] = rows
    return np.lib.stride_tricks.sliding_window_view(padded, size, axis=1)[:, ::hop]


def _spectra(blocks: np.ndarray, size: int) -> np.ndarray:
    """`[rows, blocks, ≤ size]` → `[bins, rows, blocks]`."""
    return np.ascontiguousarray(scipy.fft.rfft(blocks, size).transpose(2, 0, 1))
