"""The formula of each loss of the catalogue, in float64 NumPy, apart from the code it judges.

Each takes `(y_true, y_pred)` `[batch, sources, ...]` and gives `[batch]`. A new loss gets
its entry in STATEMENTS and, where it compares through a network, in SMALL_NETWORKS.
"""

import numpy as np
import tensorflow as tf

from mss_keras import losses


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


class SmallNetwork:
    """Two layers of random weights over patches of two frames: what deep_feature compares through.

    `maps` says in NumPy what `__call__` computes in TensorFlow.
    """

    description = {"vggish": "random"}  # noqa: RUF012
    widths = ((3, 4), (2, 5))  # width and channels of each layer's maps

    def kernels(self, bins):
        rng = np.random.default_rng(bins)
        return [rng.standard_normal((bins, w * c)) / bins for w, c in self.widths]

    def __call__(self, magnitudes):
        shape = tf.shape(magnitudes)
        x = tf.reduce_mean(magnitudes, 3)
        kernels = [tf.cast(k, x.dtype) for k in self.kernels(magnitudes.shape[-1])]
        return [
            tf.reshape(tf.sqrt(1 + tf.square(x @ kernel)), [shape[0], shape[1], -1, 2, *sizes])
            for kernel, sizes in zip(kernels, self.widths, strict=True)
        ]

    def maps(self, magnitudes):
        x = magnitudes.mean(3)
        return [
            np.sqrt(1 + (x @ kernel) ** 2).reshape(*x.shape[:2], -1, 2, *sizes)
            for kernel, sizes in zip(self.kernels(magnitudes.shape[-1]), self.widths, strict=True)
        ]


def feature_and_style(true, pred):
    """L_feat and L_sty of feature maps [batch, sources, patches, H, W, C], a list of layers."""
    examples, sources, patches = true[0].shape[:3]
    feature, style = np.zeros((2, examples))
    for y, e in zip(true, pred, strict=True):
        height, width, channels = y.shape[3:]
        size = height * width * channels
        for i in np.ndindex(examples, sources, patches):
            feature[i[0]] += np.sum((e[i] - y[i]) ** 2) / size
            psi = [x[i].reshape(height * width, channels).T for x in (y, e)]  # C × HW
            grams = [x @ x.T / size for x in psi]
            style[i[0]] += np.sum((grams[1] - grams[0]) ** 2)
    return feature / (sources * patches), style / (sources * patches)


def deep_feature(y, e, delta=1.0, lambda_=1.0):
    network = SmallNetwork()
    feature, style = feature_and_style(network.maps(y), network.maps(e))
    return l2(y, e) + delta * feature + lambda_ * style


class SmallCritic:
    """A score for each source, D_k = Σ_c a_kc √(1 + mean Ỹ_kc²): what adversarial scores with."""

    description = {"filters": 1}  # noqa: RUF012

    def slopes(self, sources, channels):
        return np.cos(np.arange(sources)[:, None] % 4 + 4 * np.arange(channels))

    def __call__(self, magnitudes):
        energies = tf.reduce_mean(tf.square(magnitudes), axis=[2, 4])
        slopes = tf.constant(self.slopes(*magnitudes.shape[1:4:2]), magnitudes.dtype)
        return tf.reduce_sum(slopes * tf.sqrt(1 + energies), axis=2)

    def scores(self, magnitudes):
        energies = (magnitudes**2).mean((2, 4))
        return (self.slopes(*energies.shape[1:]) * np.sqrt(1 + energies)).sum(2)


def adversarial(y, e, gamma=0.01):
    return l2(y, e) + gamma * ((SmallCritic().scores(e) - 0.9) ** 2).mean(1)


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
    "deep_feature": deep_feature,
    "adversarial": adversarial,
    "multi_resolution_stft": multi_resolution_stft,
    "cross_entropy_mask": cross_entropy,
    "binary_cross_entropy_mask": binary_cross_entropy,
}


SMALL_NETWORKS = {losses.DeepFeature: SmallNetwork, losses.Adversarial: SmallCritic}


def get(name, **arguments):
    """A loss of the catalogue, with a small network where it takes one."""
    entry = losses.entry(name)
    network = {"network": SMALL_NETWORKS[entry.loss]()} if entry.takes_network else {}
    return losses.get(name, **network, **arguments)


def peer_tensors(seed):
    """Mono target and estimate on which other people's losses were recorded."""
    rng = np.random.default_rng(seed)
    y_true = rng.standard_normal((1, 1, 8000, 1))
    y_pred = 0.7 * y_true + 0.5 * rng.standard_normal(y_true.shape)
    return y_true.astype(np.float32), y_pred.astype(np.float32)
