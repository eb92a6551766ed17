"""Sample rates of waveforms in blocks."""

import numpy as np
import pytest

from mss_keras.data.resampling import resampled


def tones(rate, samples):
    time = np.arange(samples) / rate
    tones = [np.sin(2 * np.pi * 440 * time), 0.5 * np.cos(2 * np.pi * 3000 * time), 0 * time]
    return np.stack(tones, axis=1).astype(np.float32)


@pytest.mark.parametrize(("rate", "wanted"), [(48000, 44100), (44100, 48000), (16000, 44100)])
@pytest.mark.parametrize("block", [1000, 10**6])
def test_no_delay_and_no_loss(rate, wanted, block):
    waveform = tones(rate, 30011)
    blocks = (waveform[i : i + block] for i in range(0, len(waveform), block))
    found = np.concatenate(list(resampled(blocks, rate, wanted)))
    assert len(found) == round(30011 * wanted / rate)
    inside = slice(500, -500)
    expected = tones(wanted, len(found))
    assert np.abs(found - expected)[inside].max() < 1e-4


def test_there_and_back_is_as_long():
    waveform = tones(48000, 30011)
    there = resampled([waveform], 48000, 44100)
    back = np.concatenate(list(resampled(there, 44100, 48000, length=lambda: 30011)))
    assert len(back) == 30011
    assert np.abs(back - waveform)[500:-500].max() < 1e-4


def test_the_same_rate_is_left_alone():
    waveform = tones(44100, 100)
    (found,) = resampled([waveform], 44100, 44100)
    assert found is waveform


@pytest.mark.parametrize("samples", [0, 1, 2])
def test_hardly_anything(samples):
    blocks = [tones(48000, samples)] if samples else []
    parts = list(resampled(blocks, 48000, 44100))
    assert sum(map(len, parts)) == round(samples * 44100 / 48000)
