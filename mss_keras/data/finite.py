"""Which files hold samples that are NaN or infinite."""

from collections.abc import Sequence

import numpy as np
import soundfile

from mss_keras.data.headers import AudioFile
from mss_keras.data.tracks import Track

_BLOCK = 1 << 18  # samples


def not_finite(tracks: Sequence[Track]) -> list[str]:
    """Reads tracks and finds the files with samples that are not finite.

    Integers cannot be else, and files of them are not read.

    Args:
        tracks: the tracks, whose sources and mixtures are read.

    Returns:
        Paths of the files, in the order of the tracks.
    """
    read = dict.fromkeys(x for track in tracks for file in track.files for x in file.files)
    return [file.path for file in read if file.dtype == "float32" and not _is_finite(file)]


def _is_finite(file: AudioFile) -> bool:
    with soundfile.SoundFile(file.path) as sound:
        return all(np.isfinite(block).all() for block in sound.blocks(_BLOCK, dtype="float32"))
