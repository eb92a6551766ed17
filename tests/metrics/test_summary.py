"""Median of frames, median of tracks."""

import dataclasses

import numpy as np
import pytest

from mss_keras.config import UserError
from mss_keras.metrics import BSSEval, TrackScores, summarize
from mss_keras.metrics.bsseval import RATIOS

NAN = np.nan


def track(name, frames):
    """The same `[sources, frames]` for all ratios."""
    values = np.array(frames, float)
    return TrackScores(
        track=name,
        sources=("vocals", "drums"),
        bsseval=BSSEval(
            **dict.fromkeys(RATIOS, values),
            silent=np.zeros((2, *values.shape), bool),
            finite=np.ones(2, bool),
        ),
        whole_track={"snr": values[:, 0]},
    )


TRACKS = [
    track("a", [[1, 2, 9], [NAN, NAN, NAN]]),
    track("b", [[4, NAN], [1, np.inf]]),
    track("c", [[7, 7], [2, 4]]),
]


def test_medians_of_medians():
    summary = summarize(TRACKS)
    assert summary.median["vocals"]["sdr"] == 4  # of 2, 4, 7
    assert summary.mean["vocals"]["sdr"] == pytest.approx(13 / 3)
    assert summary.median["drums"]["sar"] == 2  # of 1, 3
    assert summary.median["vocals"]["snr"] == 4  # of 1, 4, 7


def test_what_is_left_out_is_counted():
    summary = summarize(TRACKS)
    assert (summary.tracks, summary.frames) == (3, 7)
    assert summary.nan_frames == {"vocals": 1, "drums": 3}
    assert summary.without_score == {"vocals": (), "drums": ("a",)}


def test_tracks_that_differ_are_named():
    other = dataclasses.replace(TRACKS[0], track="x", sources=("vocals", "bass"))
    with pytest.raises(UserError, match=r"^track x: found .*bass.* as a has"):
        summarize([*TRACKS, other])
    with pytest.raises(UserError, match=r"^tracks: found \[\], wanted at least one"):
        summarize([])
