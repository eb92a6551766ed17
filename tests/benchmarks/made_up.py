"""Made-up music as WAV files, for benchmarks of reading."""

from pathlib import Path

import numpy as np
import soundfile

from mss_keras.config import SOURCES

RATE = 44100


def music(root: Path, *, tracks: int, seconds: int) -> None:
    """Writes ROOT/train/TRACK/*.wav: 16-bit stereo noise for each source, and the mixture.

    Args:
        root: the folder.
        tracks: number of tracks.
        seconds: length of a track.
    """
    generator = np.random.default_rng(0)
    for track in range(tracks):
        folder = root / f"train/{track:03d}"
        folder.mkdir(parents=True)
        mixture = np.zeros((seconds * RATE, 2), np.int16)
        for source in SOURCES:
            stem = generator.integers(-4000, 4000, mixture.shape, np.int16)
            soundfile.write(folder / f"{source}.wav", stem, RATE)
            mixture += stem
        soundfile.write(folder / "mixture.wav", mixture, RATE)
