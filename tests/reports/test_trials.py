"""Figures of a search, read from the axes."""

import numpy as np
import pytest
from matplotlib.collections import Collection

from mss_keras.reports import trials
from mss_keras.reports.trials import Axis

SCORES = [1.0, 0.0, -1.0, -3.0]
AXES = [
    Axis("delta", [0.5, 1.0, 2.0, 0.0], low=0, high=2),
    Axis("lambda", [1.0, 0.001, 1000.0, 10.0], low=1e-3, high=1e3, log=True),
    Axis("feature_layers", ["b", "a", "b", "a"], choices=("a", "b")),
]


def points(drawn: Collection) -> list:
    """Places of the points of a scatter plot; one that is not drawn is masked."""
    return np.ma.asarray(drawn.get_offsets()).tolist()


def test_places_of_values_on_an_axis():
    assert AXES[0].heights() == [0.25, 0.5, 1, 0]
    assert AXES[1].heights() == pytest.approx([0.5, 0, 1, 2 / 3])
    assert AXES[2].heights() == [1, 0, 1, 0]
    assert AXES[1].ticks() == [(0, "0.001"), (pytest.approx(0.5), "1"), (1, "1e+03")]
    assert AXES[2].ticks() == [(0, "a"), (1, "b")]
    assert Axis("layer", ["a"], choices=("a",)).heights() == [0]


def test_weights_have_a_panel_for_each_setting():
    panels = trials.weights(AXES, SCORES, "val_si_sdr, dB").axes
    assert [panel.get_xscale() for panel in panels] == ["linear", "log", "linear"]
    assert [panel.get_xlabel() for panel in panels] == ["delta", "lambda", "feature_layers"]
    assert panels[0].get_ylabel() == "val_si_sdr, dB"
    drawn, best = panels[1].collections
    assert points(drawn) == [list(place) for place in zip(AXES[1].values, SCORES, strict=True)]
    assert points(best) == [[1, 1]]
    assert points(panels[2].collections[0]) == [[1, 1], [0, 0], [1, -1], [0, -3]]
    for panel, axis in zip(panels[:2], AXES, strict=False):
        left, right = panel.get_xlim()
        assert left < axis.low < axis.high < right


def test_coordinates_have_a_line_for_each_trial():
    panel = trials.coordinates(AXES, SCORES, "val_si_sdr, dB").axes[0]
    lines = [line for line in panel.lines if np.size(line.get_xdata()) == 4]
    heights = np.array([line.get_ydata() for line in lines])
    expected = [*zip(*(axis.heights() for axis in AXES), strict=True)]
    np.testing.assert_allclose(heights[::-1, :3], expected)  # the best is drawn last, on top
    np.testing.assert_allclose(heights[::-1, 3], [1, 0.75, 0.5, 0])
    widths = [line.get_linewidth() for line in lines]
    assert widths == [1.2, 1.2, 1.2, 3]
    assert [tick.get_text() for tick in panel.get_xticklabels()][-1] == "val_si_sdr, dB"


def test_coordinates_of_one_trial():
    axis = Axis("lambda", [1.0], low=1e-3, high=1e3, log=True)
    panel = trials.coordinates([axis], [2.0], "dB").axes[0]
    (line,) = (line for line in panel.lines if line.get_linewidth() == 3)
    np.testing.assert_allclose(np.asarray(line.get_ydata()), [0.5, 0])


def test_progress_shows_the_best_so_far_and_what_failed():
    (panel,) = trials.progress([-3.0, None, -1.0, -2.0, 1.0], "val_si_sdr, dB").axes
    np.testing.assert_array_equal(panel.lines[0].get_ydata(), [-3, -3, -1, -1, 1])
    drawn, failed = panel.collections
    assert [place for place in points(drawn) if place[1] is not None] == [
        *([1, -3], [3, -1], [4, -2], [5, 1])
    ]
    assert points(failed) == [[2, -3]]
