"""Sounds for a browser."""

import base64

import numpy as np
import pytest
from excerpt import RATE as MUSIC_RATE
from made_up_pages import RATE, decoded, example

from mss_keras.config import AudioConfig
from mss_keras.reports.pages import Example, Stimulus
from mss_keras.reports.pages.sounds import OPUS_RATE, encode


def opus(stimuli, audio) -> list[np.ndarray]:
    """Decoded Opus, `[samples, channels]` at 48 kHz."""
    room = 4 * sum(stimulus.waveform.size for stimulus in stimuli) // 5
    found = encode([Example("Song", stimuli, audio)], room)
    assert (found.codec, found.rates) == ("opus", [OPUS_RATE])
    waveforms = []
    for sound in found.examples[0]:
        waveform, rate = decoded(base64.b64decode(sound.base64))
        assert rate == OPUS_RATE
        waveforms.append(waveform)
    return waveforms


@pytest.mark.parametrize("channels", [1, 2])
def test_opus_is_aligned_and_next_to_the_original(stems, channels):
    audio = AudioConfig(nb_channels=channels)
    waveform = stems["mixture"][: 2 * MUSIC_RATE, :channels]
    (found,) = opus([Stimulus("mixture", "", waveform)], audio)
    assert found.shape == (2 * OPUS_RATE, channels)
    # By the phase of the cross-spectrum the delay is a fraction of a sample.
    ours, theirs = np.fft.rfft(waveform[:, 0]), np.fft.rfft(found[:, 0])[: MUSIC_RATE + 1]
    error = theirs * len(waveform) / len(found) - ours
    ratio = 10 * np.log10(np.sum(np.abs(ours) ** 2) / np.sum(np.abs(error) ** 2))
    assert ratio > 20


def test_what_there_is_no_room_for_is_not_made():
    examples = [example() for _ in range(3)]
    found = encode(examples, 0)
    assert (found.codec, found.inside, len(found.examples)) == ("flac", False, 3)
    assert found.rates == [RATE] * 3
    assert len(found.files) == 5  # those of all three are alike
    assert found.examples[0][0].name in found.files


def test_no_examples_are_no_sounds():
    found = encode([], 0)
    assert (found.inside, found.size) == (True, 0)
