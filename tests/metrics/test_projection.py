"""Frames as museval cuts them, and what counts in them."""

import numpy as np
import pytest
from museval_peer import metrics as museval_metrics

from mss_keras.metrics.projection import frame_ratios, frame_starts


@pytest.mark.parametrize("samples", [1, 9, 10, 11, 29, 30, 31])
@pytest.mark.parametrize(("window", "hop"), [(10, 10), (10, 3), (10, 15), (1, 1)])
def test_frames_are_those_of_museval(samples, window, hop):
    frames = list(museval_metrics.Framing(window, hop, samples))
    assert [frame.start for frame in frames] == list(frame_starts(samples, window, hop))


def test_tails_of_filters_count():
    """An impulse in the last sample of a frame, and a filter that delays it out of it."""
    y_true = np.zeros((1, 20, 1))
    y_true[0, [9, 10]] = 1
    y_pred = np.full((1, 20, 1), 0.5)
    filters = np.zeros((4, 1, 1, 1))
    filters[3] = 2  # frame 0: y [.. 1], e_spat = 2 at sample 12 less y, e_artif = ŷ less that
    ratios, sounding = frame_ratios(
        y_true,
        y_pred,
        own=filters,
        every=filters[:, 0],
        finite=np.ones(1, bool),
        window=10,
        hop=10,
    )
    wanted = {"sdr": 1 / (0.25 * 10 - 1 + 1), "isr": 1 / 5, "sir": np.inf, "sar": 4 / 6.5}
    assert ratios[:, 0, 0] == pytest.approx([10 * np.log10(x) for x in wanted.values()])
    assert ratios[3, 0, 1] == pytest.approx(10 * np.log10(4 / (0.25 * 9 + 1.5**2)))
    assert sounding.all()
