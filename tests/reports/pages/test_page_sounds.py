"""Sounds for a browser."""

import base64

import numpy as np
import pytest
from excerpt import RATE as MUSIC_RATE
from made_up_pages import AUDIO, RATE, decoded, example, noise, ratio_at

from mss_keras.config import AudioConfig
from mss_keras.reports.pages import Example, Stimulus, sounds
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
    aligned = ratio_at(found[:, 0], waveform[:, 0], 0)
    assert aligned > 22
    assert aligned > max(ratio_at(found[:, 0], waveform[:, 0], delay) for delay in (-1, 1)) + 6


def test_two_sounds_that_are_alike_are_one():
    found = encode([example() for _ in range(3)], 0)
    assert (found.codec, found.inside, len(found.examples)) == ("flac", False, 3)
    assert found.rates == [RATE] * 3
    assert len(found.files) == 5
    assert found.examples[0][0].name in found.files
    assert encode([example() for _ in range(3)], found.size).inside  # each takes its room once


def test_where_opus_has_no_room_either_all_is_lossless_and_little_of_it_was_made(monkeypatch):
    stimuli = [Stimulus("mixture", "", noise(seed=seed)) for seed in range(6)]
    examples = [Example("Song", [stimulus], AUDIO) for stimulus in stimuli]
    made: list[int] = []

    def opus(waveform, rate):
        made.append(rate)
        return bytes([len(made)] * 3000)

    monkeypatch.setattr(sounds, "_opus", opus)
    assert encode(examples, 24000).codec == "opus"  # 6 times 4000 in base64
    assert len(made) == 6
    for room, count in ((23999, 6), (11000, 1), (3000, 1), (-1, 1)):
        made.clear()
        found = encode(examples, room)
        assert (found.codec, found.inside, len(found.files)) == ("flac", False, 6)
        assert len(made) == count


def test_no_examples_are_no_sounds():
    found = encode([], 0)
    assert (found.inside, found.size) == (True, 0)
