"""Tracks whose samples say where they are."""

import dataclasses

import numpy as np
import soundfile

from mss_keras import data
from mss_keras.config import AudioConfig, DataConfig

AUDIO = AudioConfig(nfft=512, nhop=128)
MUSIC = DataConfig(
    sources=("a", "b"), seq_dur=0.02, batch_size=4, samples_per_track=8, augmentations=()
)


def write(path, waveform, rate=44100):
    """An audio file, whose folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, waveform, rate, subtype="FLOAT" if path.suffix == ".wav" else None)


def labelled(root, tracks, samples):
    """Training tracks with track + source / 8 in the left channel, 1 + place in the right."""
    for track in range(tracks + 1):  # the last is for validation
        for number, source in enumerate(MUSIC.sources):
            place = np.arange(samples) / samples
            waveform = np.stack([np.full(samples, track + number / 8), place + 1], axis=1)
            write(root / f"track {track}" / f"{source}.wav", waveform / 16)
    config = dataclasses.replace(MUSIC, root=str(root))
    return config, data.open_set(config, AUDIO).train
