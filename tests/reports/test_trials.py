"""Figures of a search, read from the axes."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.collections import Collection
from matplotlib.path import Path

from mss_keras.reports import figures, trials
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
    assert AXES[1].ticks() == [(0, "0.001"), (pytest.approx(0.5), "1"), (1, "1000")]
    assert AXES[2].ticks() == [(0, "a"), (1, "b")]
    assert Axis("layer", ["a"], choices=("a",)).heights() == [0]


def test_weights_have_a_panel_for_each_setting():
    figure = trials.weights(AXES, SCORES, "val_si_sdr, dB", title="a title")
    panels = figure.axes
    assert [panel.get_xscale() for panel in panels] == ["linear", "log", "linear"]
    assert [panel.get_xlabel() for panel in panels] == ["delta", "lambda", "feature_layers"]
    assert (figure.get_supylabel(), figure.get_suptitle()) == ("val_si_sdr, dB", "a title")
    drawn, best = panels[1].collections
    assert points(drawn) == [list(place) for place in zip(AXES[1].values, SCORES, strict=True)]
    assert points(best) == [[1, 1]]
    assert points(panels[2].collections[0]) == [[1, 1], [0, 0], [1, -1], [0, -3]]
    for panel, axis in zip(panels[:2], AXES, strict=False):
        left, right = panel.get_xlim()
        assert left < axis.low < axis.high < right


def test_weights_of_many_settings_have_several_rows():
    """A figure is as wide as a page, and its panels can be read."""
    figure = trials.weights([*AXES, *AXES[:2]], SCORES, "dB")
    assert figure.get_figwidth() == figures.WIDTH
    assert [panel.get_visible() for panel in figure.axes] == [True] * 5 + [False]
    figures.as_image(figure)
    tops = [panel.get_window_extent().y1 for panel in figure.axes[:5]]
    assert tops[0] == tops[1] == tops[2] > tops[3] == tops[4]


@pytest.mark.parametrize(
    ("choices", "rotation"),
    [
        (("conv1+conv2", "conv4_2", "conv1+conv2+conv3_1+conv3_2"), 0),
        (tuple("abcdefghijklmn"), 0),
        (tuple(f"conv{i}_1" for i in range(8)), 90),
    ],
)
def test_names_of_choices_do_not_touch(choices, rotation):
    axis = Axis("layers", [choices[0]] * 4, choices=choices)
    figure = trials.weights([axis, *AXES[:2]], SCORES, "dB")
    figures.as_image(figure)
    labels = figure.axes[0].get_xticklabels()
    assert {label.get_rotation() for label in labels} == {rotation}
    extents = [label.get_window_extent() for label in labels]
    assert not any(a.overlaps(b) for a, b in pairwise(extents))


def pieces(panel) -> list[np.ndarray]:
    """The drawn pieces of each trial's line, `[pieces, 2, (place, level)]`, the best first."""
    lines = [line for line in panel.lines if np.isnan(line.get_ydata()).any()]
    return [line.get_xydata().reshape(-1, 3, 2)[:, :2] for line in lines[::-1]]


def test_coordinates_have_a_line_for_each_trial():
    figure = trials.coordinates(AXES, SCORES, "val_si_sdr, dB", title="a title")
    (panel,) = figure.axes
    found = pieces(panel)
    expected = [*zip(*(axis.heights() for axis in AXES), [1, 0.75, 0.5, 0], strict=True)]
    for line, places in zip(found, expected, strict=True):
        np.testing.assert_allclose(line[:, 0, 0], places[:-1])
        np.testing.assert_allclose(line[:, 1, 0], places[1:])
        np.testing.assert_allclose(line[:, 1, 1], [1, 2, 3])
    widths = [line.get_linewidth() for line in panel.lines if np.isnan(line.get_ydata()).any()]
    assert widths == [1.2, 1.2, 1.2, 3]  # the best is drawn last, on top
    names = [tick.get_text() for tick in panel.get_yticklabels()]
    assert names == ["delta", "lambda", "feature_layers", "val_si_sdr, dB"]
    assert figure.get_suptitle() == "a title"


@pytest.mark.parametrize("count", [1, 3, 5])
def test_no_line_of_coordinates_goes_through_a_number(count):
    rng = np.random.default_rng(0)
    settings = [*AXES, *AXES][:count]
    drawn = [
        dataclasses.replace(axis, values=[rng.choice(axis.choices) for _ in range(30)])
        if axis.choices
        else dataclasses.replace(axis, values=list(rng.uniform(axis.low, axis.high, 30)))
        for axis in settings
    ]
    figure = trials.coordinates(drawn, sorted(rng.normal(size=30), reverse=True), "dB")
    figures.as_image(figure)
    (panel,) = figure.axes
    numbers = [text.get_window_extent() for text in panel.texts]
    assert len(numbers) == sum(len(axis.ticks()) for axis in drawn) + 3
    for line in pieces(panel):
        for piece in line:
            path = Path(panel.transData.transform(piece))
            assert not any(path.intersects_bbox(box, filled=False) for box in numbers)


def test_coordinates_of_one_trial():
    axis = Axis("lambda", [1.0], low=1e-3, high=1e3, log=True)
    (line,) = pieces(trials.coordinates([axis], [2.0], "dB").axes[0])
    np.testing.assert_allclose(line[0, :, 0], [0.5, 0])


def test_progress_shows_the_best_so_far_and_what_failed():
    (panel,) = trials.progress([-3.0, None, -1.0, -2.0, 1.0], "val_si_sdr, dB").axes
    np.testing.assert_array_equal(panel.lines[0].get_ydata(), [-3, -3, -1, -1, 1])
    drawn, failed = panel.collections
    assert [place for place in points(drawn) if place[1] is not None] == [
        *([1, -3], [3, -1], [4, -2], [5, 1])
    ]
    assert points(failed) == [[2, -3]]
