"""VGGish's front end: log-mel patches of a waveform, or of another STFT's magnitudes.

A patch is `[96 frames, 64 bands]` of log(mel + 0.01), where mel is the sum of magnitudes (not
powers) in each of 64 bands from 125 to 7500 Hz, and a frame stands for 10 ms. Patches do not
overlap.
"""

import warnings
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from mss_keras.config import AudioConfig, require
from mss_keras.signal.epsilon import EPSILON
from mss_keras.signal.stft import stft

SAMPLE_RATE = 16000  # Hz
BANDS = 64
PATCH_FRAMES = 96
PATCH_SECONDS = 0.96
_WINDOW, _HOP, _NFFT = 400, 160, 512  # samples at SAMPLE_RATE
_LOWEST, _HIGHEST = 125.0, 7500.0  # Hz
_LOG_OFFSET = 0.01
_SINE = 0.46  # Σ p² / (Σ p)² of a sine's powers p in the bins under a Hann window
_BEATING = 0.25  # 1 − exp(mean of log |X|) of complex noise X of power 1
_PATCH_SAMPLES = (PATCH_FRAMES - 1) * _HOP + _WINDOW


def mel_matrix() -> np.ndarray:
    """HTK mel bands over the bins of VGGish's STFT, float32 `[257, 64]`."""
    with tf.init_scope():  # a constant, in graphs too
        return tf.signal.linear_to_mel_weight_matrix(
            BANDS, _NFFT // 2 + 1, SAMPLE_RATE, _LOWEST, _HIGHEST
        ).numpy()


def waveform_patches(waveform: tf.Tensor) -> tf.Tensor:
    """VGGish's own front end.

    Args:
        waveform: float32 `[samples]` at 16 kHz, −1 to 1. Frames are not padded, and the
            samples behind the last whole patch are dropped.

    Returns:
        `[patches, 96, 64]`.
    """
    magnitudes = tf.abs(stft(waveform[tf.newaxis, :, tf.newaxis], _NFFT, _HOP, window=_WINDOW))
    log_mel = tf.math.log(magnitudes[0, :, 0] @ mel_matrix() + _LOG_OFFSET)  # [frames, bands]
    patches = tf.shape(log_mel)[0] // PATCH_FRAMES
    return tf.reshape(log_mel[: patches * PATCH_FRAMES], [patches, PATCH_FRAMES, BANDS])


class MagnitudePatches:
    """Log-mel patches from the magnitudes of another STFT, as VGGish would hear the music.

    1. Channels are averaged.
    2. Powers are spread over VGGish's bins as VGGish's window spreads them. A steady sine
       gets the level and the bands that it has in VGGish's own front end. Where several
       components share a bin they beat, and the bin's magnitude is mostly below the root of
       its mean power: by a quarter for noise, by nothing for a sine, and in between
       according to how unevenly the powers are distributed.
    3. Mel bands and logarithm are VGGish's.
    4. The logarithms are interpolated linearly at the times of VGGish's frames, because
       attacks and decays are exponential.

    A window longer than VGGish's 25 ms smears the music in time, which is not undone. Excerpts
    shorter than a patch are padded with silence. Everything is computed in float32.

    Args:
        audio: sample rate and sizes of the STFT, which is centred as by
            `mss_keras.signal.stft.centred_stft`.
        note: called once, with a line, if excerpts are padded. Defaults to a warning.

    Example:
        >>> audio = AudioConfig(nfft=1024, nhop=512)
        >>> magnitudes = tf.ones([1, 4, 100, 2, audio.bins])  # 1.15 s of four sources
        >>> MagnitudePatches(audio)(magnitudes).shape
        TensorShape([1, 4, 1, 96, 64])

    Raises:
        UserError: if the sample rate is below twice VGGish's highest band.
    """

    def __init__(self, audio: AudioConfig, note: Callable[[str], None] = warnings.warn):
        require(
            audio.sample_rate >= 2 * _HIGHEST,
            "sample_rate",
            found=audio.sample_rate,
            wanted=f"at least {2 * _HIGHEST:g}: VGGish listens up to {_HIGHEST:g} Hz",
        )
        self.audio = audio
        self.note: Callable[[str], None] | None = note
        spread, self.mel = _spread(audio), mel_matrix()
        heard = self.mel.any(axis=1)
        self.spread, self.mel = spread[:, heard], self.mel[heard]

    def __call__(self, magnitudes: tf.Tensor) -> tf.Tensor:
        """`[batch, sources, frames, channels, bins]` → `[batch, sources, patches, 96, 64]`."""
        magnitudes = tf.cast(magnitudes[..., : len(self.spread)], tf.float32)
        given = tf.square(tf.reduce_mean(magnitudes, axis=3))
        power = given @ self.spread
        unevenness = tf.square(given) @ self.spread**2 / (_SINE * tf.square(power) + EPSILON**2)
        beating = 1 - _BEATING * (1 - tf.minimum(unevenness, 1.0))
        mel = (beating * tf.sqrt(power + EPSILON)) @ self.mel
        # Relative to silence: padding with zeros is then padding with silence.
        log_mel = tf.math.log(mel + _LOG_OFFSET) - np.log(_LOG_OFFSET)
        patches, taps = self._interpolation(magnitudes.shape[2], tf.shape(magnitudes)[2])
        frames = taps @ log_mel + np.log(_LOG_OFFSET)
        shape = tf.concat([tf.shape(frames)[:2], [patches, PATCH_FRAMES, BANDS]], 0)
        return tf.ensure_shape(
            tf.reshape(frames, shape), [*magnitudes.shape[:2], None, PATCH_FRAMES, BANDS]
        )

    def _interpolation(self, static: int | None, frames: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # Number of patches, and the weights [96 · patches, frames] of a linear interpolation.
        step = SAMPLE_RATE * self.audio.nhop / self.audio.sample_rate  # samples at 16 kHz
        if static is not None and self.note and (static - 1) * step < _PATCH_SAMPLES:
            seconds = (static - 1) * step / SAMPLE_RATE
            self.note(
                f"excerpts of {seconds:.2g} s are padded with silence to the "
                f"{PATCH_SECONDS} s that VGGish hears at a time"
            )
            self.note = None
        samples = tf.cast(frames - 1, tf.float32) * step
        # Half a sample more, because 0.975 s of 44.1 kHz may be a rounding error short.
        whole = tf.cast((samples + 0.5 - _WINDOW) // _HOP, tf.int32) + 1
        patches = tf.maximum(1, whole // PATCH_FRAMES)
        wanted = tf.cast(tf.range(patches * PATCH_FRAMES), tf.float32) * _HOP + _WINDOW / 2
        given = tf.cast(tf.range(frames), tf.float32)
        return patches, tf.nn.relu(1 - tf.abs(wanted[:, tf.newaxis] / step - given))


def _spread(audio: AudioConfig) -> np.ndarray:
    """Power in a bin of one STFT → mean power in VGGish's bins, float32 `[bins, 257]`.

    Row k holds the powers that a sine of bin k's frequency has in VGGish's STFT, divided by the
    sum of its powers in the other STFT (by Parseval's theorem). Bins above the frequencies that
    VGGish hears are left out.
    """
    given = np.arange(audio.bins) * audio.sample_rate / audio.nfft  # Hz
    given = given[given < _HIGHEST + 2 * SAMPLE_RATE / _WINDOW]  # and half a main lobe
    vggish = {"window": _WINDOW, "nfft": _NFFT, "sample_rate": SAMPLE_RATE}
    heard = _sine_powers(given, **vggish)
    spread = heard / (audio.nfft * np.sum(_hann(audio.nfft) ** 2))
    # Both windows widen a sine; a short one of them is to make it wider, but not louder.
    middle = np.array([_HIGHEST / 2])
    sizes = {"window": audio.nfft, "nfft": audio.nfft, "sample_rate": audio.sample_rate}
    own = _sine_powers(middle, **sizes)[:, : len(given)]
    wanted = np.sqrt(_sine_powers(middle, **vggish)).sum()
    return (spread * (wanted / np.sqrt(own @ spread).sum()) ** 2).astype(np.float32)


def _sine_powers(hertz: np.ndarray, *, window: int, nfft: int, sample_rate: int) -> np.ndarray:
    # Powers of complex sines of amplitude 1, [sines, bins].
    sines = np.exp(2j * np.pi * hertz[:, np.newaxis] * np.arange(window) / sample_rate)
    return np.abs(np.fft.fft(sines * _hann(window), nfft)[:, : nfft // 2 + 1]) ** 2


def _hann(length: int) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
