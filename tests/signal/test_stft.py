"""The STFT against its definition in NumPy, and the inverse against the identity."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mss_keras.signal.stft import STFT, InverseSTFT, apply_mask, centred_stft, frame, inverse_stft


def reference_stft(waveform, nfft, hop):
    """torch.stft(center=True, window=hann) of [samples], from the definition, in float64."""
    padded = np.pad(waveform.astype(np.float64), nfft // 2, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(nfft) / nfft)
    starts = range(0, len(padded) - nfft + 1, hop)
    return np.stack([np.fft.rfft(padded[i : i + nfft] * window) for i in starts])


@pytest.mark.parametrize(("nfft", "hop"), [(4096, 1024), (512, 128), (256, 64)])
def test_equals_the_definition_on_music(excerpt, nfft, hop):
    mixture = excerpt["mixture"][:30001]
    ours = centred_stft(tf.constant(mixture[None]), nfft, hop)[0].numpy()
    assert ours.shape == (1 + 30001 // hop, 2, nfft // 2 + 1)
    for channel in range(2):
        theirs = reference_stft(mixture[:, channel], nfft, hop)
        assert np.abs(ours[:, channel] - theirs).max() < 1e-5 * np.abs(theirs).max()


def test_six_seconds_give_259_frames():
    assert centred_stft(tf.zeros([1, 264600, 1]), 4096, 1024).shape[1] == 259


@pytest.mark.parametrize(("length", "hop"), [(600, 120), (240, 50), (7, 3), (5, 5)])
def test_frames_of_any_hop(length, hop):
    waveform = np.arange(2 * 1234, dtype=np.float32).reshape(1, 1234, 2)
    frames = frame(tf.constant(waveform), length, hop).numpy()
    starts = range(0, 1234 - length + 1, hop)
    expected = np.stack([waveform[0, i : i + length].T for i in starts])
    np.testing.assert_array_equal(frames[0], expected)


@pytest.mark.parametrize("samples", [1, 2, 100, 2047, 2048, 2049, 4095, 4096, 4097, 44100, 50001])
def test_inverse_is_exact_at_every_sample(samples):
    waveform = np.random.default_rng(samples).uniform(-1, 1, (2, 3, samples, 2)).astype(np.float32)
    spectrogram = centred_stft(tf.constant(waveform), 4096, 1024)
    back = inverse_stft(spectrogram, 4096, 1024, samples=samples).numpy()
    assert back.shape == waveform.shape
    assert np.abs(back - waveform).max() < 1e-5


@pytest.mark.parametrize("hop", [32, 16])
def test_masks_do_not_amplify_the_end_of_any_length(hop):
    """Masks of 0 to 1 change the level of noise where it ends as little as elsewhere."""
    for samples in range(600, 600 + hop):
        draw = np.random.default_rng(samples)
        waveform = tf.constant(draw.uniform(-1, 1, (1, samples, 1)), tf.float32)
        spectrogram = centred_stft(waveform, 64, hop)
        mask = tf.constant(draw.uniform(0, 1, spectrogram.shape), tf.float32)
        found = inverse_stft(apply_mask(mask, spectrogram), 64, hop, samples=samples)
        assert float(tf.reduce_max(tf.abs(found[:, -64:]))) < 2, samples
        whole = inverse_stft(spectrogram, 64, hop, samples=samples)
        assert float(tf.reduce_max(tf.abs(whole - waveform))) < 1e-5


@pytest.mark.parametrize(("hop", "frames"), [(128, 1 + 1001 // 128), (256, 2 + 1001 // 256)])
def test_a_frame_more_where_two_windows_would_not_reach_the_end(hop, frames):
    spectrogram = centred_stft(tf.ones([1, 1001, 1]), 512, hop)
    assert spectrogram.shape[1] == frames
    assert centred_stft(tf.ones([1, 1024, 1]), 512, hop).shape[1] == 1 + 1024 // hop


def test_no_samples():
    spectrogram = centred_stft(tf.zeros([1, 0, 2]), 4096, 1024)
    assert inverse_stft(spectrogram, 4096, 1024, samples=0).shape == (1, 0, 2)


def test_layers_stay_in_float32_under_mixed_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        waveform = tf.random.stateless_normal([1, 9000, 2], [1, 2]) * 1e3
        spectrogram = STFT(512, 128)(waveform)
        back = InverseSTFT(512, 128)(spectrogram, samples=9000)
    finally:
        keras.config.set_dtype_policy(before)
    assert spectrogram.dtype == tf.complex64
    assert float(tf.reduce_max(tf.abs(back - waveform))) < 1e-2  # of 4000: 2.5e-6


def test_layers_keep_their_sizes_through_their_config():
    layer = STFT.from_config(STFT(512, 128).get_config())
    assert (layer.nfft, layer.nhop) == (512, 128)


def test_gradient_through_a_mask_and_the_inverse():
    """The map is linear in the mask, so a finite step gives the derivative exactly."""
    waveform = tf.random.stateless_normal([1, 2000, 1], [3, 4])
    spectrogram = centred_stft(waveform, 256, 64)
    mask, step = tf.ones(spectrogram.shape), tf.random.stateless_normal(spectrogram.shape, [5, 6])

    def energy(mask):
        signal = inverse_stft(apply_mask(mask, spectrogram), 256, 64, samples=2000)
        return tf.reduce_sum(signal * waveform)

    with tf.GradientTape() as tape:
        tape.watch(mask)
        value = energy(mask)
    slope = tf.reduce_sum(tape.gradient(value, mask) * step)
    np.testing.assert_allclose(energy(mask + step) - value, slope, rtol=1e-3)
