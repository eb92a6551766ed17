"""Training curves, read from the figure."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.text import Text

from mss_keras.reports import figures
from mss_keras.reports.curves import adversarial_from, curves


def history(epochs: int, **more: float) -> list[dict[str, float]]:
    return [
        {
            "epoch": epoch,
            "loss": 2 + 1 / epoch,
            "val_loss": 3 + 1 / epoch,
            "val_si_sdr": 1 - 1 / epoch,
            "val_snr": 2 - 1 / epoch,
            "learning_rate": 0.001,
            **more,
        }
        for epoch in range(1, epochs + 1)
    ]


def lines(panel: Axes) -> dict[str, list[float]]:
    """Values of the lines that the legend names."""
    drawn = {str(line.get_label()): np.asarray(line.get_ydata()).tolist() for line in panel.lines}
    return {name: values for name, values in drawn.items() if not name.startswith("_")}


def marks(panel: Axes) -> list[float]:
    """Where lines stand upright."""
    return [
        x[0]
        for line in panel.lines
        if len(set(x := np.asarray(line.get_xdata()).tolist())) == 1 and len(x) == 2
    ]


def panel_of(figure, name: str) -> Axes:
    (panel,) = (x for x in figure.axes if x.get_ylabel().replace("\n", " ") == name)
    return panel


def test_losses_ratios_and_learning_rate():
    figure = curves(history(3), "some_loss", best_epoch=2)
    loss, ratios, rate = figure.axes
    assert figure.get_suptitle() == "some_loss, best epoch: 2 of 3 (grey)"
    np.testing.assert_allclose(lines(loss)["validation"], [4, 3.5, 3 + 1 / 3])
    assert list(lines(loss)) == ["training", "validation"]
    assert list(lines(ratios)) == ["SI-SDR", "SNR"]
    np.testing.assert_array_equal(rate.lines[0].get_ydata(), [0.001] * 3)
    assert [marks(panel) for panel in figure.axes] == [[2]] * 3
    assert len({(x.get_color(), x.get_linestyle(), x.get_marker()) for x in loss.lines[:2]}) == 2


@pytest.mark.parametrize("epochs", [1, 2, 3, 12, 1000])
def test_the_axis_has_whole_epochs(epochs):
    figure = curves(history(epochs), "l2_freq")
    figures.as_image(figure)
    low, high = figure.axes[-1].get_xlim()
    assert low < 1
    assert epochs < high
    ticks = [x for x in figure.axes[-1].get_xticks() if low <= x <= high]
    assert ticks == [int(x) for x in ticks]
    assert 1 <= len(ticks) <= 12
    labels = [label.get_window_extent() for label in figure.axes[-1].get_xticklabels()]
    assert not any(a.overlaps(b) for a, b in pairwise(labels))
    markers = {line.get_marker() for line in figure.axes[0].lines[:2]}
    assert ("" in markers or "None" in markers) == (epochs > 30)  # one point is seen


def test_noise_is_not_shown_large():
    rng = np.random.default_rng(0)
    rows = [
        {
            "epoch": epoch,
            "loss": 1 + 1e-6 * rng.normal(),
            "val_loss": 1 + 1e-6 * rng.normal(),
            "val_si_sdr": -3 + 1e-3 * rng.normal(),
            "learning_rate": 1e-3,
        }
        for epoch in range(1, 9)
    ]
    loss, ratios, rate = curves(rows, "l2_freq").axes
    assert np.ptp(loss.get_ylim()) > 0.1
    assert np.ptp(ratios.get_ylim()) > 3
    assert rate.get_ylim()[0] <= 0


def test_axes_are_logarithmic_where_values_differ_much():
    rows = [{**row, "loss": 10.0 ** -row["epoch"]} for row in history(6)]
    figure = curves(rows, "l2_freq")
    figures.as_image(figure)
    assert figure.axes[0].get_yscale() == "log"
    low, high = figure.axes[0].get_ylim()
    texts = [
        tick.label1.get_text()
        for tick in figure.axes[0].yaxis.get_major_ticks()
        if low <= tick.get_loc() <= high
    ]
    assert len(texts) > 2
    assert "0.01" in texts  # no powers
    below = [{**row, "val_loss": -1.0} for row in rows]
    assert curves(below, "l2_freq").axes[0].get_yscale() == "linear"  # no logarithm
    assert curves(history(6), "l2_freq").axes[0].get_yscale() == "linear"


def test_terms_of_a_sum_and_norms_of_their_gradients():
    more = {"l2_freq": 1.0, "psa": 2.0, "val_l2_freq": 3.0, "val_psa": 4.0}
    figure = curves(history(2, **more, **{"gradient_norm/psa": 5.0}), "l2_freq + psa")
    assert lines(panel_of(figure, "terms")) == {
        "l2_freq": [1, 1],
        "psa": [2, 2],
        "l2_freq, validation": [3, 3],
        "psa, validation": [4, 4],
    }
    drawn = {line.get_label(): line for line in panel_of(figure, "terms").lines}
    assert drawn["psa"].get_color() == drawn["psa, validation"].get_color()
    assert drawn["psa"].get_linestyle() != drawn["psa, validation"].get_linestyle()
    assert lines(panel_of(figure, "norms of gradients")) == {"psa": [5, 5]}


def adversarial(epochs: int, begin: int) -> list[dict[str, float]]:
    kinds = {"real_paired": 1, "real_unpaired": 2, "fake_paired": 3, "fake_unpaired": 6}
    scores = {"score_real": 0.75, "score_fake": 0.05}
    more = {
        f"discriminator/{source}/{kind}": value * (1 + index)
        for index, source in enumerate(("vocals", "bass"))
        for kind, value in {**kinds, **scores}.items()
    }
    rows = history(epochs)
    return [{**row, **more} if row["epoch"] >= begin else row for row in rows]


def test_discriminators_and_the_beginning_of_their_phase():
    figure = curves(adversarial(6, 4), "adversarial")
    found = lines(panel_of(figure, "discriminators' losses"))
    np.testing.assert_array_equal(found["vocals"], [np.nan] * 3 + [3] * 3)
    np.testing.assert_array_equal(found["bass"], [np.nan] * 3 + [6] * 3)
    found = lines(panel_of(figure, "discriminators' scores"))
    np.testing.assert_array_equal(found["vocals, music"][3:], [0.75] * 3)
    np.testing.assert_array_equal(found["bass, estimates"][3:], [0.1] * 3)
    assert panel_of(figure, "discriminators' scores").get_yscale() == "linear"
    for panel in figure.axes:
        assert marks(panel) == [3.5, 6]
    assert [x.get_text() for x in figure.axes[0].texts] == ["adversarial from epoch 4"]
    figures.as_image(figure)
    (title,) = (x for x in figure.findobj(Text) if x.get_text() == figure.get_suptitle())
    text = figure.axes[0].texts[0]
    assert not title.get_window_extent().overlaps(text.get_window_extent())


def test_the_best_epoch_is_one_of_the_last_phase():
    rows = adversarial(6, 4)
    rows[1]["val_loss"], rows[4]["val_loss"] = 0.1, 0.2
    assert curves(rows, "adversarial").get_suptitle() == "adversarial, best epoch: 5 of 6 (grey)"
    assert curves(history(3), "l2_freq").get_suptitle() == "l2_freq, best epoch: 3 of 3 (grey)"


def test_where_the_adversarial_phase_begins():
    assert adversarial_from(adversarial(3, 1)) == 1
    assert adversarial_from(history(3)) is None
    empty = [{**row, "discriminator/bass/score_real": np.nan} for row in history(2)]
    assert adversarial_from([*empty, *adversarial(3, 3)[2:]]) == 3
