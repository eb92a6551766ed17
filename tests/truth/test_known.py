"""Metrics and losses of estimates whose values are known: four tones that do not overlap.

Tones, each of whole periods in a frame of the STFT, that swell and fade between silence at both
ends: so slowly that each stays in its bins.
"""

import numpy as np
import pytest
import tensorflow as tf

from mss_keras import losses
from mss_keras.config import AudioConfig
from mss_keras.evaluation import loss_readings
from mss_keras.metrics import bss_eval, whole_track
from mss_keras.models import oracles

AUDIO = AudioConfig(sample_rate=8000, nfft=512, nhop=128)
SAMPLES, SILENT = 16384, 2048
ENVELOPE = np.pad(0.4 * np.hanning(SAMPLES) ** 2, SILENT)
# Of a sine, half the envelope's square and 2/π of the envelope, on average.
POWER, MODULUS = np.mean(ENVELOPE**2) / 2, np.mean(ENVELOPE) * 2 / np.pi


def decibels(ratio):
    return 10 * np.log10(ratio)


def tones():
    """[4, samples, 1]"""
    time, bins = np.arange(len(ENVELOPE)), np.array([[40], [90], [140], [190]])
    return (ENVELOPE * np.sin(2 * np.pi * bins * time / AUDIO.nfft))[..., np.newaxis]


ESTIMATES = {
    "target": lambda y: y,
    "mixture": lambda y: np.broadcast_to(y.sum(0), y.shape),
    "silence": lambda y: 0 * y,
    "wrong": lambda y: y[[1, 2, 3, 0]],
    "soft": lambda y: 0.1 * y,
}

# The mixture adds three tones of a source's energy, the wrong tone one, and takes its own away.
KNOWN = {
    "si_sdr": {"mixture": decibels(1 / 3), "silence": -100},
    "sd_sdr": {"mixture": decibels(1 / 3), "silence": -100, "soft": decibels(0.01 / 0.81)},
    "snr": {
        "mixture": decibels(1 / 3),
        "silence": -100,
        "wrong": decibels(1 / 2),
        "soft": decibels(1 / 0.81),
    },
    "sdr": {"mixture": decibels(1 / 3), "wrong": decibels(1 / 2), "soft": decibels(1 / 0.81)},
    "l1_time": {"target": 0, "silence": MODULUS, "soft": 0.9 * MODULUS},
    "l2_time": {
        "target": 0,
        "mixture": 3 * POWER,
        "silence": POWER,
        "wrong": 2 * POWER,
        "soft": 0.81 * POWER,
    },
    "logl1_time": {"target": -100, "silence": decibels(MODULUS)},
    "logl2_time": {
        "target": -100,
        "mixture": decibels(3 * POWER),
        "silence": decibels(POWER),
        "wrong": decibels(2 * POWER),
    },
    "sisdr_time": {"mixture": decibels(3), "silence": 0},
    "sdsdr_time": {"mixture": decibels(3), "soft": decibels(0.81 / 0.01)},
    "l1_freq": {"target": 0},
    "l2_freq": {"target": 0},
    "multi_resolution_stft": {"target": 0},
    "psa": {"target": 0},
    "snr_psa": {"silence": 0, "soft": 20 * np.tanh(decibels(0.81) / 20)},
    # Each bin is one of the four sources', whose ratio mask is 1 there.
    "l1_mask": {"target": 0, "mixture": 3 / 4, "silence": 1 / 4, "wrong": 1 / 2, "soft": 0.9 / 4},
    "l2_mask": {"target": 0, "mixture": 3 / 4, "silence": 1 / 4, "wrong": 1 / 2, "soft": 0.81 / 4},
    "cross_entropy_mask": {"target": 0, "mixture": np.log(4), "silence": np.log(4)},
    "binary_cross_entropy_mask": {
        "target": 0,
        "mixture": -3 / 4 * np.log(1e-4),
        "silence": -1 / 4 * np.log(1e-4),
        "soft": -1 / 4 * np.log(0.1),
    },
}


IN_DECIBELS = {
    *("si_sdr", "sd_sdr", "snr", "sdr", "sisdr_time", "sdsdr_time", "logl1_time", "logl2_time"),
    "snr_psa",
}


@pytest.fixture(scope="module")
def found():
    """Values of every metric by the kind of estimate, the mean of the sources."""
    y_true = tones()
    values = {}
    for kind, make in ESTIMATES.items():
        y_pred = make(y_true)
        read = loss_readings(losses.readable(), y_true, y_pred, audio=AUDIO)
        frames = bss_eval(y_true, y_pred, window=4096, hop=4096, lags=1)
        ratios = {**frames.median(), **whole_track(y_true, y_pred), **read.of_sources}
        values[kind] = {name: np.mean(x) for name, x in ratios.items()} | dict(read.together)
    return values


@pytest.mark.parametrize("name", KNOWN)
def test_value(found, name):
    for kind, value in KNOWN[name].items():
        # A hundredth: of a tone that swells a little is in the bins of others.
        near = 0.01 if value == 0 or name in IN_DECIBELS else 0.0
        assert found[kind][name] == pytest.approx(value, rel=0.01, abs=near), kind


def test_every_metric_is_known():
    assert {*losses.readable(), "si_sdr", "sd_sdr", "snr", "sdr"} - set(KNOWN) == {
        *("sisdr_freq", "logl1_freq", "logl2_freq", "dissimilarity_freq")
    }


def test_of_magnitudes(found):
    """Bins of other sources add what these sources are; of the mixture three sources."""
    for name in ("l1_freq", "l2_freq"):
        silence = found["silence"][name]
        assert found["mixture"][name] == pytest.approx(3 * silence, rel=0.01)
        assert found["wrong"][name] == pytest.approx(2 * silence, rel=0.01)
    for name in ("logl1_freq", "logl2_freq"):
        more = found["mixture"][name] - found["silence"][name]
        assert more == pytest.approx(decibels(3), abs=0.05)
        assert found["target"][name] == pytest.approx(-100)
    assert found["mixture"]["sisdr_freq"] == pytest.approx(decibels(3), abs=0.05)
    # β 0.1 times the squared distances from three sources of the same energy
    energy = found["silence"]["l2_freq"]
    assert found["target"]["dissimilarity_freq"] == pytest.approx(-0.1 * 6 * energy, rel=0.01)
    assert found["silence"]["dissimilarity_freq"] == pytest.approx(0.7 * energy, rel=0.01)


def test_another_source_is_worse_than_all_but_silence(found):
    for name in ("si_sdr", "sd_sdr"):
        assert -100 <= found["wrong"][name] < -60


def test_scales_do_not_matter_where_they_should_not(found):
    for name in ("si_sdr", "sir", "sar"):
        assert found["soft"][name] > 60
    for name in ("sisdr_time", "sisdr_freq"):
        assert found["soft"][name] < -60


@pytest.mark.parametrize("name", oracles.ORACLES)
def test_oracles_separate_what_does_not_overlap(name):
    y_true = tones()
    sources = tf.constant(y_true, tf.float32)
    mixture = tf.reduce_sum(sources, 0)
    stems = oracles.separate(name, mixture=mixture, sources=sources, audio=AUDIO).numpy()
    for values in whole_track(y_true, stems).values():
        assert values.min() > 25
    read = loss_readings(["l1_mask", "cross_entropy_mask"], y_true, stems, audio=AUDIO)
    assert read.of_sources["l1_mask"].max() < 0.02
    assert read.together["cross_entropy_mask"] < 0.02
