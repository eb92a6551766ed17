"""Block-Toeplitz systems beside dense solutions, regular and singular."""

import numpy as np
import pytest

from mss_keras.metrics import toeplitz
from mss_keras.metrics.correlations import correlate

LAGS = 24


def system(signal, outputs):
    """Correlations of `[samples, rows]` and `[samples, outputs]`."""
    count = max(signal.shape[1], outputs.shape[1])
    both = np.zeros((2, 1, len(signal), count))
    both[0, 0, :, : signal.shape[1]] = signal
    both[1, 0, :, : outputs.shape[1]] = outputs
    known = correlate(both[0], both[1], LAGS)
    rows, columns = signal.shape[1], outputs.shape[1]
    return known.auto[:, :rows, :rows], known.cross[:, :rows, :columns]


def filtered(signal, filters):
    """Σ_m c[m] signal[n − m], tails included."""
    out = np.zeros((len(signal) + LAGS - 1, filters.shape[2]))
    for lag, taps in enumerate(filters):
        out[lag : lag + len(signal)] += signal @ taps
    return out


@pytest.fixture
def signal():
    """Three channels, of which one is soft and one resonates; the end fades."""
    rng = np.random.default_rng(0)
    white = rng.standard_normal((3000, 3)) * [1, 1e-4, 1]
    for n in range(2, len(white)):
        white[n, 2] += 1.8 * white[n - 1, 2] - 0.95 * white[n - 2, 2]
    return white


@pytest.mark.parametrize("method", ["_levinson", "_cholesky", "_least_squares"])
def test_methods_equal_the_dense_solution(signal, method):
    outputs = np.random.default_rng(1).standard_normal((3000, 2)) + signal[:, :2]
    auto, cross = system(signal, outputs)
    dense = np.empty((LAGS, 3, LAGS, 3))
    for row in range(LAGS):
        for column in range(LAGS):
            lag = row - column
            dense[row, :, column] = auto[lag] if lag >= 0 else auto[-lag].T
    wanted = np.linalg.solve(dense.reshape(LAGS * 3, -1), cross.reshape(LAGS * 3, -1))
    scale = np.abs(wanted).max()
    tolerance = 1e-3 if method == "_least_squares" else 1e-8
    found = getattr(toeplitz, method)(auto, cross).reshape(wanted.shape)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * scale)
    found = toeplitz.solve(auto, cross).reshape(wanted.shape)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-8 * scale)


def test_finds_the_filters_that_made_the_output(signal):
    filters = np.random.default_rng(2).standard_normal((LAGS, 3, 2))
    signal[-LAGS:] = 0  # so that the output has its tail
    auto, cross = system(signal, filtered(signal, filters)[:3000])
    np.testing.assert_allclose(toeplitz.solve(auto, cross), filters, atol=1e-6)


def test_copies_and_silence_are_dropped(signal):
    outputs = np.random.default_rng(1).standard_normal((3000, 2)) + signal[:, :2]
    wanted = filtered(signal, toeplitz.solve(*system(signal, outputs)))
    more = np.column_stack([signal, np.zeros(3000), signal[:, 0], signal @ [1, 1e4, 0.3]])
    auto, cross = system(more, outputs)
    assert len(toeplitz.independent(auto[0])) == 3
    filters = toeplitz.solve(auto, cross)
    assert (filters == 0).all(axis=(0, 2)).sum() == 3
    np.testing.assert_allclose(filtered(more, filters), wanted, atol=1e-7)


def test_silence_alone_has_filters_of_zero():
    np.testing.assert_array_equal(toeplitz.solve(np.zeros([4, 2, 2]), np.zeros([4, 2, 3])), 0)


def test_a_delayed_copy_is_left_to_least_squares(signal):
    """Singular, and no channel is a sum of others sample by sample."""
    signal[-LAGS:] = 0
    outputs = np.random.default_rng(1).standard_normal((3000, 2)) + signal[:, :2]
    delayed = np.column_stack([signal, np.roll(signal[:, 0], 3)])
    auto, cross = system(delayed, outputs)
    scale = 1 / np.sqrt(np.diagonal(auto[0]))
    with pytest.raises(np.linalg.LinAlgError):
        toeplitz._cholesky(auto * np.outer(scale, scale), cross * scale[:, None])
    filters = toeplitz.solve(auto, cross)
    assert toeplitz._residual(auto, filters, cross) < 1e-9
    assert np.abs(filters[:, [0, 3]]).max() < 100  # of all solutions a small one


def test_the_residual_is_relative_to_the_right_hand_side(signal):
    """It alone says whether a method's solution is taken."""
    signal[-LAGS:] = 0
    filters = np.random.default_rng(2).standard_normal((LAGS, 3, 2))
    auto, cross = system(signal, filtered(signal, filters)[:3000])
    assert toeplitz._residual(auto, filters, cross) < 1e-12
    for factor in (1.0, 1e-6):  # of the worse of two outputs
        wrong = filters * [1.0, 1 - factor]
        assert toeplitz._residual(auto, wrong, cross) == pytest.approx(factor, rel=1e-3)
    assert toeplitz._residual(auto, np.full_like(filters, np.nan), cross) == np.inf
