"""SI-SDR and SNR on signals whose values are known in closed form."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mss_keras.metrics import SISDR, SNR, si_sdr, snr, whole_track


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


@pytest.mark.parametrize("ratio", [si_sdr, snr])
def test_silence_is_finite(ratio):
    assert float(ratio(tf.ones([10, 1]), tf.zeros([10, 1]))) == -100.0
    assert np.isfinite(ratio(tf.zeros([10, 1]), tf.ones([10, 1])))
    assert np.isnan(ratio(tf.ones([10, 1]), tf.fill([10, 1], np.nan)))


@pytest.mark.parametrize(("gain", "noise"), [(1.0, 0.1), (0.5, 0.0), (2.0, 1.0)])
def test_snr_costs_gain_and_noise(gain, noise):
    target, orthogonal = cosine_and_orthogonal()
    value = snr(target, gain * target + noise * orthogonal)
    assert float(value) == pytest.approx(-10 * np.log10((gain - 1) ** 2 + noise**2), abs=1e-3)


@pytest.mark.parametrize(("metric", "wanted"), [(SISDR, 40.0), (SNR, 20 * np.log10(2))])
def test_metrics_leave_silent_sources_out(metric, wanted):
    """Silence, and a single sample of the last bit."""
    target, noise = cosine_and_orthogonal(1000)
    y_true = np.stack([target, 0 * target, 0 * target])[None].astype(np.float32)
    y_true[0, 2, 500] = 2**-15
    y_pred = np.stack([0.5 * target + 0.005 * noise, noise, noise])[None].astype(np.float32)
    metric = metric()
    metric.update_state(y_true, y_pred)
    assert float(metric.result()) == pytest.approx(wanted, abs=1e-2)


@pytest.mark.parametrize("metric", [SISDR, SNR])
def test_metrics_are_means_over_examples_in_a_graph(metric):
    y_true, y_pred = np.random.default_rng(0).standard_normal((2, 3, 2, 50, 2)).astype(np.float32)
    whole, parts = metric(), metric()
    whole.update_state(y_true, y_pred)
    update = tf.function(parts.update_state)
    update(y_true[:1], y_pred[:1])
    update(y_true[1:], y_pred[1:])
    assert float(parts.result()) == pytest.approx(float(whole.result()), rel=1e-5)
    weighted = metric()
    weighted.update_state(y_true, y_pred, sample_weight=[1.0, 0.0, 0.0])
    first = metric()
    first.update_state(y_true[:1], y_pred[:1])
    assert float(weighted.result()) == pytest.approx(float(first.result()), rel=1e-5)


@pytest.mark.parametrize("metric", [SISDR, SNR])
def test_metrics_come_back_from_their_configuration(metric):
    back = keras.metrics.deserialize(keras.metrics.serialize(metric(name="x")))
    assert type(back) is metric
    assert back.name == "x"


def test_the_metric_is_evaluation_s_snr():
    """What validation logs as `val_snr` and what evaluation reads as `snr` are one function."""
    y_true, y_pred = np.random.default_rng(1).standard_normal((2, 4, 500, 2)).astype(np.float32)
    metric = SNR()
    metric.update_state(y_true[None], y_pred[None])
    assert metric.name == "snr"
    wanted = whole_track(y_true, y_pred)["snr"].mean()
    assert float(metric.result()) == pytest.approx(wanted, abs=1e-5)
