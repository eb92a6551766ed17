"""Heat maps, read from the figure."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mss_keras.reports import figures
from mss_keras.reports.heatmap import Column, heatmap

SDR = Column("SDR mean", np.array([5.0, 7.0, 6.0]), larger=True, decibels=True)
L1 = Column("l1_time", np.array([0.1, 0.2, np.nan]))
# The names of a benchmark, the longest included.
LOSSES = (
    *("l1_time", "l2_time", "sisdr_time", "sdsdr_time", "logl1_time", "logl2_time"),
    *("multi_resolution_stft", "l1_freq", "l2_freq", "sisdr_freq", "logl1_freq", "logl2_freq"),
    *("dissimilarity_freq", "psa", "snr_psa", "l1_mask", "l2_mask"),
    *("cross_entropy_mask", "binary_cross_entropy_mask"),
)


def cells(panel: Axes) -> list[Rectangle]:
    return [patch for patch in panel.patches if isinstance(patch, Rectangle)]


def texts(panel: Axes) -> list[str]:
    return [text.get_text() for text in panel.texts]


def labels(panel: Axes) -> list[str]:
    return [tick.get_text().replace("\n", " ") for tick in panel.get_xticklabels()]


def panels(figure: Figure) -> list[Axes]:
    """Those of numbers; the last is the scale."""
    return figure.axes[:-1]


def test_each_column_goes_from_its_best_to_its_worst():
    """Of ratios the larger is better, of losses the smaller; both are told by an arrow."""
    np.testing.assert_allclose(SDR.shades(), [1, 0, 0.5])
    np.testing.assert_allclose(L1.shades(), [0, 1, np.nan])
    (panel,) = panels(heatmap([L1, SDR], ["a", "b", "c"], title="a title"))
    assert labels(panel) == ["SDR mean ↑", "l1_ time ↓"]
    assert [tick.get_text() for tick in panel.get_yticklabels()] == ["a", "b", "c"]
    assert texts(panel) == ["5.00", "7.00", "6.00", "0.100", "0.200", "–"]
    assert [text.get_fontweight() for text in panel.texts] == [
        *("normal", "bold", "normal", "bold", "normal", "normal")
    ]


def test_ratios_stand_apart():
    (panel,) = panels(heatmap([L1, SDR, SDR], ["a", "b", "c"], title="a title"))
    left = [cell.get_x() for cell in cells(panel)[::3]]
    widths = {cell.get_width() for cell in cells(panel)}
    assert (left[1] - left[0], widths) == (1, {1})
    assert left[2] - left[1] > 1.2


@pytest.mark.parametrize(
    ("column", "worst"),
    [
        (Column("sdr", np.array([6.02, 6.0, 5.97]), larger=True, decibels=True), 0.05),
        (Column("sisdr", np.array([-0.01, 0.0, 0.04]), decibels=True), 0.05),
        (Column("l1", np.array([0.05, 0.0501, 0.0502])), 0.04),
        (Column("zero", np.zeros(3)), 0),
    ],
)
def test_ties_are_not_blown_up(column, worst):
    assert column.shades()[0] == 0
    np.testing.assert_allclose(column.shades().max(), worst, rtol=0.01)


def test_impossible_values_are_hatched_and_the_others_are_told_apart():
    values = np.array([0.1, 0.2, np.inf, 1e30, np.nan, -np.inf])
    column = Column("l1", values)
    np.testing.assert_allclose(column.shades(), [0, 1, *[np.nan] * 4])
    (panel,) = panels(heatmap([column], list("abcdef"), title="a title"))
    assert texts(panel) == ["0.100", "0.200", "∞", "1e+30", "–", "−∞"]
    assert [bool(cell.get_hatch()) for cell in cells(panel)] == [False] * 2 + [True] * 4
    decibels = Column("sdr", np.array([6.0, -250.0, 5.0]), larger=True, decibels=True)
    np.testing.assert_allclose(decibels.shades(), [0, np.nan, 1])


def test_numbers_are_short():
    values = np.array([0.0, 0.06, 12, 123, 999.6, 1234, 12345, 0.0000123, -0.00123])
    expected = ["0", "0.0600", "12.0", "123", "1000", "1234", "12345", "1e-05", "-0.00123"]
    assert Column("l1", values).texts() == expected


def test_a_column_without_numbers():
    none = Column("gone", np.full(3, np.nan))
    (panel,) = panels(heatmap([SDR, none], ["a", "b", "c"], title="a title"))
    assert texts(panel)[3:] == ["–"] * 3
    assert all(cell.get_hatch() for cell in cells(panel)[3:])


def test_of_one_row_nothing_is_the_best():
    (panel,) = panels(heatmap([Column("l1", np.ones(1))], ["a"], title="a title"))
    assert [text.get_fontweight() for text in panel.texts] == ["normal"]


def test_numbers_that_read_alike_are_the_best_together():
    """The table beside the picture calls both the best."""
    alike = Column("l1_time", np.array([0.12300001, 0.123, 0.2]))
    (panel,) = panels(heatmap([alike], ["a", "b", "c"], title="a title"))
    assert [text.get_fontweight() for text in panel.texts] == ["bold", "bold", "normal"]


def test_numbers_can_be_read_on_their_colours():
    column = Column("l1", np.linspace(1, 2, 12))
    (panel,) = panels(heatmap([column], list("abcdefghijkl"), title="a title"))
    for text, cell in zip(panel.texts, cells(panel), strict=True):
        pair = [np.array(to_rgb(x)) for x in (text.get_color(), cell.get_facecolor())]
        linear = [np.where(x > 0.03928, ((x + 0.055) / 1.055) ** 2.4, x / 12.92) for x in pair]
        bright, dark = sorted((x @ [0.2126, 0.7152, 0.0722] for x in linear), reverse=True)
        assert (bright + 0.05) / (dark + 0.05) > 4.5  # WCAG, AA


@pytest.mark.parametrize("rows", [1, 18])
def test_the_benchmark_can_be_read(rows):
    """Labels are level and do not touch, and numbers stay in their cells."""
    names = list(LOSSES[:rows]) if rows > 1 else ["binary_cross_entropy_mask"]
    columns = [Column(name, np.full(rows, -0.00123)) for name in LOSSES]
    figure = heatmap([*columns, Column("SDR", np.ones(rows), larger=True)], names, title="a title")
    figures.as_image(figure)  # gives everything its place
    assert figure.get_suptitle() == "a title"
    drawn = panels(figure)
    assert [len(labels(panel)) for panel in drawn] == [10, 10]
    for panel in drawn:
        assert {label.get_rotation() for label in panel.get_xticklabels()} == {0}
        boxes = [label.get_window_extent() for label in panel.get_xticklabels()]
        assert not any(a.overlaps(b) for a, b in pairwise(boxes))
        for text, cell in zip(panel.texts, cells(panel), strict=True):
            inside, outside = text.get_window_extent(), cell.get_window_extent()
            assert inside.width < outside.width
            assert inside.height < outside.height
            assert float(text.get_fontsize()) >= 8


def test_labels_that_do_not_fit_stand_upright():
    columns = [Column(f"incomprehensibilities_{i}", np.ones(1)) for i in range(10)]
    (panel,) = panels(heatmap(columns, ["a"], title="a title"))
    assert {label.get_rotation() for label in panel.get_xticklabels()} == {90}
