"""The pairs of the domains against their definitions in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from mss_keras import domains
from mss_keras.config import DOMAINS, AudioConfig, UserError
from mss_keras.signal.stft import centred_stft

AUDIO = AudioConfig(nfft=512, nhop=128)


@pytest.fixture
def parts(excerpt):
    sources = excerpt["sources"][None, :, 100000:108000]
    mixture = sources.sum(1)
    x = centred_stft(tf.constant(mixture), 512, 128).numpy()
    y = centred_stft(tf.constant(sources), 512, 128).numpy()
    mask = np.random.default_rng(0).random(y.shape).astype(np.float32)
    return sources, mask, x, y


def pair_of(domain, parts):
    sources, mask, x, _ = parts
    scene = domains.MaskScene(tf.constant(sources), tf.constant(mask), tf.constant(x), audio=AUDIO)
    return [tensor.numpy() for tensor in domains.pair(domain, scene)]


def test_every_domain_has_its_pair(parts):
    for domain in DOMAINS:
        target, estimate = pair_of(domain, parts)
        assert target.shape == estimate.shape
        assert target.dtype == estimate.dtype == np.float32


def test_magnitude(parts):
    _, mask, x, y = parts
    target, estimate = pair_of("magnitude", parts)
    np.testing.assert_allclose(target, np.abs(y), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(estimate, mask * np.abs(x[:, None]), rtol=1e-5, atol=1e-6)


def test_phase_sensitive(parts):
    _, _, x, y = parts
    target, _ = pair_of("phase_sensitive", parts)
    expected = np.abs(y) * np.cos(np.angle(x[:, None]) - np.angle(y))
    np.testing.assert_allclose(target, expected, rtol=1e-3, atol=1e-4)


def test_masks_sum_to_one_where_there_is_sound(parts):
    target, estimate = pair_of("mask", parts)
    np.testing.assert_array_equal(estimate, parts[1])
    loud = np.abs(parts[3]).sum(1) > 1e-6
    np.testing.assert_allclose(target.sum(1)[loud], 1.0, rtol=1e-5)


def test_masks_of_silence_are_zero(parts):
    sources, mask, x, _ = parts
    target, _ = pair_of("mask", (0 * sources, mask, 0 * x, None))
    assert not target.any()
    target, _ = pair_of("phase_sensitive", (0 * sources, mask, 0 * x, None))
    assert not target.any()


def test_waveform_of_unit_masks_is_the_mixture(parts):
    sources, mask, x, _ = parts
    target, estimate = pair_of("waveform", (sources, np.ones_like(mask), x, None))
    np.testing.assert_array_equal(target, sources)
    np.testing.assert_allclose(estimate[0, 2], sources[0].sum(0), atol=1e-5)


def test_a_scene_of_waveforms_hears_its_estimates(parts):
    sources, _, x, y = parts
    estimates = sources[:, ::-1].copy()
    scene = domains.WaveformScene(
        tf.constant(sources), tf.constant(estimates), tf.constant(sources.sum(1)), audio=AUDIO
    )
    found = {name: [t.numpy() for t in domains.pair(name, scene)] for name in scene.domains}
    np.testing.assert_array_equal(found["waveform"], [sources, estimates])
    target, estimate = found["magnitude"]
    np.testing.assert_allclose(target, np.abs(y), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(estimate, np.abs(y[:, ::-1]), rtol=1e-5, atol=1e-6)
    target, estimate = found["phase_sensitive"]
    aimed = np.abs(y) * np.cos(np.angle(x[:, None]) - np.angle(y))
    np.testing.assert_allclose(target, aimed, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(estimate, np.abs(y[:, ::-1]), rtol=1e-5, atol=1e-6)


def test_losses_of_masks_cannot_be_read_of_waveforms():
    compared = {domain: domain for domain in DOMAINS}
    domains.require_readable(compared, "magnitude")
    with pytest.raises(UserError, match=r"^loss: found mask and logits with a network of wavef"):
        domains.require_readable(compared, "waveform")
