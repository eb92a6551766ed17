"""Table, pictures and stems of a run."""

import numpy as np
import pytest
import soundfile

from mss_keras.config import AudioConfig
from mss_keras.reports import figures
from mss_keras.training import report

AUDIO = AudioConfig(nfft=512, nhop=256)


def test_scores_and_table():
    rng = np.random.default_rng(0)
    targets = rng.standard_normal((2, 20000, 1))
    targets[1] = 0
    noise = rng.standard_normal((20000, 1))
    estimates = {"bass": targets[0] + 0.1 * noise, "choir": noise}
    scores = report.score("valid", targets[0] + noise, targets, estimates)
    assert scores[0].estimate == pytest.approx(20, abs=0.2)
    assert scores[0].mixture == pytest.approx(0, abs=0.2)
    assert scores[0].improvement == pytest.approx(20, abs=0.3)
    assert np.isnan(scores[1].improvement)
    lines = report.table(scores).splitlines()
    assert len(lines) == 4
    assert "silent target" in lines[2]
    assert lines[3].split()[:2] == ["valid", "mean"]
    assert float(lines[3].split()[-1]) == pytest.approx(scores[0].improvement, abs=0.01)


def test_stems_are_whole_floats(tmp_path):
    stem = np.random.default_rng(0).uniform(-2, 2, (1000, 2)).astype(np.float32)
    report.write_stems({"bass": stem}, tmp_path / "stems", 22050)
    found, rate = soundfile.read(tmp_path / "stems/bass.wav", dtype="float32")
    assert rate == 22050
    np.testing.assert_array_equal(found, stem)  # not rescaled, not clipped
    assert [p.name for p in (tmp_path / "stems").iterdir()] == ["bass.wav"]


def test_pictures_show_what_they_are_given(tmp_path, excerpt):
    mixture, sources = excerpt["mixture"][:44100], excerpt["sources"][:, :44100]
    silence = {name: np.zeros((44100, 2)) for name in "abcd"}
    same = dict(zip("abcd", sources, strict=True))
    images = [figures.spectrogram_image(mixture, sources, x, AUDIO) for x in (silence, same)]
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
    figure = figures.curves(rows, "some_loss")
    panels = figure.get_axes()
    assert panels[0].get_ylabel() == "some_loss"
    assert panels[0].get_yscale() == "linear"  # a loss below 0 has no logarithm
    np.testing.assert_array_equal(panels[0].lines[1].get_ydata(), [-2, -1, -2 / 3])
    figures.save(figure, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"
