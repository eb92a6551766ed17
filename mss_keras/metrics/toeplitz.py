"""Symmetric block-Toeplitz systems, as multichannel least-squares filters have them."""

import contextlib

import numpy as np
import scipy.fft
import scipy.linalg

# Largest residual of a solution, relative to the norm of the right-hand side. On music at 16
# bits Levinson's residual is 1e-13 to 1e-12. Where coding has emptied a band it may be anything;
# one of 1e-10 made scores wrong by 0.05 dB.
_RESIDUAL = 1e-11

# A channel counts as a copy of others if they explain all of its energy but this share.
# Rounding to 16 bits leaves 1e-9 and more unexplained, rounding of doubles 1e-16.
_DEPENDENT = 1e-13


def solve(auto: np.ndarray, cross: np.ndarray) -> np.ndarray:
    """Filters c that solve Σ_m R(l − m) c[m] = d[l] for l = 0 … lags − 1, R(−d) = R(d)ᵀ.

    Block Levinson solves the system; where its residual is large, Cholesky does, and where that
    fails, least squares, which take seconds and some 300 MB for 8 rows and 512 lags. Channels
    that are silent, or sums of others sample by sample, would make the matrix singular: their
    filters are 0.

    Args:
        auto: R, `[lags, rows, rows]`, correlations of the inputs.
        cross: d, `[lags, rows, outputs]`, correlations of inputs and outputs.

    Returns:
        c, `[lags, rows, outputs]`.

    Example:
        >>> auto = np.array([2.0, 1.0, 0.0]).reshape(3, 1, 1)
        >>> solve(auto, auto)[:, 0, 0].round(6) + 0.0  # the input itself
        array([1., 0., 0.])
    """
    keep = independent(auto[0])
    if not len(keep):
        return np.zeros_like(cross)
    scale = 1 / np.sqrt(np.diagonal(auto[0])[keep])  # loud beside soft sources
    auto = auto[:, keep][:, :, keep] * np.outer(scale, scale)
    right = cross[:, keep] * scale[:, None]
    for method in (_levinson, _cholesky, _least_squares):
        try:
            with np.errstate(all="ignore"):  # the residual tells
                solution = method(auto, right)
        except np.linalg.LinAlgError:
            continue
        if _residual(auto, solution, right) < _RESIDUAL:
            break
    filters = np.zeros_like(cross)
    filters[:, keep] = solution * scale[:, None]
    return filters


def independent(matrix: np.ndarray) -> np.ndarray:
    """Indices of channels none of which is a sum of the others, by pivoted Cholesky.

    Args:
        matrix: correlations at lag 0 `[rows, rows]`.

    Returns:
        Sorted indices.

    Example:
        >>> independent(np.array([[1.0, 2.0], [2.0, 4.0]]))  # the second is twice the first
        array([0])
    """
    energy = np.diagonal(matrix)
    chosen: list[int] = []
    rest = matrix.copy()
    while len(chosen) < len(matrix):
        share = np.where(energy > 0, np.diagonal(rest) / np.where(energy > 0, energy, 1), 0)
        share[chosen] = 0
        pivot = int(np.argmax(share))
        if share[pivot] <= _DEPENDENT:
            break
        chosen.append(pivot)
        rest = rest - np.outer(rest[:, pivot], rest[pivot]) / rest[pivot, pivot]
    return np.sort(np.array(chosen, int))


def _levinson(auto: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Whittle's recursion, for all right-hand sides at once."""
    lags, rows, _ = auto.shape
    # [R(lags − 1) … R(1)] and [R(1)ᵀ … R(lags − 1)ᵀ], each a row of blocks.
    ahead = auto[:0:-1].swapaxes(0, 1).reshape(rows, (lags - 1) * rows)
    behind = auto[1:].transpose(2, 0, 1).reshape(rows, (lags - 1) * rows)
    forward = np.zeros((lags * rows, rows))  # predictors; the identity first
    backward = np.zeros((lags * rows, rows))  # the identity last
    forward[:rows] = backward[:rows] = np.eye(rows)
    solution = np.zeros((lags * rows, right.shape[2]))
    forward_error = backward_error = auto[0]
    solution[:rows] = np.linalg.solve(auto[0], right[0])
    for n in range(1, lags):
        old, new = n * rows, (n + 1) * rows
        known = ahead[:, (lags - 1 - n) * rows :]
        gap = known @ forward[:old]
        forward_gain = np.linalg.solve(backward_error, gap)
        backward_gain = np.linalg.solve(forward_error, behind[:, :old] @ backward[:old])
        shifted = np.vstack([np.zeros((rows, rows)), backward[:old]])
        backward[:new] = shifted - forward[:new] @ backward_gain
        forward[:new] -= shifted @ forward_gain
        forward_error = forward_error - gap.T @ forward_gain
        backward_error = backward_error - gap @ backward_gain
        missing = right[n] - known @ solution[:old]
        solution[:new] += backward[:new] @ np.linalg.solve(backward_error, missing)
    return solution.reshape(lags, rows, -1)


def _dense(auto: np.ndarray) -> np.ndarray:
    lags, rows, _ = auto.shape
    both = np.concatenate([auto[:0:-1].swapaxes(1, 2), auto])  # lags −(lags − 1) … lags − 1
    index = np.arange(lags)
    blocks = both[index[:, None] - index + lags - 1]  # [lags, lags, rows, rows]
    return blocks.swapaxes(1, 2).reshape(lags * rows, lags * rows)


def _cholesky(auto: np.ndarray, right: np.ndarray, ridge: float = 0.0) -> np.ndarray:
    """Cholesky, refined until the residual stops falling; that makes a ridge harmless."""
    matrix = _dense(auto)
    matrix.flat[:: len(matrix) + 1] += ridge
    factor = scipy.linalg.cho_factor(matrix, overwrite_a=True, check_finite=False)
    solution, residual = np.zeros_like(right), np.inf
    while True:
        missing = (right - _product(auto, solution)).reshape(-1, right.shape[2])
        step = scipy.linalg.cho_solve(factor, missing, check_finite=False)
        refined = solution + step.reshape(right.shape)
        after = _residual(auto, refined, right)
        if not after < 0.5 * residual:
            return solution
        solution, residual = refined, after


def _least_squares(auto: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Cholesky with a ridge, whose effect the refinement takes back where it can.

    For 4096 rows it is a minute faster than an orthogonal decomposition.
    """
    for ridge in (1e-12, 1e-10):
        with contextlib.suppress(np.linalg.LinAlgError):
            return _cholesky(auto, right, ridge)
    return _cholesky(auto, right, 1e-8)


def _product(auto: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Σ_m R(l − m) c[m], `[lags, rows, outputs]`."""
    size = 2 * len(auto)
    circle = np.concatenate([auto, np.zeros_like(auto[:1]), auto[:0:-1].swapaxes(1, 2)])
    spectra = scipy.fft.rfft(circle, axis=0) @ scipy.fft.rfft(filters, size, axis=0)
    return scipy.fft.irfft(spectra, size, axis=0)[: len(auto)]


def _residual(auto: np.ndarray, filters: np.ndarray, right: np.ndarray) -> float:
    """Largest residual of a right-hand side, relative to its norm; infinite for NaN."""
    if not np.isfinite(filters).all():
        return np.inf
    error = np.linalg.norm(_product(auto, filters) - right, axis=(0, 1))
    wanted = np.linalg.norm(right, axis=(0, 1))
    return float(np.max(error / np.where(wanted > 0, wanted, 1), initial=0.0))
