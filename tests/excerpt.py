"""The excerpt of MUSDB18 that stempeg ships, as arrays."""

import numpy as np

from mss_keras.data.musdb import demo_stem
from mss_keras.data.stems import stem_blocks

RATE = 44100


def read_excerpt() -> dict[str, np.ndarray]:
    """The excerpt's streams by name, float32 `[samples, channels]`."""
    blocks: dict[str, list[np.ndarray]] = {}
    for name, _, block in stem_blocks(demo_stem()):
        blocks.setdefault(name, []).append(block)
    return {name: np.concatenate(stream) for name, stream in blocks.items()}
