"""Ratios of energies in dB above a floor, by hand."""

import numpy as np
import pytest
import tensorflow as tf

from mss_keras.signal.ratios import si_sdr, snr


@pytest.mark.parametrize("ratio", [si_sdr, snr])
@pytest.mark.parametrize("gain", [0.1, 0.0])
def test_a_target_that_is_softer_than_the_floor_has_the_ratio_of_the_floor(ratio, gain):
    """Neither its energy nor a gain matters: 0 dB for itself, and less for all else."""
    y_true = gain * tf.constant([1.0, -1.0, 1.0, -1.0])
    floor = tf.constant([1.0])
    assert float(ratio(y_true, y_true, [0], floor=floor)) == pytest.approx(0.0, abs=1e-6)
    error = tf.constant([2.0, 2.0, 0.0, 0.0])
    found = float(ratio(y_true, y_true + error, [0], floor=floor))
    assert found == pytest.approx(10 * np.log10(1 / (8 + 1)), abs=1e-5)
