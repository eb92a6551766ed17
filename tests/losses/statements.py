"""The formula of each loss of the catalogue, in float64 NumPy, apart from the code it judges.

Each takes `(y_true, y_pred)` `[batch, sources, ...]` and gives `[batch]`. A new loss gets
its entry in STATEMENTS.
"""

import numpy as np


def per_source(values):
    """[batch, sources, everything else]."""
    return values.reshape(*values.shape[:2], -1)


def l1(y, e):
    return np.abs(per_source(e - y)).mean((1, 2))


def l2(y, e):
    return (per_source(e - y) ** 2).mean((1, 2))


def sisdr(y, e):
    y, e = per_source(y), per_source(e)
    target = y * (np.sum(e * y, -1) / np.sum(y * y, -1))[..., None]
    ratio = np.sum(target**2, -1) / np.sum((target - e) ** 2, -1)
    return -10 * np.log10(ratio).mean(1)


def sdsdr(y, e):
    y, e = per_source(y), per_source(e)
    snr = 10 * np.log10(np.sum(y**2, -1) / np.sum((e - y) ** 2, -1)).mean(1)
    alpha = np.sum(e * y, -1) / np.sum(y * y, -1)
    return -np.minimum(snr, snr + 10 * np.log10(alpha**2).mean(1))


def logl1(y, e):
    return 10 * np.log10(np.abs(per_source(e - y)).mean(-1)).mean(1)


def logl2(y, e):
    return 10 * np.log10((per_source(e - y) ** 2).mean(-1)).mean(1)


def snr_psa(y, e):
    y, e = per_source(y), per_source(e)
    x = -10 * np.log10(np.sum(y**2, -1) / np.sum((e - y) ** 2, -1))
    return (20 * np.tanh(x / 20)).mean(1)


def dissimilarity(y, e, beta=0.1):
    sources = y.shape[1]
    total = np.zeros(y.shape[0])
    for k in range(sources):
        value = (e[:, k] - y[:, k]) ** 2
        for other in range(sources):
            if other != k:
                value = value - beta * (e[:, k] - y[:, other]) ** 2
        total += value.reshape(len(y), -1).mean(1) / sources
    return total


def magnitudes(waveform, nfft, hop, window, epsilon=1e-10):
    """Centred STFT of [samples], magnitudes stabilised as documented: [frames, bins]."""
    padded = np.pad(waveform, window // 2, mode="reflect")
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    starts = range(0, len(padded) - window + 1, hop)
    frames = np.stack([padded[i : i + window] * hann for i in starts])
    return np.sqrt(np.abs(np.fft.rfft(frames, nfft)) ** 2 + epsilon)


def multi_resolution_stft(y, e):
    values = np.zeros(len(y))
    for sizes in ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240)):
        for example in range(len(y)):
            for k in range(y.shape[1]):
                stack = [
                    np.stack([magnitudes(x[example, k, :, c], *sizes) for c in range(y.shape[3])])
                    for x in (y, e)
                ]
                convergence = np.linalg.norm(stack[1] - stack[0]) / np.linalg.norm(stack[0])
                magnitude = np.abs(np.log10(stack[1]) - np.log10(stack[0])).mean()
                values[example] += (convergence + magnitude) / 3 / y.shape[1]
    return values


def cross_entropy(y, e):
    total = np.logaddexp.reduce(e, axis=1)
    dominant = np.take_along_axis(e, y.argmax(1)[:, None], 1)[:, 0]
    return (total - dominant).reshape(len(y), -1).mean(1)


def binary_cross_entropy(y, e):
    binary = y == y.max(1, keepdims=True)
    # −log of the sigmoid, and of 1 − it
    values = np.where(binary, np.logaddexp(0, -e), np.logaddexp(0, e))
    return values.reshape(len(y), -1).mean(1)


STATEMENTS = {
    "l1_time": l1,
    "l1_freq": l1,
    "l1_mask": l1,
    "l2_time": l2,
    "l2_freq": l2,
    "l2_mask": l2,
    "psa": l2,
    "sisdr_time": sisdr,
    "sisdr_freq": sisdr,
    "sdsdr_time": sdsdr,
    "logl1_time": logl1,
    "logl1_freq": logl1,
    "logl2_time": logl2,
    "logl2_freq": logl2,
    "snr_psa": snr_psa,
    "dissimilarity_freq": dissimilarity,
    "multi_resolution_stft": multi_resolution_stft,
    "cross_entropy_mask": cross_entropy,
    "binary_cross_entropy_mask": binary_cross_entropy,
}


def peer_tensors(seed):
    """Mono target and estimate on which other people's losses were recorded."""
    rng = np.random.default_rng(seed)
    y_true = rng.standard_normal((1, 1, 8000, 1))
    y_pred = 0.7 * y_true + 0.5 * rng.standard_normal(y_true.shape)
    return y_true.astype(np.float32), y_pred.astype(np.float32)
