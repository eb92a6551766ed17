"""Losses read as metrics are the losses."""

import numpy as np
import pytest
import tensorflow as tf

from mss_keras import losses
from mss_keras.config import AudioConfig, UserError
from mss_keras.domains import EstimatedScene, Scene, pair
from mss_keras.evaluation import loss_readings, resolve_metrics
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
    masked = Scene(targets, mask, spectrogram, audio=AUDIO)
    estimated = EstimatedScene(targets, masked.estimated_waveforms, mixture, audio=AUDIO)
    sounding = np.abs(spectrogram)[:, None] > 1e-3
    for domain in ("waveform", "magnitude", "phase_sensitive", "mask"):
        for one, other in zip(pair(domain, masked), pair(domain, estimated), strict=True):
            keep = sounding if domain == "mask" else np.ones(one.shape, bool)
            difference = np.where(keep, one - other, 0)
            assert np.abs(difference).max() < 2e-3


def test_mean_over_excerpts_of_six_seconds(disturbed):
    targets, estimates = disturbed
    names = ["l1_time", "sisdr_time", "logl1_freq", "l2_mask", "psa", "dissimilarity_freq"]
    found = loss_readings(names, targets, estimates, audio=AUDIO)
    assert list(found) == names
    for name in names:
        loss = losses.get(name)
        values = []
        for start in (0, 48000):  # the rest is shorter than an excerpt
            y_true, y_pred = (
                tf.constant(y[None, :, start : start + 48000]) for y in (targets, estimates)
            )
            scene = EstimatedScene(y_true, y_pred, tf.reduce_sum(y_true, 1), audio=AUDIO)
            values.append(float(loss(*pair(loss.domain, scene))))
        assert found[name] == pytest.approx(np.mean(values), rel=1e-4)


def test_shorter_than_an_excerpt_and_exact(disturbed):
    targets = disturbed[0][:, :9000]
    found = loss_readings(["l1_time", "l2_freq"], targets, targets, audio=AUDIO)
    assert found == {"l1_time": 0, "l2_freq": 0}


def test_names_of_metrics():
    assert resolve_metrics(["snr", "losses", "snr"]) == ["snr", *losses.readable()]
    assert "l1_time" in resolve_metrics(["all"])
    with pytest.raises(UserError, match=r"metrics: found 'sd_sd' \(did you mean sd_sdr\?\)"):
        resolve_metrics(["snr", "sd_sd"])
