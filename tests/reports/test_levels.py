"""The picture of levels."""

import numpy as np
import pytest

from mss_keras.reports.levels import Loudness, levels

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def panels():
    loud = list(RNG.normal(-20, 3, 51))
    sounds = [Loudness("mixture", loud, 0.0, 0.3), Loudness("choir", [], 1.0, 0.0)]
    return levels(sounds, silence=-60.0).axes


def test_every_example_is_a_point_and_the_median_a_line(panels):
    points, median, *_ = panels[0].lines
    assert len(points.get_xdata()) == 51
    assert set(median.get_xdata()) == {np.median(points.get_xdata())}
    low, high = panels[0].get_xlim()
    assert low < points.get_xdata().min()
    assert high == 0


def test_the_first_is_on_top_and_its_shares_beside_it(panels):
    assert [label.get_text() for label in panels[0].get_yticklabels()] == ["mixture", "choir"]
    bottom, top = panels[0].get_ylim()
    assert bottom > top
    assert [text.get_text() for text in panels[1].texts] == ["0%", "30%", "100%", "0%"]


def test_what_is_silent_throughout_is_called_so(panels):
    assert [text.get_text() for text in panels[0].texts] == ["all silent"]
    (panel, _) = levels([Loudness("choir", [], 1.0, 0.0)], silence=-60.0).axes
    assert np.isfinite(panel.get_xlim()).all()
