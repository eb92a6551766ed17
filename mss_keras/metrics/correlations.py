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

_BLOCKS = 16  # FFTs of a row at a time; 13 MB of spectra for 4 stereo sources

# Two real rows from the spectrum Z of their packed signal: a row is Σ_h _UNPACK[h, row] V_h,
# V = (Z(k), conj Z(−k)).
_UNPACK = np.array([[0.5, -0.5j], [0.5, 0.5j]])


@dataclass(frozen=True, eq=False)
class Correlations:
    """What one pass over targets and estimates tells.

    Args:
        auto: `[lags, rows, rows]`; `[d, i, j]` is Σ_n y_i[n] y_j[n + d].
        cross: `[lags, rows, rows]`; `[d, i, j]` is Σ_n y_i[n] ŷ_j[n + d].
        sounding: bool `[2, sources]`, targets and estimates: not silent throughout, see `sounds`.
        finite: bool `[2, sources]`: no sample is NaN or infinite.
    """

    auto: np.ndarray
    cross: np.ndarray
    sounding: np.ndarray
    finite: np.ndarray


def sounds(waveforms: np.ndarray) -> np.ndarray:
    """Which sources are not silent, in museval's sense: channels that add up to 0 are silence.

    Args:
        waveforms: `[..., samples, channels]`.

    Returns:
        bool `[...]`.
    """
    return (_mono(waveforms) != 0).any(axis=-1)


def correlate(y_true: Waveforms, y_pred: Waveforms, lags: int, *, threads: int = 2) -> Correlations:
    """Correlates in blocks of FFTs, so that memory does not grow with the length.

    Two rows are packed as real and imaginary part of one complex signal; products of
    spectra are summed a frequency and transformed back once, at the end.

    Args:
        y_true: targets `[sources, samples, channels]`.
        y_pred: estimates, of the same shape.
        lags: lags 0 to `lags − 1` are wanted, samples.
        threads: threads.
    """
    sources, samples, channels = y_true.shape
    rows = sources * channels
    pairs = -(-rows // 2)
    size = max(4096, 8 * lags)
    hop = size - lags + 1  # what a block of `size` samples has at all lags
    step = _BLOCKS * hop

    @np.errstate(invalid="ignore")  # what is not finite is told
    def accumulate(starts: Sequence[int]) -> tuple[np.ndarray, ...]:
        total = np.zeros((size // 2 + 1, 2 * pairs, 4 * pairs), complex)
        sounding, finite = np.zeros((2, sources), bool), np.ones((2, sources), bool)
        alive = np.zeros((2, sources, channels), bool)
        for start in starts:
            pieces = [
                np.asarray(y[:, start : start + step + lags - 1], float) for y in (y_true, y_pred)
            ]
            for kind, piece in enumerate(pieces):
                alive[kind] |= piece.any(axis=1)
                mono = _mono(piece)
                sounding[kind] |= (mono != 0).any(axis=-1)
                finite[kind] &= np.isfinite(mono).all(axis=-1)
            blocks = np.concatenate([_blocks(piece, size, hop) for piece in pieces])
            first = _spectra(blocks[:pairs, :, :hop], size)
            total += first.conj() @ _spectra(blocks, size).swapaxes(1, 2)
        return total, sounding, finite, alive

    starts = range(0, samples, step)
    results = in_threads(accumulate, [starts[i::threads] for i in range(threads)])
    totals, sounding, finite, alive = zip(*results, strict=True)
    products = np.sum(totals, axis=0).reshape(size // 2 + 1, 2, pairs, 2, 2, pairs)
    products = np.einsum("khpgsq,hc,gd->kspcqd", products, _UNPACK.conj(), _UNPACK, optimize=True)
    lagged = scipy.fft.irfft(products, size, axis=0)[:lags]
    lagged = lagged.reshape(lags, 2, 2 * pairs, 2 * pairs)[..., :rows, :rows]
    # Rows that were packed together leak rounding into each other, also into silent ones.
    targets, others = np.logical_or.reduce(alive).reshape(2, rows)
    lagged = np.where(targets[:, None] & np.stack([targets, others])[:, None], lagged, 0.0)
    return Correlations(
        lagged[:, 0], lagged[:, 1], np.logical_or.reduce(sounding), np.logical_and.reduce(finite)
    )


def in_threads(work: Callable[[_Share], _Result], shares: Sequence[_Share]) -> list[_Result]:
    """Results of `work` for each share, a thread each."""
    with ThreadPoolExecutor(len(shares)) as pool:
        return list(pool.map(work, shares))


def _mono(waveforms: np.ndarray) -> np.ndarray:
    total = waveforms[..., 0].copy()  # faster than a sum over an axis of 2
    for channel in range(1, waveforms.shape[-1]):
        total += waveforms[..., channel]
    return total


def _blocks(piece: np.ndarray, size: int, hop: int) -> np.ndarray:
    """`[sources, samples, channels]` → complex `[pairs, blocks, size]`, zeros behind the end."""
    sources, samples, channels = piece.shape
    rows = piece.swapaxes(1, 2).reshape(sources * channels, samples)
    count = -(-min(samples, _BLOCKS * hop) // hop)
    packed = np.zeros((-(-len(rows) // 2), (count - 1) * hop + size), complex)
    packed.real[:, :samples] = rows[0::2]
    packed.imag[: len(rows) // 2, :samples] = rows[1::2]
    return np.lib.stride_tricks.sliding_window_view(packed, size, axis=1)[:, ::hop]


def _spectra(blocks: np.ndarray, size: int) -> np.ndarray:
    """`[pairs, blocks, ≤ size]` → V: `[bins, 2 · pairs, blocks]`."""
    pairs, count, _ = blocks.shape
    spectra = scipy.fft.fft(blocks, size).transpose(2, 0, 1)
    both = np.empty((size // 2 + 1, 2, pairs, count), complex)
    both[:, 0] = spectra[: size // 2 + 1]
    both[0, 1] = spectra[0].conj()
    np.conj(spectra[: size // 2 - 1 : -1], out=both[1:, 1])
    return both.reshape(size // 2 + 1, 2 * pairs, count)
