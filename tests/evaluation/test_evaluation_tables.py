"""What an evaluation writes of its scores."""

import numpy as np
from matplotlib.figure import Figure

from mss_keras.evaluation import tables
from mss_keras.metrics import BSSEval, TrackScores
from mss_keras.reports import figures


def test_oracles_and_the_mixture_are_drawn_last(tmp_path, monkeypatch):
    drawn: list[Figure] = []
    monkeypatch.setattr(figures, "save", lambda figure, path: drawn.append(figure))
    ratio, silent = np.ones((2, 1)), np.zeros((2, 2, 1), bool)
    frames = BSSEval(ratio, ratio, ratio, ratio, silent, np.ones(2, bool))
    track = TrackScores("x", ("vocals", "rest"), frames)
    names = ("mixture", "estimates", "irm", "l2_freq", "mwf", "ibm")
    tables.write_evaluation({name: [track] for name in names}, tmp_path)
    labels = [tick.get_text() for tick in drawn[0].axes[0].get_yticklabels()]
    assert labels == ["estimates", "l2_freq", "mixture", "irm", "mwf", "ibm"]
