"""Scores of a run's excerpts, and their table."""

import numpy as np
import pytest

from mss_keras.training import scores


def test_scores_and_table():
    rng = np.random.default_rng(0)
    targets = rng.standard_normal((2, 20000, 1))
    targets[1] = 0
    noise = rng.standard_normal((20000, 1))
    estimates = {"bass": targets[0] + 0.1 * noise, "choir": noise}
    found = scores.score("valid", targets[0] + noise, targets=targets, estimates=estimates)
    assert found[0].estimate == pytest.approx(20, abs=0.2)
    assert found[0].mixture == pytest.approx(0, abs=0.2)
    assert found[0].improvement == pytest.approx(20, abs=0.3)
    assert np.isnan(found[1].improvement)
    assert scores.mean_of(found, "train") is None
    lines = scores.table(found).splitlines()
    assert len(lines) == 4
    assert "silent target" in lines[2]
    assert lines[3].split()[:2] == ["valid", "mean"]
    assert float(lines[3].split()[-1]) == pytest.approx(found[0].improvement, abs=0.01)
