"""Symmetric block-Toeplitz systems, as multichannel least-squares filters have them."""

import numpy as np
import scipy.fft
import scipy.linalg

# Of a solution, in the norm of the right-hand side. On music at 16 bits Levinson's
# residual is about 1e-12.
_RESIDUAL = 1e-9

# Share of a channel's energy that other channels do not explain, below which it is
# their copy. Rounding to 16 bits leaves 1e-9 and more, that of doubles 1e-16.
_DEPENDENT = 1e-13


def solve(auto: np.ndarray, cross: np.ndarray) -> np.ndarray:
    """Filters c that solve Σ_m R(l − m) c[m] = d[l] for l = 0 … lags − 1, R(−d) = R(d)ᵀ.

    Block Levinson; where its residual is large Cholesky, and where that fails least
    squares. Channels that are silent, or sums of others sample by sample, would make the
    matrix singular: their filters are 0.

    Args:
        auto: R, `[lags, rows, rows]`, correlations of the inputs.
        cross: d, `[lags, rows, outputs]`, correlations of inputs and outputs.

    Returns:
        c, `[lags, rows, outputs]`.
    """
    keep = independent(auto[0])
    scale = 1 / np.sqrt(np.diagonal(auto[0])[keep])  # loud beside soft sources
    auto = auto[:, keep][:, :, keep] * np.outer(scale, scale)
    right = cross[:, keep] * scale[:, None]
    for method in (_levinson, _cholesky, _least_squares):
        solution = method(auto, right)
        if solution is not None and _residual(auto, solution, right) < _RESIDUAL:
            break
    filters = np.zeros_like(cross)
    filters[:, keep] = solution * scale[:, None]
    return filters


def independent(matrix: np.ndarray) -> np.ndarray:
    """Indices of channels of which none is a sum of others, by pivoted Cholesky.

    Args:
        matrix: correlations at lag 0 `[rows, rows]`.

    Returns:
        Sorted indices.
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


def _levinson(auto: np.ndarray, right: np.ndarray) -> np.ndarray | None:
    """Whittle's recursion, all right-hand sides at once; None where it breaks down."""
    lags, rows, _ = auto.shape
    # [R(lags − 1) … R(1)] and [R(1)ᵀ … R(lags − 1)ᵀ], each a row of blocks.
    ahead = auto[:0:-1].swapaxes(0, 1).reshape(rows, -1)
    behind = auto[1:].transpose(2, 0, 1).reshape(rows, -1)
    forward = np.zeros((lags * rows, rows))  # predictors; the identity first
    backward = np.zeros((lags * rows, rows))  # the identity last
    forward[:rows] = backward[:rows] = np.eye(rows)
    solution = np.zeros((lags * rows, right.shape[2]))
    forward_error = backward_error = auto[0]
    try:
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
    except np.linalg.LinAlgError:
        return None
    return solution.reshape(lags, rows, -1)


def _dense(auto: np.ndarray) -> np.ndarray:
    lags, rows, _ = auto.shape
    both = np.concatenate([auto[:0:-1].swapaxes(1, 2), auto])  # lags −(lags − 1) … lags − 1
    index = np.arange(lags)
    blocks = both[index[:, None] - index + lags - 1]  # [lags, lags, rows, rows]
    return blocks.swapaxes(1, 2).reshape(lags * rows, lags * rows)


def _cholesky(auto: np.ndarray, right: np.ndarray) -> np.ndarray | None:
    try:
        factor = scipy.linalg.cho_factor(_dense(auto), overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError:
        return None
    flat = right.reshape(-1, right.shape[2])
    return scipy.linalg.cho_solve(factor, flat, check_finite=False).reshape(right.shape)


def _least_squares(auto: np.ndarray, right: np.ndarray) -> np.ndarray:
    flat = right.reshape(-1, right.shape[2])
    solution = scipy.linalg.lstsq(_dense(auto), flat, lapack_driver="gelsy", check_finite=False)[0]
    return solution.reshape(right.shape)


def _residual(auto: np.ndarray, solution: np.ndarray, right: np.ndarray) -> float:
    """Largest residual of a right-hand side, relative to its norm."""
    lags = len(auto)
    size = 2 * lags
    circle = np.concatenate([auto, np.zeros_like(auto[:1]), auto[:0:-1].swapaxes(1, 2)])
    product = scipy.fft.irfft(
        scipy.fft.rfft(circle, size, axis=0) @ scipy.fft.rfft(solution, size, axis=0), size, axis=0
    )
    error = np.linalg.norm(product[:lags] - right, axis=(0, 1))
    wanted = np.linalg.norm(right, axis=(0, 1))
    worst = np.max(error / np.where(wanted > 0, wanted, 1), initial=0.0)
    return float(worst) if np.isfinite(worst) else np.inf
