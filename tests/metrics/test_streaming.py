"""SI-SDR on signals whose value is known in closed form."""

import numpy as np
import pytest
import tensorflow as tf

from mss_keras.metrics import SISDR, si_sdr


def cosine_and_orthogonal(samples=44100):
    t = np.arange(samples) / samples * 2 * np.pi
    return np.cos(50 * t)[:, None], np.sin(50 * t)[:, None]


@pytest.mark.parametrize("decibels", [-10.0, 0.0, 7.5, 40.0])
@pytest.mark.parametrize("gain", [0.01, 1.0, -3.0])
def test_orthogonal_noise_of_a_known_level(decibels, gain):
    target, noise = cosine_and_orthogonal()
    estimate = gain * (target + noise * 10 ** (-decibels / 20))
    assert float(si_sdr(target, estimate)) == pytest.approx(decibels, abs=1e-3)


def test_is_taken_over_samples_and_channels():
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.standard_normal((2, 3, 4, 100, 2))
    values = si_sdr(y_true, y_pred).numpy()
    assert values.shape == (3, 4)
    y, e = y_true[1, 2].ravel(), y_pred[1, 2].ravel()
    target = y * (e @ y) / (y @ y)
    expected = 10 * np.log10((target @ target) / ((target - e) @ (target - e)))
    assert values[1, 2] == pytest.approx(expected, rel=1e-6)


def test_silence_is_finite():
    assert float(si_sdr(tf.zeros([10, 1]), tf.zeros([10, 1]))) == 0.0
    assert np.isfinite(si_sdr(tf.zeros([10, 1]), tf.ones([10, 1])))


def test_metric_leaves_silent_sources_out():
    target, noise = cosine_and_orthogonal(1000)
    y_true = np.stack([target, 0 * target])[None].astype(np.float32)
    y_pred = np.stack([target + 0.1 * noise, noise])[None].astype(np.float32)
    metric = SISDR()
    metric.update_state(y_true, y_pred)
    assert float(metric.result()) == pytest.approx(20.0, abs=1e-2)
