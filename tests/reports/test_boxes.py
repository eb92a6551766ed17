"""Box plots, read from the figure."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.patches import PathPatch

from mss_keras.metrics import BSSEval, TrackScores
from mss_keras.reports import figures
from mss_keras.reports.boxes import boxes


def track(*sdr: float) -> TrackScores:
    """Scores of sources of which each frame has the same SDR; NaN has no score."""
    frames = np.array(sdr)[:, np.newaxis]
    silent = np.zeros((2, len(sdr), 1), bool)
    scores = BSSEval(frames, frames, frames, frames, silent, np.ones(len(sdr), bool))
    return TrackScores("a", ("flute", "harp", "horn")[: len(sdr)], scores)


def tracks(count: int, *sdr: float) -> list[TrackScores]:
    rng = np.random.default_rng(0)
    return [track(*(x + rng.normal() for x in sdr)) for _ in range(count)]


def points(panel) -> list[list[float]]:
    """Scores that are drawn, of each method from above."""
    return [drawn.get_offsets()[:, 0].tolist() for drawn in panel.collections]


def test_every_track_is_a_point_and_the_mean_has_a_panel():
    given = {"first": [track(1, 3), track(2, 6)], "second": [track(5, np.nan), track(4, 2)]}
    figure = boxes(given, "sdr", "SDR, dB", title="a title")
    mean, flute, harp = figure.axes
    assert points(flute) == [[1, 2], [5, 4]]
    assert points(harp) == [[3, 6], [2]]
    assert points(mean) == [[2, 4], [3]]  # a track without a score has no mean
    titles = [panel.get_title() for panel in figure.axes]
    assert titles == ["mean\nn = 1 to 2", "flute\nn = 2", "harp\nn = 1 to 2"]
    assert [tick.get_text() for tick in mean.get_yticklabels()] == ["first", "second"]
    assert (figure.get_suptitle(), flute.get_xlabel() or mean.get_xlabel()) == (
        "a title",
        "SDR, dB",
    )


def test_few_tracks_have_no_box_but_a_median():
    for count, expected in ((5, 0), (6, 1)):
        panel = boxes({"m": tracks(count, 1.0)}, "sdr", "SDR, dB").axes[0]
        assert len([x for x in panel.patches if isinstance(x, PathPatch)]) == expected
        values = points(panel)[0]
        assert len(values) == count
        medians = [line for line in panel.lines if line.get_color() == figures.COLORS[1]]
        places = [np.asarray(line.get_xdata())[0] for line in medians]
        np.testing.assert_allclose(places, [np.median(values)])


def test_oracles_and_the_mixture_stand_last_and_in_grey():
    given = {"irm": tracks(9, 8, 8), "mixture": tracks(9, 0, 0), "l2_freq": tracks(9, 4, 4)}
    figure = boxes(given, "sdr", "SDR, dB", apart=("ibm", "irm", "mixture"))
    panel = figure.axes[0]
    assert [tick.get_text() for tick in panel.get_yticklabels()] == ["l2_freq", "irm", "mixture"]
    colors = [np.asarray(drawn.get_facecolor())[0, :3].tolist() for drawn in panel.collections]
    assert colors[0] != colors[1] == colors[2]
    np.testing.assert_allclose(np.median(points(panel), axis=1), [4, 8, 0], atol=1)
    bottom, top = panel.get_ylim()
    assert bottom > top  # heights go down
    (line,) = (x for x in panel.lines if np.asarray(x.get_ydata()).tolist() == [0.5, 0.5])
    assert line.get_color() == figures.GREY
    (legend,) = figure.legends
    expected = ["a track", "median", "middle half of tracks", "irm, mixture"]
    assert [text.get_text() for text in legend.get_texts()] == expected


@pytest.mark.parametrize(("methods", "count"), [(1, 1), (12, 50), (2, 50), (3, 9)])
def test_nothing_hides_anything(methods, count):
    given = {f"binary_cross_entropy_mask_{i}": tracks(count, 4, 5, 6) for i in range(methods)}
    figure = boxes(given, "sdr", "SDR, dB")
    images = [figures.as_image(boxes(given, "sdr", "SDR, dB")) for _ in range(2)]
    np.testing.assert_array_equal(images[0], images[1])  # points are always shaken in the same way
    figures.as_image(figure)
    (legend,) = figure.legends
    shown = [panel.title for panel in figure.axes]
    shown += [x for panel in figure.axes for x in (panel.xaxis.label, *panel.get_xticklabels())]
    assert not any(legend.get_window_extent().overlaps(x.get_window_extent()) for x in shown)
    titles = [panel.title.get_window_extent() for panel in figure.axes]
    assert not any(a.overlaps(b) for a, b in pairwise(titles))
    for drawn in figure.axes[0].collections:
        heights = np.asarray(drawn.get_offsets())[:, 1]
        assert len(heights) == count
        assert np.ptp(heights) < 0.6
        assert len(np.unique(heights)) == (count if count > 5 else 1)


def test_a_single_source_has_no_mean():
    figure = boxes({"m": tracks(3, 1.0)}, "sdr", "SDR, dB")
    assert [panel.get_title() for panel in figure.axes] == ["flute\nn = 3"]


def test_ties_are_not_blown_up():
    figure = boxes({"a": [track(6.01, 5.0)], "b": [track(6.02, 5.01)]}, "sdr", "SDR, dB")
    assert np.ptp(figure.axes[0].get_xlim()) >= 1
    same = boxes({"a": [track(6.01)], "b": [track(6.02)]}, "sdr", "SDR, dB").axes[0]
    np.testing.assert_allclose(same.get_xlim(), [5.015, 7.015])


def test_a_source_without_any_score():
    figure = boxes({"m": [track(1.0, np.nan), track(2.0, np.nan)]}, "sdr", "SDR, dB")
    assert [panel.get_title() for panel in figure.axes] == [
        "mean\nn = 0",
        "flute\nn = 2",
        "harp\nn = 0",
    ]
