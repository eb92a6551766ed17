"""Songs of noise whose sources are as loud as is asked for."""

import numpy as np
import soundfile

from mss_keras.config import AudioConfig, DataConfig
from mss_keras.data import open_set

RATE = 8000
AUDIO = AudioConfig(sample_rate=RATE, nb_channels=1)
SOURCES = ("vocals", "bass")


def song(root, name, **levels):
    """A song whose sources have a level, dBFS, for each second."""
    folder = root / "test" / name
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0)
    for source in SOURCES:
        gains = 10 ** (np.array(levels[source], float) / 20)
        waveform = noise.normal(size=len(gains) * RATE) * np.repeat(gains, RATE)
        soundfile.write(folder / f"{source}.wav", waveform, RATE, subtype="FLOAT")
    return folder


def tracks_of(root):
    return open_set(DataConfig(root=str(root), sources=SOURCES), AUDIO, splits=["test"]).test


OFF = -200.0
