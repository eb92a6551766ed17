"""Audio files to `tf.data` examples.

musdb.py       official facts: validation tracks, stems, sample set, the demo excerpt
chunks.py      which WAV files tensorflow-io can read
tracks.py      finding the tracks of a data set, reading headers
checks.py      everything that is wrong with a data set
stems.py       .stem.mp4 to WAV
fetch.py       the demonstration's data, download
resampling.py  sample rates
decoding.py    any audio file as a waveform, in blocks
encoding.py    stems to audio files
listing.py     songs named on a command line
excerpts.py    excerpts as arrays; WAV where there were stems
readers.py     excerpts in graph ops, from disk or memory
unpaired.py    mixtures without stems and recordings without mixtures
pipeline.py    the pipeline as numbered stages
statistics.py  mean and standard deviation a frequency bin
"""

from typing import TYPE_CHECKING, Any

from mss_keras.data.checks import Finding, check
from mss_keras.data.decoding import Song, decode
from mss_keras.data.encoding import stem_files
from mss_keras.data.excerpts import as_wav, excerpt
from mss_keras.data.fetch import download, make_demo
from mss_keras.data.listing import find_songs
from mss_keras.data.stems import prepare
from mss_keras.data.tracks import AudioFile, MusicSet, Track, open_set

if TYPE_CHECKING:
    from mss_keras.data.pipeline import (
        excerpt_samples,
        steps_per_epoch,
        tracks_of,
        training_examples,
        validation_examples,
    )
    from mss_keras.data.statistics import Statistics, compute_statistics
    from mss_keras.data.unpaired import Unpaired, open_unpaired

__all__ = [
    "AudioFile",
    "Finding",
    "MusicSet",
    "Song",
    "Statistics",
    "Track",
    "Unpaired",
    "as_wav",
    "check",
    "compute_statistics",
    "decode",
    "download",
    "excerpt",
    "excerpt_samples",
    "find_songs",
    "make_demo",
    "open_set",
    "open_unpaired",
    "prepare",
    "stem_files",
    "steps_per_epoch",
    "tracks_of",
    "training_examples",
    "validation_examples",
]


def __getattr__(name: str) -> Any:
    # Late, so that data can be prepared and checked without importing TensorFlow.
    if name in ("Statistics", "compute_statistics"):
        from mss_keras.data import statistics

        return getattr(statistics, name)
    if name in ("Unpaired", "open_unpaired"):
        from mss_keras.data import unpaired

        return getattr(unpaired, name)
    if name in __all__:
        from mss_keras.data import pipeline

        return getattr(pipeline, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
