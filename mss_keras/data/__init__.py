"""Audio files to `tf.data` examples, songs in and stems out; README.md has the guide."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mss_keras.data.checks import Finding, check
from mss_keras.data.decoding import Song, decode
from mss_keras.data.encoding import stem_files
from mss_keras.data.excerpts import as_wav, excerpt
from mss_keras.data.fetch import download, is_demo, make_demo
from mss_keras.data.finite import not_finite
from mss_keras.data.headers import AudioFile
from mss_keras.data.listing import find_songs
from mss_keras.data.share import Share
from mss_keras.data.stems import prepare
from mss_keras.data.tracks import MusicSet, Track, beside, open_set
from mss_keras.data.unpaired import Unpaired, open_unpaired

if TYPE_CHECKING:
    from mss_keras.data.origins import Origin, origins_of
    from mss_keras.data.pipeline import (
        excerpt_samples,
        steps_per_epoch,
        training_examples,
        validation_examples,
    )
    from mss_keras.data.statistics import Statistics, compute_statistics

__all__ = [
    "AudioFile",
    "Finding",
    "MusicSet",
    "Origin",
    "Share",
    "Song",
    "Statistics",
    "Track",
    "Unpaired",
    "as_wav",
    "beside",
    "check",
    "compute_statistics",
    "decode",
    "download",
    "excerpt",
    "excerpt_samples",
    "find_songs",
    "is_demo",
    "make_demo",
    "not_finite",
    "open_set",
    "open_unpaired",
    "origins_of",
    "prepare",
    "stem_files",
    "steps_per_epoch",
    "training_examples",
    "validation_examples",
]

# The files of those names whose files import TensorFlow or SciPy.
_LATE = {
    "Origin": "origins",
    "Statistics": "statistics",
    "compute_statistics": "statistics",
    "excerpt_samples": "pipeline",
    "origins_of": "origins",
    "steps_per_epoch": "pipeline",
    "training_examples": "pipeline",
    "validation_examples": "pipeline",
}


def __getattr__(name: str) -> Any:
    # Late, so that data can be prepared and checked without importing TensorFlow.
    if name in _LATE:
        return getattr(import_module(f"mss_keras.data.{_LATE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
