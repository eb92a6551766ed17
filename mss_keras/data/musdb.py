"""Official facts about MUSDB18, read from the musdb package.

The packages musdb and stempeg are located, not imported: their import raises where ffmpeg is not
on PATH.
"""

from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml


@cache
def _config() -> dict[str, Any]:
    path = Path(str(metadata.distribution("musdb").locate_file("musdb/configs/mus.yaml")))
    return yaml.safe_load(path.read_text())


def validation_tracks() -> frozenset[str]:
    """Names of the 14 training tracks that are held out for validation."""
    return frozenset(_config()["validation_tracks"])


def stem_ids() -> dict[str, int]:
    """Number of the audio stream of the mixture and of each source in a .stem.mp4 file."""
    return dict(_config()["stem_ids"])


def sample_url() -> str:
    """Address of musdb's set of 7-second excerpts."""
    return _config()["sample-url"]


def demo_stem() -> Path:
    """Path of the 6-second excerpt of a MUSDB18 test track that stempeg ships."""
    folder = Path(str(metadata.distribution("stempeg").locate_file("stempeg/data")))
    return next(folder.glob("*.stem.mp4"))
