"""Spectrograms as small images."""

import io

import numpy as np
import pytest
from made_up_pages import AUDIO, RATE, noise
from matplotlib import image

from mss_keras.config import AudioConfig
from mss_keras.reports.pages import Example, Stimulus
from mss_keras.reports.pages.images import RANGE, frequencies, levels, spectrograms

LARGE = AudioConfig()


def sine(hertz: float, rate: int, level: float = 1.0) -> np.ndarray:
    return level * np.sin(2 * np.pi * hertz * np.arange(rate) / rate)[:, np.newaxis]


def brightness(file: bytes) -> np.ndarray:
    """Of each pixel, low frequencies first."""
    return image.imread(io.BytesIO(file), format="webp")[::-1, :, :3].mean(axis=2)


@pytest.mark.parametrize("hertz", [60.0, 440.0, 3000.0, 12000.0])
def test_a_sine_is_where_it_belongs_at_its_level(hertz):
    silence = Example("Song", [], LARGE)
    found = levels(sine(hertz, LARGE.sample_rate, 0.5), silence)
    row = found[400].argmax()
    low, high = frequencies(LARGE.sample_rate)
    place = np.log(hertz / low) / np.log(high / low) * found.shape[1]
    assert row == pytest.approx(place, abs=2 if hertz > 100 else 6)
    if hertz < 100:  # a row is a bin wide there; further up it holds several, and has their mean
        assert found[400].max() == pytest.approx(-6.0, abs=1.6)


@pytest.mark.parametrize(("start", "stop"), [(0, 4000), (4000, RATE)])
def test_low_frequencies_and_the_beginning_are_at_the_lower_left(start, stop):
    waveform = sine(200.0, RATE)
    waveform[:start] = waveform[stop:] = 0
    (file,) = spectrograms(Example("Song", [Stimulus("bass", "", waveform)], AUDIO))
    found = brightness(file)
    rows = found.sum(axis=1)
    assert rows[: len(rows) // 2].sum() > 4 * rows[len(rows) // 2 :].sum()
    heard = found.sum(axis=0)
    own = slice(start * len(heard) // RATE, stop * len(heard) // RATE)
    assert heard[own].sum() > 0.9 * heard.sum()


def test_all_sounds_of_an_example_have_one_scale():
    loud, soft = noise(seed=1), 0.03 * noise(seed=1)
    stimuli = [Stimulus("bass", "target", loud), Stimulus("bass", "l1", soft)]
    found = [brightness(file).mean() for file in spectrograms(Example("Song", stimuli, AUDIO))]
    assert found[0] - found[1] == pytest.approx(-20 * np.log10(0.03) / RANGE * 255, rel=0.3)
    assert found[1] > 0.2 * 255
    alone = brightness(spectrograms(Example("Song", stimuli[1:], AUDIO))[0]).mean()
    assert alone == pytest.approx(found[0], rel=0.05)


@pytest.mark.parametrize(
    "waveform",
    [np.zeros([RATE, 2]), np.zeros([0, 1]), np.zeros([1, 1]), np.full([RATE, 1], np.nan)],
    ids=["silence", "nothing", "one sample", "not finite"],
)
def test_silence_is_dark(waveform):
    example = Example("Song", [Stimulus("bass", "target", waveform)], AUDIO)
    assert np.isfinite(levels(waveform, example)).all()
    assert brightness(spectrograms(example)[0]).max() < 10


def test_images_are_small(stems):
    example = Example("Song", [Stimulus("mixture", "", stems["mixture"])], LARGE)
    (file,) = spectrograms(example)
    assert len(file) < 60_000


def test_an_example_without_sounds_has_no_images():
    assert spectrograms(Example("Song", [], AUDIO)) == []
