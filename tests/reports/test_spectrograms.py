"""Spectrograms, read from the figure."""

import numpy as np
import pytest

from mss_keras.config import AudioConfig
from mss_keras.reports import figures
from mss_keras.reports.spectrograms import band, log_levels, spectrograms

AUDIO = AudioConfig(sample_rate=16000, nfft=512, nhop=256)


def noise(sources: int, seconds: float = 0.5) -> dict[str, np.ndarray]:
    samples = round(seconds * AUDIO.sample_rate)
    drawn = np.random.default_rng(0).normal(0, 0.1, (sources, samples, 2))
    return {"mixture": drawn.sum(axis=0), "sources": drawn}


def names(excerpt: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return dict(zip("abcdef", excerpt["sources"], strict=False))


def shades(panel) -> np.ndarray:
    """0 to 1, as the colours show the levels."""
    (image,) = panel.images
    return np.asarray(image.norm(image.get_array())).clip(0, 1)


@pytest.mark.parametrize("sources", [1, 2, 4, 6])
def test_the_mixture_is_there_once_and_each_source_has_a_row(sources):
    excerpt = noise(sources)
    figure = spectrograms(excerpt, names(excerpt), AUDIO, title="A song, valid, 0 to 0.5 s")
    titles = [panel.get_title() for panel in figure.axes if panel.images]
    assert titles[0] == "mixture"
    whats = [title.rsplit(",", 1)[0] for title in titles[1:]]
    assert whats == [f"{x}: {y}" for x in "abcdef"[:sources] for y in ("target", "estimate")]
    assert figure.get_suptitle() == "A song, valid, 0 to 0.5 s"
    assert figure.get_figwidth() == figures.WIDTH


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_frequencies_are_as_far_apart_as_musicians_count_them(rate):
    """A sine is where its tick would be, and an octave has the same height everywhere."""
    audio = AudioConfig(sample_rate=rate, nfft=4096, nhop=1024)
    low, high = band(audio)
    assert (low, high) == (40, min(rate / 2, 16000))
    places = []
    for hertz in (200, 400, 800, 1600):
        sine = np.sin(2 * np.pi * hertz * np.arange(8192) / rate)[:, np.newaxis]
        loud = log_levels(sine, audio).mean(axis=1)
        places.append((np.argmax(loud) + 0.5) / len(loud))
    expected = np.log([200, 400, 800, 1600]) - np.log(low)
    np.testing.assert_allclose(places, expected / np.log(high / low), atol=0.01)
    excerpt = {"mixture": sine, "sources": sine[np.newaxis]}
    panel = spectrograms(excerpt, {"a": sine}, audio).axes[0]
    ticks = dict(zip(panel.get_yticks(), panel.get_yticklabels(), strict=True))
    assert {text.get_text(): round(10**place) for place, text in ticks.items()} == {
        "50": 50, "100": 100, "200": 200, "500": 500, "1k": 1000, "2k": 2000,
        **({"5k": 5000} if rate > 10000 else {}), **({"10k": 10000} if rate > 20000 else {}),
    }  # fmt: skip


def test_levels_are_mean_powers():
    flat = np.zeros((4096, 1))
    flat[2048] = 1  # all bins are equal
    levels = log_levels(flat, AUDIO)
    loudest = levels[:, np.argmax(levels[0])]
    np.testing.assert_allclose(loudest, loudest[0], atol=1e-3)


def test_weak_estimates_are_seen_and_their_levels_told():
    excerpt = noise(1)
    target = excerpt["sources"][0]
    weak = spectrograms(excerpt, {"a": target * 0.01}, AUDIO).axes
    np.testing.assert_allclose(shades(weak[3]), shades(weak[2]), atol=1e-3)
    assert weak[2].get_title() == "a: target, 0.0 dB"
    assert weak[3].get_title() == "a: estimate, −40.0 dB"


def test_silence_is_black():
    excerpt = noise(2)
    excerpt["sources"][1] = 0
    estimates = {"a": np.zeros_like(excerpt["mixture"]), "b": excerpt["mixture"] * 1e-5}
    axes = spectrograms(excerpt, estimates, AUDIO).axes
    assert [panel.get_title() for panel in axes[3:6]] == [
        *("a: estimate, silent", "b: target, silent", "b: estimate, −100.0 dB")
    ]
    for panel in axes[3:6]:
        assert shades(panel).max() < 0.5
    loud = {name: value * 1000 for name, value in noise(1).items()}
    panel = spectrograms(loud, {"a": loud["mixture"] * 1e-4}, AUDIO).axes[3]
    np.testing.assert_allclose(shades(panel).max(), 1 - (80 - 60) / 70, atol=1e-3)
    nothing = {name: np.zeros_like(value) for name, value in excerpt.items()}
    for panel in spectrograms(nothing, names(nothing), AUDIO).axes[2:6]:
        assert shades(panel).max() == 0


def test_what_is_not_finite_is_told():
    excerpt = noise(2)
    broken = {"a": np.full_like(excerpt["mixture"], np.nan), "b": excerpt["mixture"] * np.inf}
    figure = spectrograms(excerpt, broken, AUDIO)
    figures.as_image(figure)
    titles = [figure.axes[index].get_title() for index in (3, 5)]
    assert titles == ["a: estimate, not finite", "b: estimate, not finite"]


def test_time_is_in_seconds():
    excerpt = noise(2, seconds=0.01)  # shorter than a frame
    axes = spectrograms(excerpt, names(excerpt), AUDIO).axes
    assert axes[0].images[0].get_extent()[:2] == [0, 0.01]
    assert axes[4].get_xlabel() == "time, s"
