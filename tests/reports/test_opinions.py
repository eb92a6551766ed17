"""Figures of listening tests, read from their axes."""

import math

import numpy as np
import pytest
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from mss_keras.reports import figures, opinions
from mss_keras.reports.opinions import Cloud, Estimate

NONE = Estimate(math.nan, math.nan, math.nan)


def places(line: Line2D) -> list:
    """Places of the points of a line."""
    return np.asarray(line.get_xydata()).tolist()


def test_mean_ratings_have_the_best_on_top():
    panels = {
        "all": {
            "a": Estimate(40, 30, 50),
            "b": Estimate(60, 50, 70),
            "mixture": Estimate(20, 1, 39),
        },
        "bass": {"a": Estimate(45, math.nan, math.nan), "b": Estimate(55, 50, 60)},
    }
    figure = opinions.mean_ratings(
        panels, label="rating", limits=(0, 100), plain=["mixture"], note="Simulated"
    )
    first, bass = figure.axes
    assert [tick.get_text() for tick in first.get_yticklabels()] == ["mixture", "a", "b"]
    assert [panel.get_title() for panel in figure.axes] == ["all", "bass"]
    assert [places(line) for line in bass.lines] == [[[45, 1]], [[50, 2], [60, 2]], [[55, 2]]]
    assert first.lines[0].get_color() != first.lines[2].get_color()
    assert figure.get_suptitle() == "Simulated"
    assert first.get_xlim() == (-4, 104)


def test_bars_of_correlations():
    overall = {"sdr": Estimate(0.8, 0.6, 0.9), "l1": Estimate(-0.2, -0.5, 0.1), "none": NONE}
    figure = opinions.correlation_bars(
        overall, {"bass": {"sdr": 0.7, "l1": math.nan}}, label="agreement"
    )
    (panel,) = figure.axes
    assert [tick.get_text() for tick in panel.get_yticklabels()] == ["l1", "sdr"]
    assert [bar.get_width() for bar in panel.patches if isinstance(bar, Rectangle)] == [-0.2, 0.8]
    assert panel.get_xlim() == pytest.approx((-0.55, 1.02))
    points = next(line for line in panel.lines if line.get_label() == "bass")
    assert places(points) == [[0.7, 1]]
    assert figure.get_suptitle() == ""


def test_a_scatter_has_the_line_of_least_squares():
    ratings = [10.0, 20, 30, 50]
    clouds = [
        Cloud([1.0, 2, 3, math.nan], "sdr: 1.00", "sdr, dB"),
        Cloud([math.nan] * 4, "l1: none", "l1"),
        Cloud([2.0] * 4, "l2: none", "l2"),
        Cloud([1.0, 2, 3, 5], "snr: 1.00", "snr, dB"),
    ]
    figure = opinions.scatter(
        clouds, ratings, systems=list("aabb"), sources=["bass"] * 4, label="rating"
    )
    shown = figure.axes[:4]
    assert [panel.get_xlabel() for panel in shown] == ["sdr, dB", "l1", "l2", "snr, dB"]
    assert [len(panel.lines) for panel in shown] == [3 + 1, 0, 4, 4 + 1]
    np.testing.assert_allclose(places(shown[0].lines[-1]), [[1, 10], [3, 30]])
    colors = [point.get_color() for point in shown[3].lines[:4]]
    assert colors[0] == colors[1] != colors[2]
    assert not figure.axes[4].axison
    assert figures.as_image(figure).any()


def test_a_note_is_not_cut_off():
    one = {"all": {"a": Estimate(40, 30, 50)}}
    cloud = Cloud([1.0, 2, 3], "sdr", "sdr, dB")
    note = "Simulated: no person has heard this; the ratings are computed."
    drawn = (
        opinions.mean_ratings(one, label="rating", limits=(0, 100), note=note),
        opinions.correlation_bars(one["all"], {}, label="agreement", note=note),
        opinions.scatter(
            [cloud], [1, 2, 3], systems="aaa", sources="bbb", label="rating", note=note
        ),
    )
    for figure in drawn:
        figures.as_image(figure)  # which lays it out
        extent = figure._suptitle.get_window_extent()  # type: ignore[attr-defined]
        assert 0 <= extent.x0 < extent.x1 <= figure.bbox.width


def test_nothing_has_a_correlation():
    figure = opinions.correlation_bars({"sdr": NONE}, {}, label="agreement")
    assert not figure.axes[0].patches
    assert figures.as_image(figure).any()
