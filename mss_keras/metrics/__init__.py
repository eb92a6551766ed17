"""Metrics of separated stems; see README.md. Only streaming.py imports TensorFlow."""

from typing import TYPE_CHECKING, Any

from mss_keras.metrics.bsseval import BSSEval, bss_eval
from mss_keras.metrics.scores import TrackScores, read_scores
from mss_keras.metrics.summary import Summary, summarize
from mss_keras.metrics.waveforms import AudioFiles
from mss_keras.metrics.whole_track import whole_track

if TYPE_CHECKING:
    from mss_keras.metrics.streaming import SISDR, SNR, si_sdr, snr

__all__ = [
    "SISDR",
    "SNR",
    "AudioFiles",
    "BSSEval",
    "Summary",
    "TrackScores",
    "bss_eval",
    "read_scores",
    "si_sdr",
    "snr",
    "summarize",
    "whole_track",
]


def __getattr__(name: str) -> Any:
    # Late, so that processes that score need not import TensorFlow.
    if name in __all__:
        from mss_keras.metrics import streaming

        return getattr(streaming, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
