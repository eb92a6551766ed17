"""The soft threshold of losses in dB."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from statements import per_source

from mss_keras import losses
from mss_keras.config import UserError

NAMES = [name for name in losses.names() if "soft_threshold" in losses.hyperparameters(name)]


def floor(y, threshold):
    """The mixture's energy that is added, of [batch, sources, ...]: [batch, 1]."""
    return 10 ** (-threshold / 10) * np.sum(per_source(y.sum(1, keepdims=True)) ** 2, -1)


def sisdr(y, e, threshold):
    added = floor(y, threshold)
    y, e = per_source(y), per_source(e)
    alpha = np.sum(e * y, -1) / np.sum(y * y, -1)
    target = y * alpha[..., None]
    error = np.sum((target - e) ** 2, -1) + alpha**2 * added
    return -10 * np.log10(np.sum(target**2, -1) / error).mean(1)


def sdsdr(y, e, threshold):
    added = floor(y, threshold)
    y, e = per_source(y), per_source(e)
    snr = 10 * np.log10(np.sum(y**2, -1) / (np.sum((e - y) ** 2, -1) + added)).mean(1)
    alpha = np.sum(e * y, -1) / np.sum(y * y, -1)
    return -np.minimum(snr, snr + 10 * np.log10(alpha**2).mean(1))


def logl1(y, e, threshold):
    mixture = np.abs(per_source(y.sum(1, keepdims=True))).mean(-1)
    errors = np.abs(per_source(e - y)).mean(-1)
    return 10 * np.log10(errors + 10 ** (-threshold / 10) * mixture).mean(1)


def logl2(y, e, threshold):
    added = floor(y, threshold) / per_source(y).shape[-1]
    return 10 * np.log10((per_source(e - y) ** 2).mean(-1) + added).mean(1)


STATEMENTS = {"sisdr": sisdr, "sdsdr": sdsdr, "logl1": logl1, "logl2": logl2}


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def tensors(name, leakage=None):
    """Random targets and estimates; with a leakage, dB, the second source is silent."""
    rng = np.random.default_rng(3)
    shape = (2, 3, 500, 2) if name.endswith("time") else (2, 3, 6, 2, 17)
    y = rng.standard_normal(shape) if name.endswith("time") else rng.random(shape)
    e = 0.7 * y + 0.3 * rng.standard_normal(shape)
    if leakage is not None:
        y[:, 1] = 0
        e[:, 1] = y[:, 0] * 10 ** (leakage / 20)
    return y.astype(np.float32), e.astype(np.float32)


def test_the_losses_in_decibels_have_it():
    assert set(NAMES) == {
        *("sisdr_time", "sdsdr_time", "logl1_time", "logl2_time"),
        *("sisdr_freq", "logl1_freq", "logl2_freq"),
    }


@pytest.mark.parametrize("threshold", [10.0, 20.0])
def test_value(name, threshold):
    y, e = tensors(name)
    found = losses.get(name, soft_threshold=threshold, reduction="none")(y, e)
    expected = STATEMENTS[name.split("_")[0]](y.astype(float), e.astype(float), threshold)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("gain", [0.1, 3.0, 100.0])
@pytest.mark.parametrize("threshold", [None, 20.0, 30.0])
@pytest.mark.parametrize("name", ["sisdr_time", "sisdr_freq"])
def test_gains_do_not_matter_to_the_scale_invariant(name, threshold, gain):
    y, e = tensors(name)
    loss = losses.get(name, soft_threshold=threshold)
    np.testing.assert_allclose(loss(y, gain * e), loss(y, e), rtol=0, atol=1e-3)


@pytest.mark.parametrize("exact", [True, False])
def test_a_threshold_rewards_no_gain(name, exact):
    """Neither that of sources that sound nor that of a source below the threshold."""
    y, e = tensors(name)
    y[:, 1] *= 1e-3
    if exact:
        e = y
    loss = losses.get(name, soft_threshold=30.0, reduction="none")
    of = loss.by_source if loss.separable else loss
    values = np.stack([of(y, np.float32(gain) * e) for gain in (1, 3, 10, 100, 1000)])
    assert np.all(np.diff(values, axis=0) > -1e-3)
    if loss.separable:
        assert np.all(values[-1, :, 1] > values[0, :, 1] + 1)


def gradients(name, leakage, **arguments):
    """Norms of the gradient with respect to the estimates, [sources]."""
    y, e = map(tf.constant, tensors(name, leakage))
    with tf.GradientTape() as tape:
        tape.watch(e)
        value = losses.get(name, **arguments)(y, e)
    return np.linalg.norm(per_source(tape.gradient(value, e).numpy())[0], axis=-1)


@pytest.mark.parametrize("leakage", [-40.0, -60.0, -200.0])
def test_silence_does_not_rule_the_gradient(name, leakage):
    sounding, silent, _ = gradients(name, leakage, **losses.entry(name).in_training)
    assert silent < 5 * sounding
    sounding, silent, _ = gradients(name, -60.0)
    assert silent > 100 * sounding  # the formula as it is written


@pytest.mark.parametrize("case", ["silence", "all silent", "dither", "lost"])
def test_silence_is_finite_and_no_error_counts_nothing(name, case):
    y, e = tensors(name, -40.0)
    e[:, 1] = 0
    if case == "all silent":
        y, e = 0 * y, 0 * e
    if case == "lost":
        e[:, 0] = 0
    if case == "dither":
        y[:, 1] = e[:, 1] = 1e-4 * np.random.default_rng(0).choice([-1.0, 1.0], y[:, 1].shape)
    loss = losses.get(name, soft_threshold=30.0)
    with tf.GradientTape() as tape:
        pred = tf.constant(e)
        tape.watch(pred)
        value = loss(y, pred)
    assert np.isfinite(value)
    assert np.all(np.isfinite(tape.gradient(value, pred)))
    if name.startswith("sisdr"):
        assert float(loss.by_source(y, e)[0, 1]) == pytest.approx(0, abs=0.1)


def test_those_saved_without_a_threshold_have_none(name):
    config = losses.serialize(losses.get(name))
    del config["config"]["soft_threshold"]
    again = losses.deserialize(config)
    y, e = tensors(name)
    assert again.soft_threshold is None
    assert float(again(y, e)) == float(losses.get(name, soft_threshold=None)(y, e))


@pytest.mark.parametrize("wrong", [0, -30.0, float("nan")])
def test_thresholds_are_above_0(name, wrong):
    with pytest.raises(UserError, match=r"loss_args\.soft_threshold: found .*, wanted a number of"):
        losses.get(name, soft_threshold=wrong)


def test_training_sets_it_where_it_is_not_given(name):
    default = losses.entry(name).in_training["soft_threshold"]
    assert default > 0
    other = {"normalization": "paper"}
    cases: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {name: {"soft_threshold": default}}),
        ({"soft_threshold": 25.0}, {"soft_threshold": 25.0}),
        ({name: {"soft_threshold": None}}, {name: {"soft_threshold": None}}),
        ({name: other}, {name: {**other, "soft_threshold": default}}),
    ]
    for given, expected in cases:
        assert losses.for_training([name], given) == expected
        # A run that goes on: its own, or none if it was begun before there were thresholds.
        assert losses.for_training([name], given, before=expected) == expected
        assert losses.for_training([name], given, before={}) == given


def test_a_source_s_value_is_its_own(name):
    y, e = tensors(name)
    loss = losses.get(name, soft_threshold=20.0, reduction="none")
    if loss.separable:
        np.testing.assert_allclose(tf.reduce_mean(loss.by_source(y, e), 1), loss(y, e), rtol=1e-6)


def test_which_losses_are_in_decibels():
    found = {name for name in losses.names() if losses.entry(name).in_decibels}
    assert found == {*NAMES, "snr_psa"}
