"""Short-time Fourier transform and its exact inverse.

Shape contract: waveforms are `[..., samples, channels]`, spectrograms `[..., frames, channels,
bins]`. Frames stand before channels because the network emits that order: only waveforms are ever
transposed, in this file, and never a spectrogram.

Centred transforms equal torch.stft with center=True and a periodic Hann window: `nfft // 2` samples
are reflected at both ends, and frame n is centred on sample `n * nhop`. With hops of half a window
zeros follow, where they are needed for a frame more: every sample lies within two frames.
"""

import math
from functools import partial

import keras
import tensorflow as tf

from mss_keras.config import AudioConfig


def frame(waveform: tf.Tensor, length: int, hop: int) -> tf.Tensor:
    """Cuts a waveform into overlapping frames; a partial last frame is dropped.

    Args:
        waveform: `[batch, samples, channels]`.
        length: samples of a frame.
        hop: samples between the starts of two frames.

    Returns:
        `[batch, frames, channels, length]`.
    """
    # Blocks of the common divisor turn framing into a few strided slices.
    block = math.gcd(length, hop)
    step, span = hop // block, length // block
    channels = waveform.shape[-1]
    batch = tf.shape(waveform)[0]
    blocks = tf.shape(waveform)[1] // block
    frames = tf.maximum(0, (blocks - span) // step + 1)
    waveform = tf.reshape(waveform[:, : blocks * block], [batch, blocks, block, channels])
    waveform = tf.transpose(waveform, [0, 1, 3, 2])  # [batch, blocks, channels, block]
    last = (frames - 1) * step + 1
    return tf.concat([waveform[:, i : i + last : step] for i in range(span)], axis=-1)


def stft(waveform: tf.Tensor, nfft: int, hop: int, *, window: int | None = None) -> tf.Tensor:
    """STFT without padding, with a periodic Hann window.

    Args:
        waveform: float `[batch, samples, channels]`.
        nfft: FFT size, samples.
        hop: hop, samples.
        window: window length, samples, at most `nfft`; frames are zero-padded behind the
            window. Defaults to `nfft`.

    Returns:
        Complex `[batch, frames, channels, bins]`.
    """
    window = window or nfft
    taper = tf.signal.hann_window(window, periodic=True, dtype=waveform.dtype)
    return tf.signal.rfft(frame(waveform, window, hop) * taper, [nfft])


def pad_centre(waveform: tf.Tensor, window: int, hop: int) -> tf.Tensor:
    """Reflects `window // 2` samples at both ends, with zeros behind them for a last frame.

    A waveform that is too short to be reflected is zero-padded at its end first.

    Args:
        waveform: `[batch, samples, channels]`.
        window: window length, samples.
        hop: samples between the starts of two frames.

    Returns:
        `[batch, window // 2 * 2 + samples + zeros_behind(samples, window, hop), channels]`.
    """
    half = window // 2
    short = tf.maximum(0, half + 1 - tf.shape(waveform)[1])
    waveform = tf.pad(waveform, [[0, 0], [0, short], [0, 0]])
    behind = zeros_behind(tf.shape(waveform)[1], window, hop)
    waveform = tf.pad(waveform, [[0, 0], [half, half], [0, 0]], mode="REFLECT")
    return tf.pad(waveform, [[0, 0], [0, behind], [0, 0]])


def zeros_behind(samples, window: int, hop: int):
    """Number of zeros that `pad_centre` adds behind the reflected end.

    With hops of half a window the samples behind the last frame's centre would lie within that
    frame alone, and in the end where its window is almost 0: the inverse divides by its square.

    Args:
        samples: length of a waveform, an integer or a 0-D tensor.
        window: window length, samples.
        hop: samples between the starts of two frames.

    Example:
        >>> zeros_behind(1000, 512, 256), zeros_behind(1000, 512, 128)
        (24, 0)
    """
    return -samples % hop if window == 2 * hop else 0


def centred_stft(
    waveform: tf.Tensor, nfft: int, hop: int, *, window: int | None = None
) -> tf.Tensor:
    """`stft` behind `pad_centre`, over any leading axes.

    Args:
        waveform: float `[..., samples, channels]`.
        nfft: FFT size, samples.
        hop: hop, samples.
        window: window length, samples, at most `nfft`. Defaults to `nfft`.

    Returns:
        Complex `[..., frames, channels, bins]` with `1 + samples // hop` frames, and one more
        where hops are half a window and do not divide the samples. A waveform shorter than
        `window // 2 + 1` samples counts as that long.

    Example:
        >>> centred_stft(tf.zeros([3, 1000, 2]), nfft=512, hop=256).shape
        TensorShape([3, 5, 2, 257])
    """
    length = window or nfft
    return _over_leading_axes(
        lambda flat: stft(pad_centre(flat, length, hop), nfft, hop, window=window),
        waveform,
        inner=2,
    )


def centred_magnitudes(waveform: tf.Tensor, nfft: int, hop: int) -> tf.Tensor:
    """`|centred_stft|`; on CPUs an example at a time, which takes less memory, and fits caches.

    Args:
        waveform: float32 `[batch, ..., samples, channels]`.
        nfft: FFT size, samples.
        hop: hop, samples.

    Returns:
        Float32 `[batch, ..., frames, channels, bins]`.
    """
    if tf.config.list_logical_devices("GPU"):
        return tf.abs(centred_stft(waveform, nfft, hop))
    return tf.map_fn(
        lambda example: tf.abs(centred_stft(example, nfft, hop)),
        waveform,
        parallel_iterations=1,
    )


def inverse_stft(spectrogram: tf.Tensor, nfft: int, hop: int, *, samples: tf.Tensor) -> tf.Tensor:
    """Inverse of `centred_stft`, exact at both ends.

    The windowed frames are overlapped and added, and the sum is divided by the overlapped and
    added squares of the window (`tf.signal.inverse_stft` is wrong in the first and last frames).

    Args:
        spectrogram: complex `[..., frames, channels, bins]`.
        nfft: FFT size, samples.
        hop: hop, samples; divides `nfft`.
        samples: length of the result; 0-D integer.

    Returns:
        Float `[..., samples, channels]`.
    """
    return _over_leading_axes(
        partial(_inverse, nfft=nfft, hop=hop, samples=samples), spectrogram, inner=3
    )


def _inverse(spectrogram: tf.Tensor, *, nfft: int, hop: int, samples: tf.Tensor) -> tf.Tensor:
    frames = tf.signal.irfft(spectrogram, [nfft])  # [batch, frames, channels, nfft]
    taper = tf.signal.hann_window(nfft, periodic=True, dtype=frames.dtype)
    total = overlap_add(frames * taper, hop)
    weight = overlap_add(tf.ones_like(frames[:1, :, :1]) * taper**2, hop)
    half = nfft // 2
    end = half + samples
    return total[:, half:end] / weight[:, half:end]


def overlap_add(frames: tf.Tensor, hop: int) -> tf.Tensor:
    """Adds frames up at their places.

    Args:
        frames: `[batch, frames, channels, length]`.
        hop: samples between the starts of two frames; divides the length of a frame.

    Returns:
        `[batch, (frames - 1) * hop + length, channels]`.
    """
    span = frames.shape[-1] // hop
    blocks = tf.add_n(
        [
            tf.pad(
                frames[..., i * hop : (i + 1) * hop], [[0, 0], [i, span - 1 - i], [0, 0], [0, 0]]
            )
            for i in range(span)
        ]
    )  # [batch, blocks, channels, hop]
    shape = tf.shape(blocks)
    blocks = tf.transpose(blocks, [0, 1, 3, 2])
    return tf.reshape(blocks, [shape[0], shape[1] * hop, frames.shape[2]])


def _over_leading_axes(function, tensor: tf.Tensor, inner: int) -> tf.Tensor:
    # The transforms know one batch axis: sources and other leading axes are folded into it.
    leading = tf.shape(tensor)[:-inner]
    flat = tf.reshape(tensor, tf.concat([[-1], tf.shape(tensor)[-inner:]], 0))
    flat.set_shape([None, *tensor.shape[-inner:]])
    result = function(flat)
    unfolded = tf.reshape(result, tf.concat([leading, tf.shape(result)[1:]], 0))
    unfolded.set_shape([*tensor.shape[:-inner], *result.shape[1:]])
    return unfolded


def apply_mask(mask: tf.Tensor, spectrogram: tf.Tensor) -> tf.Tensor:
    """Product of a real mask and a complex spectrogram, whose shapes broadcast."""
    # The gradient of cast(mask) * spectrogram would cast back, with a warning a step.
    return tf.complex(mask * tf.math.real(spectrogram), mask * tf.math.imag(spectrogram))


def magnitude_frames(waveform: tf.Tensor, audio: AudioConfig) -> tf.Tensor:
    """Magnitudes of one waveform, not centred: frame n begins at sample `n * nhop`.

    Args:
        waveform: float32 `[samples, channels]`.
        audio: sizes of the transform.

    Returns:
        Float32 `[frames, channels, bins]`.
    """
    return tf.abs(stft(waveform[None], audio.nfft, audio.nhop)[0])


class _Transform(keras.layers.Layer):
    """Sizes of a transform, which computes in float32 under every policy."""

    def __init__(self, nfft: int = 4096, nhop: int = 1024, **kwargs):
        super().__init__(**{"dtype": "float32", "autocast": False, "trainable": False, **kwargs})
        self.nfft = nfft
        self.nhop = nhop

    def get_config(self):
        """Arguments of the constructor."""
        return {**super().get_config(), "nfft": self.nfft, "nhop": self.nhop}


@keras.saving.register_keras_serializable(package="mss_keras")
class STFT(_Transform):
    """`centred_stft` as a layer.

    Args:
        nfft: int. FFT size, samples. Defaults to `4096`.
        nhop: int. Hop, samples. Defaults to `1024`.

    Example:
        >>> waveform = tf.random.stateless_normal([1, 1000, 2], [1, 2])
        >>> spectrogram = STFT(nfft=512, nhop=128)(waveform)
        >>> spectrogram.shape
        TensorShape([1, 8, 2, 257])
        >>> back = InverseSTFT(nfft=512, nhop=128)(spectrogram, samples=1000)
        >>> bool(tf.reduce_max(tf.abs(back - waveform)) < 1e-5)
        True
    """

    def call(self, waveform: tf.Tensor) -> tf.Tensor:
        """`[..., samples, channels]` → complex64 `[..., frames, channels, bins]`."""
        return centred_stft(tf.cast(waveform, tf.float32), self.nfft, self.nhop)


@keras.saving.register_keras_serializable(package="mss_keras")
class InverseSTFT(_Transform):
    """`inverse_stft` as a layer.

    Args:
        nfft: int. FFT size, samples. Defaults to `4096`.
        nhop: int. Hop, samples. Defaults to `1024`.
    """

    def call(self, spectrogram: tf.Tensor, samples: tf.Tensor) -> tf.Tensor:
        """Complex64 `[..., frames, channels, bins]` → float32 `[..., samples, channels]`."""
        return inverse_stft(spectrogram, self.nfft, self.nhop, samples=samples)
