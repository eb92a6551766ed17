"""Heat maps, read from the figure."""

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from mss_keras.reports.heatmap import heatmap

VALUES = np.array([[5.0, 0.1], [7.0, 0.2], [6.0, np.nan]])


def shades_of(figure: Figure) -> np.ndarray:
    """0 for the best value of a column, 1 for the worst."""
    return np.ma.asarray(figure.axes[0].images[0].get_array()).filled(np.nan)


def test_each_column_goes_from_its_best_to_its_worst():
    """Of decibels the larger is better, of losses the smaller."""
    figure = heatmap(VALUES, ["a", "b", "c"], ["sdr", "l1"], ratios=["sdr"], labels=("y", "x"))
    panel = figure.axes[0]
    expected = np.array([[1, 0], [0, 1], [0.5, np.nan]])
    np.testing.assert_allclose(shades_of(figure), expected)
    assert [tick.get_text() for tick in panel.get_xticklabels()] == ["sdr", "l1"]
    assert [tick.get_text() for tick in panel.get_yticklabels()] == ["a", "b", "c"]
    assert (panel.get_ylabel(), panel.get_xlabel(), panel.get_title()) == ("y", "x", "")


def test_numbers_can_be_read_on_their_colours():
    figure = heatmap(VALUES[:2], ["a", "b"], ["sdr", "l1"], ratios=["sdr"], title="a title")
    panel = figure.axes[0]
    assert panel.get_title() == "a title"
    numbers = {text.get_text(): text.get_color() for text in panel.texts}
    assert list(numbers) == ["5.00", "0.1", "7.00", "0.2"]
    colors = panel.images[0].to_rgba(shades_of(figure)).reshape(-1, 4)
    for color, background in zip(numbers.values(), colors, strict=True):
        contrast = abs(np.mean(to_rgb(color)) - np.mean(background[:3]))
        assert contrast > 0.3


def test_a_column_of_one_value_is_all_best():
    assert not shades_of(heatmap(np.ones((2, 1)), ["a", "b"], ["l1"])).any()
