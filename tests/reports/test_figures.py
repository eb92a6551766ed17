"""Figures show what they are given."""

from dataclasses import replace

import numpy as np
import pytest

from mss_keras.config import AudioConfig
from mss_keras.metrics import TrackScores, bss_eval
from mss_keras.reports import figures
from mss_keras.reports.boxes import boxes
from mss_keras.reports.curves import curves
from mss_keras.reports.spectrograms import spectrograms

AUDIO = AudioConfig(nfft=512, nhop=256)


def test_spectrograms(excerpt):
    second = {"mixture": excerpt["mixture"][:44100], "sources": excerpt["sources"][:, :44100]}
    silence = {name: np.zeros((44100, 2)) for name in "abcd"}
    same = dict(zip("abcd", second["sources"], strict=True))
    images = [figures.as_image(spectrograms(second, x, AUDIO)) for x in (silence, same)]
    height = images[0].shape[0]
    assert images[0].shape == images[1].shape
    lower = slice(int(0.72 * height), int(0.9 * height))  # the row of the estimates
    assert images[1][lower].astype(int).sum() > 1.05 * images[0][lower].astype(int).sum()
    upper = slice(int(0.1 * height), int(0.3 * height))
    np.testing.assert_array_equal(images[0][upper], images[1][upper])


def test_curves(tmp_path):
    rows = [
        {"epoch": i, "loss": 1 / i, "val_loss": -2 / i, "val_si_sdr": i, "learning_rate": 0.1}
        for i in (1, 2, 3)
    ]
    figure = curves(rows, "some_loss")
    panels = figure.get_axes()
    assert panels[0].get_ylabel() == "some_loss"
    assert panels[0].get_yscale() == "linear"  # a loss below 0 has no logarithm
    np.testing.assert_array_equal(panels[0].lines[1].get_ydata(), [-2, -1, -2 / 3])
    figures.save(figure, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"
    assert [path.name for path in tmp_path.iterdir()] == ["curves.png"]


@pytest.fixture(scope="module")
def track():
    """Scores of two sources; the second has no SNR."""
    targets = np.random.default_rng(0).standard_normal((2, 3000, 1))
    frames = bss_eval(targets, targets + 0.1, window=1000, hop=1000, names=("flute", "harp"))
    return TrackScores("a", ("flute", "harp"), frames, whole_track={"snr": np.array([3, np.nan])})


def test_boxes(track):
    better = replace(track, whole_track={"snr": np.array([5, np.nan])})
    figure = boxes({"first": [better] * 6, "second": [track] * 5}, "snr", "SNR, dB")
    flute, harp = figure.get_axes()
    assert [panel.get_title() for panel in (flute, harp)] == ["flute", "harp"]
    assert [tick.get_text() for tick in flute.get_yticklabels()] == ["second", "first"]

    def points(panel):
        return [
            tuple(point)
            for line in panel.lines
            if line.get_color() == "C0"
            for point in line.get_xydata()
        ]

    assert points(flute) == [(3, 1)] * 5  # six tracks are a box alone
    assert points(harp) == []
    assert figure.get_supxlabel() == "SNR, dB"
