"""Audio files to `tf.data` examples.

musdb.py       official facts: validation tracks, stems, sample set, the demo excerpt
tracks.py      finding the tracks of a data set, reading headers
check.py       everything that is wrong with a data set
prepare.py     .stem.mp4 to WAV, the demonstration's data, download
decode.py      any audio file as a waveform
excerpts.py    excerpts as arrays; WAV where there were stems
readers.py     excerpts in graph ops, from disk or memory
pipeline.py    the pipeline as numbered stages
statistics.py  mean and standard deviation a frequency bin
"""

from mss_keras.data.check import Finding, check
from mss_keras.data.decode import decode
from mss_keras.data.excerpts import as_wav, excerpt
from mss_keras.data.pipeline import (
    excerpt_samples,
    steps_per_epoch,
    tracks_of,
    training_examples,
    validation_examples,
)
from mss_keras.data.prepare import download, make_demo, prepare
from mss_keras.data.statistics import Statistics, compute_statistics
from mss_keras.data.tracks import AudioFile, MusicSet, Track, open_set

__all__ = [
    "AudioFile",
    "Finding",
    "MusicSet",
    "Statistics",
    "Track",
    "as_wav",
    "check",
    "compute_statistics",
    "decode",
    "download",
    "excerpt",
    "excerpt_samples",
    "make_demo",
    "open_set",
    "prepare",
    "steps_per_epoch",
    "tracks_of",
    "training_examples",
    "validation_examples",
]
