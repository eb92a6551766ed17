"""VGGish's front end, and how near the path from a separator's magnitudes comes to it."""

import numpy as np
import pytest
import scipy.signal
import tensorflow as tf

from mss_keras.config import AudioConfig, UserError
from mss_keras.signal.mel import MagnitudePatches, waveform_patches
from mss_keras.signal.stft import centred_stft

SILENCE = np.log(0.01)


def numpy_bands():
    """HTK mel triangles over 257 bins, written out."""
    mel = 1127 * np.log(1 + np.arange(257) * 16000 / 512 / 700)
    edges = np.linspace(1127 * np.log(1 + 125 / 700), 1127 * np.log(1 + 7500 / 700), 66)
    rise = (mel[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - mel[:, None]) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rise, fall))


def numpy_log_mel(waveform):
    """[samples] at 16 kHz → [frames, 64], in float64."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    frames = np.lib.stride_tricks.sliding_window_view(waveform, 400)[::160] * hann
    return np.log(np.abs(np.fft.rfft(frames, 512)) @ numpy_bands() + 0.01)


def numpy_patches(magnitudes, audio):
    """MagnitudePatches in float64: [frames, channels, bins] → [1, 96, 64]."""
    hertz = np.arange(audio.bins) * audio.sample_rate / audio.nfft
    power = magnitudes.mean(1) ** 2
    window = [0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n) for n in (400, audio.nfft)]
    distance = hertz[:, None] - np.arange(257) * 31.25
    phases = np.exp(2j * np.pi * distance[..., None] * np.arange(400) / 16000)
    spread = np.abs(phases @ window[0]) ** 2 / (audio.nfft * np.sum(window[1] ** 2))
    spread[hertz >= 7580] = 0
    sine = np.exp(2j * np.pi * 3750 * np.arange(audio.nfft) / audio.sample_rate) * window[1]
    own = np.abs(np.fft.fft(sine)[: audio.bins]) ** 2
    turns = np.exp(2j * np.pi * 3750 * np.arange(400) / 16000) * window[0]
    spread *= (np.abs(np.fft.fft(turns, 512)[:257]).sum() / np.sqrt(own @ spread).sum()) ** 2
    wide = power @ spread
    uneven = np.minimum(1, power**2 @ spread**2 / (0.46 * wide**2 + 1e-20))
    log_mel = np.log((np.sqrt(wide + 1e-10) * (0.75 + 0.25 * uneven)) @ numpy_bands() + 0.01)
    times = (np.arange(96) * 160 + 200) / 16000
    given = np.arange(len(log_mel) + 1) * audio.nhop / audio.sample_rate
    log_mel = np.concatenate([log_mel, np.full((1, 64), SILENCE)])  # behind the end
    return np.stack([np.interp(times, given, band, right=SILENCE) for band in log_mel.T], 1)[None]


def test_own_front_end_against_numpy(excerpt):
    waveform = scipy.signal.resample_poly(excerpt["mixture"].mean(1), 160, 441)
    found = waveform_patches(tf.constant(waveform, tf.float32)).numpy()
    expected = numpy_log_mel(waveform.astype(np.float64))
    assert found.shape == (6, 96, 64)
    np.testing.assert_allclose(found.reshape(-1, 64), expected[:576], atol=1e-3)


def patches_of(waveform, audio, note=pytest.fail):
    """Magnitudes of [samples, channels] through the path under test: [patches, 96, 64]."""
    magnitudes = tf.abs(centred_stft(tf.constant(waveform[None, None]), audio.nfft, audio.nhop))
    return MagnitudePatches(audio, note)(magnitudes)[0, 0].numpy()


@pytest.mark.parametrize("frequency", [200, 440, 1000, 3000, 7000])
@pytest.mark.parametrize(("nfft", "peak"), [(4096, 0.05), (2048, 0.12), (1024, 0.32)])
def test_a_steady_sine_has_vggishs_level(frequency, nfft, peak):
    """Over all bands; a short window spreads it, so that its own band has less."""
    audio = AudioConfig(nfft=nfft, nhop=nfft // 4)
    time = np.arange(2 * 44100) / 44100
    sine = np.sin(2 * np.pi * frequency * time).astype(np.float32)[:, None]
    own = np.sin(2 * np.pi * frequency * np.arange(32000) / 16000).astype(np.float32)
    found = np.exp(patches_of(sine, audio)[0, 50]) - 0.01
    expected = np.exp(waveform_patches(tf.constant(own))[0, 50]) - 0.01
    assert found[expected.argmax()] == pytest.approx(expected.max(), rel=peak)
    assert found.sum() == pytest.approx(expected.sum(), rel=0.06)


# Correlation of log-mel patches on the excerpt, 6 s of music, by STFT. An STFT of 4096 samples
# (93 ms) cannot tell what happens within VGGish's 25 ms; with shorter ones the two agree.
AGREEMENT = {
    (4096, 1024): {"mixture": 0.88, "drums": 0.87, "bass": 0.97, "other": 0.92, "vocals": 0.96},
    (2048, 512): {"mixture": 0.94, "drums": 0.94, "bass": 0.98, "other": 0.95, "vocals": 0.98},
    (1024, 256): {"mixture": 0.96, "drums": 0.97, "bass": 0.99, "other": 0.97, "vocals": 0.97},
}


@pytest.mark.parametrize("sizes", AGREEMENT)
@pytest.mark.parametrize("name", AGREEMENT[4096, 1024])
def test_agreement_on_music(stems, sizes, name):
    found = patches_of(stems[name], AudioConfig(nfft=sizes[0], nhop=sizes[1]))
    waveform = scipy.signal.resample_poly(stems[name].mean(1), 160, 441)
    expected = waveform_patches(tf.constant(waveform, tf.float32)).numpy()
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > AGREEMENT[sizes][name]
    # Of the patches' mean spectra, from which time is gone.
    means = [patches.mean(1).ravel() for patches in (found, expected)]
    assert np.corrcoef(*means)[0, 1] > 0.98


def random_magnitudes(audio, frames, batch=(1, 1)):
    rng = np.random.default_rng(0)
    return rng.exponential(size=(*batch, frames, 2, audio.bins)) * 3


def test_value_and_gradient_against_numpy():
    audio = AudioConfig(nfft=512, nhop=256)
    magnitudes = random_magnitudes(audio, 190)
    path = MagnitudePatches(audio, pytest.fail)
    x = tf.constant(magnitudes, tf.float32)
    towards = np.random.default_rng(1).standard_normal((96, 64))
    direction = np.random.default_rng(2).standard_normal(magnitudes.shape)
    with tf.GradientTape() as tape:
        tape.watch(x)
        patches = path(x)
        value = tf.reduce_sum(patches * tf.constant(towards, tf.float32))
    np.testing.assert_allclose(patches[0, 0], numpy_patches(magnitudes[0, 0], audio), atol=1e-3)
    slope = np.sum(tape.gradient(value, x).numpy() * direction)
    step = 1e-6
    ahead, behind = (
        np.sum(numpy_patches(magnitudes[0, 0] + s * direction[0, 0], audio) * towards)
        for s in (step, -step)
    )
    assert slope == pytest.approx((ahead - behind) / (2 * step), rel=1e-3)


def test_silence_has_a_finite_gradient():
    path = MagnitudePatches(AudioConfig(nfft=512, nhop=256), pytest.fail)
    for scale in (0.0, 1e-6, 1e3):
        x = tf.constant(scale * random_magnitudes(path.audio, 190), tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(x)
            patches = path(x)
        assert np.all(np.isfinite(tape.gradient(patches, x)))
        assert np.all(np.isfinite(patches))
    quiet = path(tf.zeros([1, 1, 190, 2, 257]))
    np.testing.assert_allclose(quiet, SILENCE, atol=0.05)


def test_short_excerpts_are_padded_with_one_note():
    audio = AudioConfig(nfft=512, nhop=256)
    notes: list[str] = []
    path = MagnitudePatches(audio, notes.append)
    magnitudes = tf.constant(random_magnitudes(audio, 52, (2, 3)), tf.float32)
    patches = path(magnitudes)
    path(magnitudes)
    assert notes == ["excerpts of 0.3 s are padded with silence to the 0.96 s that VGGish hears "
                     "at a time"]  # fmt: skip
    assert patches.shape == (2, 3, 1, 96, 64)
    np.testing.assert_allclose(patches[:, :, 0, 31:], SILENCE, atol=1e-6)
    assert np.all(patches[:, :, 0, :28] > SILENCE + 0.1)


@pytest.mark.parametrize(("seconds", "patches"), [(0.98, 1), (1.93, 1), (1.94, 2), (6.0, 6)])
def test_whole_patches_of_excerpts_of_any_length(seconds, patches):
    """As many as VGGish's own front end gives, also where a graph does not know the length."""
    audio = AudioConfig(nfft=512, nhop=256)
    frames = 1 + int(seconds * 44100) // 256
    magnitudes = tf.constant(random_magnitudes(audio, frames), tf.float32)
    spec = tf.TensorSpec([None, 1, None, 2, 257], tf.float32)
    path = tf.function(MagnitudePatches(audio, pytest.fail), input_signature=[spec])
    assert path(magnitudes).shape == (1, 1, patches, 96, 64)
    own = waveform_patches(tf.zeros([int(seconds * 16000)]))
    assert len(own) == patches
    np.testing.assert_allclose(path(magnitudes), MagnitudePatches(audio)(magnitudes), atol=1e-3)


def test_a_sample_rate_below_what_vggish_hears_is_refused():
    with pytest.raises(UserError, match="sample_rate: found 8000, wanted at least 15000"):
        MagnitudePatches(AudioConfig(sample_rate=8000))
