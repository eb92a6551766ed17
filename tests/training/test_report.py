"""Table and stems of a run."""

import numpy as np
import pytest
import soundfile

from mss_keras.training import report


def test_scores_and_table():
    rng = np.random.default_rng(0)
    targets = rng.standard_normal((2, 20000, 1))
    targets[1] = 0
    noise = rng.standard_normal((20000, 1))
    estimates = {"bass": targets[0] + 0.1 * noise, "choir": noise}
    scores = report.score("valid", targets[0] + noise, targets=targets, estimates=estimates)
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
