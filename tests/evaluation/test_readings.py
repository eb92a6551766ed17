"""Losses read as metrics are the losses."""

import numpy as np
import pytest
import tensorflow as tf

from mss_keras import losses
from mss_keras.config import AudioConfig, UserError
from mss_keras.domains import EstimatedScene, MaskScene, pair
from mss_keras.evaluation import loss_readings, resolve_metrics
from mss_keras.metrics.whole_track import WHOLE_TRACK
from mss_keras.signal.stft import centred_stft

AUDIO = AudioConfig(sample_rate=8000, nfft=512, nhop=128)


@pytest.fixture(scope="module")
def disturbed(excerpt):
    """Targets and disturbed estimates [sources, samples, channels], 13.4 s at 8 kHz."""
    targets = excerpt["sources"][:, :107520]
    rng = np.random.default_rng(0)
    noise = 0.02 * rng.standard_normal(targets.shape).astype(np.float32)
    return targets, 0.8 * targets + noise


def test_a_masked_mixture_has_the_same_pairs_either_way(disturbed):
    """The scene of a model's masks and that of the waveforms they give, but for overlap."""
    targets = tf.constant(disturbed[0][np.newaxis, :, :20000])
    mixture = tf.reduce_sum(targets, axis=1)
    spectrogram = centred_stft(mixture, AUDIO.nfft, AUDIO.nhop)
    mask = 0.5 * tf.ones([1, 4, *spectrogram.shape[1:]])
    masked = MaskScene(targets, mask, spectrogram, audio=AUDIO)
    estimated = EstimatedScene(targets, masked.estimated_waveforms, mixture, audio=AUDIO)
    counted = np.abs(spectrogram[0]) > 1e-4 * np.abs(spectrogram).max()
    for domain in ("waveform", "magnitude", "phase_sensitive", "mask"):
        for one, other in zip(pair(domain, masked), pair(domain, estimated), strict=True):
            if domain == "mask":  # of bins alone in which the mixture is not next to silent
                one = one.numpy()[:, :, counted, None, None]
                assert other.shape == one.shape == (1, 4, counted.sum(), 1, 1)
            assert np.abs(one - other).max() < (2e-2 if domain == "mask" else 2e-3)


def test_mean_over_excerpts_of_six_seconds(disturbed):
    targets, estimates = disturbed
    names = ["l1_time", "sisdr_time", "logl1_freq", "l2_mask", "psa", "dissimilarity_freq"]
    readings = loss_readings([*names, "sdsdr_time"], targets, estimates, audio=AUDIO)
    assert list(readings.of_sources) == names
    assert all(values.shape == (4,) for values in readings.of_sources.values())
    assert list(readings.together) == ["sdsdr_time"]
    means = {name: values.mean() for name, values in readings.of_sources.items()}
    for name, value in {**means, **readings.together}.items():
        loss = losses.get(name)
        values = []
        for start in (0, 48000):  # the rest is shorter than an excerpt
            y_true, y_pred = (
                tf.constant(y[None, :, start : start + 48000]) for y in (targets, estimates)
            )
            scene = EstimatedScene(y_true, y_pred, tf.reduce_sum(y_true, 1), audio=AUDIO)
            values.append(float(loss(*pair(loss.domain, scene))))
        assert value == pytest.approx(np.mean(values), rel=1e-4)


def test_shorter_than_an_excerpt_and_exact(disturbed):
    targets = disturbed[0][:, :9000]
    found = loss_readings(["l1_time", "l2_freq"], targets, targets, audio=AUDIO)
    assert not any(found.of_sources["l1_time"])
    assert not any(found.of_sources["l2_freq"])


def test_all_of_what_is_shorter_than_two_excerpts_is_read(disturbed):
    """An error in the last 2 s of 8 s is heard by listeners, and by losses."""
    targets = disturbed[0][:, : 8 * 8000]
    estimates = targets.copy()
    estimates[:, 6 * 8000 :] += 0.4
    found = loss_readings(["l1_time"], targets, estimates, audio=AUDIO)
    np.testing.assert_allclose(found.of_sources["l1_time"], 0.1, rtol=1e-4)


def test_an_estimate_that_is_not_finite_has_no_reading(disturbed):
    """And no reading of all sources together, but the other sources have theirs."""
    targets, estimates = (y[:, :20000] for y in disturbed)
    damaged = estimates.copy()
    damaged[2, 9000] = np.nan
    found, whole = (
        loss_readings(losses.readable(), targets, y, audio=AUDIO) for y in (damaged, estimates)
    )
    for name, values in found.of_sources.items():
        assert np.isnan(values).tolist() == [False, False, True, False], name
        keep = [0, 1, 3]
        np.testing.assert_allclose(values[keep], whole.of_sources[name][keep], rtol=1e-4)
    assert list(found.together) == ["sdsdr_time", "cross_entropy_mask"]
    assert all(np.isnan(value) for value in found.together.values())


def test_masks_of_silence_are_not_read(disturbed):
    """An excerpt in which the mixture is silent leaves the value of the others as it is."""
    targets, estimates = (y[:, :48000] for y in disturbed)
    behind = [np.concatenate([y, 0 * y], axis=1) for y in (targets, estimates)]
    names = ["l2_mask", "cross_entropy_mask"]
    alone = loss_readings(names, targets, estimates, audio=AUDIO)
    found = loss_readings(names, *behind, audio=AUDIO)
    np.testing.assert_allclose(found.of_sources["l2_mask"], alone.of_sources["l2_mask"])
    assert found.together == alone.together
    nothing = loss_readings(names, 0 * targets, 0 * estimates, audio=AUDIO)
    assert np.isnan(nothing.of_sources["l2_mask"]).tolist() == [True] * 4
    assert np.isnan(nothing.together["cross_entropy_mask"])


def test_logits_are_those_of_the_masks():
    shares = tf.reshape([0.2, 0.9, 0.3, 0.0], [1, 2, 2, 1, 1])  # two sources of two bins
    logits = losses.get("cross_entropy_mask").from_shares(shares)
    found = tf.reshape(tf.nn.softmax(logits, axis=1), [2, 2])
    np.testing.assert_allclose(found, [[0.4, 1], [0.6, 0]], atol=2e-4)
    logits = losses.get("binary_cross_entropy_mask").from_shares(shares)
    np.testing.assert_allclose(tf.sigmoid(logits), shares, atol=2e-4)


def test_names_of_metrics():
    assert resolve_metrics(["snr", "losses", "snr"]) == ["snr", *losses.readable()]
    assert resolve_metrics(["losses"]) == resolve_metrics(["all"])
    assert resolve_metrics(["l1_time"]) == [*WHOLE_TRACK, "l1_time"]
    assert resolve_metrics([]) == []
    with pytest.raises(UserError, match=r"metrics: found 'sd_sd' \(did you mean sd_sdr\?\)"):
        resolve_metrics(["snr", "sd_sd"])
