"""Ratios of whole tracks: closed form, and the formula of the losses."""

import numpy as np
import pytest
import tensorflow as tf

from mss_keras import losses
from mss_keras.config import UserError
from mss_keras.metrics import si_sdr, snr, whole_track
from mss_keras.metrics.whole_track import WHOLE_TRACK


def test_closed_form():
    """ŷ = 0.5 y + 0.1 n, n of y's energy and orthogonal to it; longer than a block."""
    rng = np.random.default_rng(0)
    target, noise = np.linalg.qr(rng.standard_normal((200000, 2)))[0].T.reshape(2, 1, -1, 2)
    ratios = whole_track(target, 0.5 * target + 0.1 * noise)
    expected = {"si_sdr": 0.25 / 0.01, "sd_sdr": 0.25 / 0.26, "snr": 1 / 0.26}
    assert tuple(ratios) == WHOLE_TRACK
    for name, ratio in expected.items():
        assert ratios[name] == pytest.approx([10 * np.log10(ratio)], abs=1e-7)


@pytest.mark.parametrize("error", [1.0, 1e-3, 1e-6, 0.0])
def test_agrees_with_the_formula_in_tensorflow(excerpt, error):
    y_true = excerpt["sources"][:, :100000].astype(float)
    y_pred = y_true + error * (excerpt["mixture"][:100000] - y_true)
    ratios = whole_track(y_true, y_pred)
    np.testing.assert_allclose(ratios["si_sdr"], si_sdr(y_true, y_pred), rtol=0, atol=1e-6)
    np.testing.assert_allclose(ratios["snr"], snr(y_true, y_pred), rtol=0, atol=1e-6)
    loss = losses.get("sdsdr_time").distance(tf.constant(y_true[None]), tf.constant(y_pred[None]))
    lesser = min(ratios["snr"].mean(), ratios["sd_sdr"].mean())
    assert -float(loss[0]) == pytest.approx(lesser, abs=1e-6)


def test_silence_and_what_is_not_finite():
    y_true = np.ones((4, 10, 2))
    y_true[0] = 0
    y_pred = np.ones((4, 10, 2))
    y_pred[1] = 0
    y_pred[2, 3, 0] = np.inf
    for values in whole_track(y_true, y_pred).values():
        assert np.isnan(values).tolist() == [True, False, True, False]
        assert np.isfinite(values[[1, 3]]).all()


def test_no_estimate_that_tries_is_worse_than_none():
    """Nor is any better for being 0: of a bad, a wrong, a huge, an orthogonal and no estimate."""
    target, noise = np.linalg.qr(np.random.default_rng(0).standard_normal((2000, 2)))[0].T
    bad = [0.01 * target - noise, -1e-9 * target, 1e9 * noise, noise, 0 * noise]
    y_pred = np.stack(bad).reshape(5, -1, 2)
    y_true = np.broadcast_to(target.reshape(-1, 2), y_pred.shape)
    found = whole_track(y_true, y_pred)
    for values in (*found.values(), si_sdr(y_true, y_pred).numpy(), snr(y_true, y_pred).numpy()):
        assert values.min() == values[-1] == -100
    assert found["si_sdr"][0] == pytest.approx(-40, abs=1e-3)
    assert found["snr"][0] == pytest.approx(-10 * np.log10(0.99**2 + 1), abs=1e-3)


@pytest.mark.parametrize(("decibels", "silent"), [(-300, True), (-61, True), (-59, False)])
def test_an_estimate_60_decibels_below_the_target_counts_as_silence(decibels, silent):
    y_true, noise = 0.1 * np.random.default_rng(0).standard_normal((2, 3, 70000, 2))
    y_pred = 10 ** (decibels / 20) * (y_true + noise) / np.sqrt(2)
    streamed = {"si_sdr": si_sdr(y_true, y_pred), "snr": snr(y_true, y_pred)}
    for values in (*whole_track(y_true, y_pred).values(), *streamed.values()):
        assert (np.asarray(values) == -100).all() == silent


@pytest.mark.parametrize(("dbfs", "silent"), [(-60.1, True), (-59.9, False)])
def test_silence_is_below_60_decibels(dbfs, silent):
    rng = np.random.default_rng(0)
    y_true = 10 ** (dbfs / 20) * rng.choice([-1.0, 1.0], (1, 70000, 2))
    for values in whole_track(y_true, 0.5 * y_true).values():
        assert np.isnan(values).tolist() == [silent]
    one = np.zeros((1, 1000, 2))
    one[0, 0, 0] = 2**-15  # a sample of the last bit
    assert np.isnan(whole_track(one, one)["snr"])


def test_shapes_are_checked():
    with pytest.raises(
        UserError, match=r"^y_pred: found \(2, 11, 2\), wanted the shape of `y_true`, \(2, 10, 2\)"
    ):
        whole_track(np.ones((2, 10, 2)), np.ones((2, 11, 2)))
