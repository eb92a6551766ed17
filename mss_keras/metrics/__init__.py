"""What is reported about separated stems.

bsseval.py       BSSEval v4, equal to museval's
correlations.py  correlations of targets and estimates up to some lag
toeplitz.py      block-Toeplitz systems
projection.py    energies of an estimate's parts, frame by frame
whole_track.py   SI-SDR, SD-SDR and SNR of a whole track
waveforms.py     tracks that are read a piece at a time
scores.py        scores of a track, in museval's files
summary.py       median of frames, median of tracks
streaming.py     SI-SDR and SDR in TensorFlow, and as Keras metrics

Only streaming.py imports TensorFlow.
"""

from typing import TYPE_CHECKING, Any

from mss_keras.metrics.bsseval import BSSEval, bss_eval
from mss_keras.metrics.scores import TrackScores, read_scores
from mss_keras.metrics.summary import Summary, summarize
from mss_keras.metrics.waveforms import AudioFiles
from mss_keras.metrics.whole_track import whole_track

if TYPE_CHECKING:
    from mss_keras.metrics.streaming import SDR, SISDR, sdr, si_sdr

__all__ = [
    "SDR",
    "SISDR",
    "AudioFiles",
    "BSSEval",
    "Summary",
    "TrackScores",
    "bss_eval",
    "read_scores",
    "sdr",
    "si_sdr",
    "summarize",
    "whole_track",
]


def __getattr__(name: str) -> Any:
    # Late, so that processes that score need not import TensorFlow.
    if name in __all__:
        from mss_keras.metrics import streaming

        return getattr(streaming, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
