"""Spleeter's checkpoints give here what they give there (recorded, see record_spleeter.py)."""

from pathlib import Path

import numpy as np
import pytest

from mss_keras.config import SeparationConfig, UserError
from mss_keras.separation.spleeter_import import CONFIGURATIONS, import_spleeter, import_to
from mss_keras.training import runs

RECORDED = Path(__file__).with_name("spleeter")
RECORDED_NAMES = ("2stems", "4stems", "5stems", "2stems-16kHz")
SEGMENT = 512 * 1024
EVERY = 211  # samples of which one is recorded

# The network hears 512 frames at once, as many as Spleeter's segments have.
ONE_SEGMENT = SeparationConfig(chunk_dur=12.0, wiener_win_len=512, context_dur=1.0)


def folder_of(name):
    return RECORDED / name.removesuffix("-16kHz")


def music(excerpt):
    """As record_spleeter.py has it."""
    return np.concatenate([excerpt["mixture"]] * 2)[: SEGMENT - 5120]


def as_spleeter_frames_it(model, song):
    """Stems by one segment of Spleeter: its first frame begins a whole frame ahead of the song.

    Ours begins half a frame ahead. With silence for the other half, frames and so the grids of
    the U-Nets are the same, and what is reflected at both ends is silence as it is in Spleeter.
    """
    half = model.audio.nfft // 2
    # As many frames as a segment has: beyond its end the networks hear nothing.
    behind = 511 * model.audio.nhop - half - len(song)
    padded = np.pad(song, [(half, behind), (0, 0)])
    stems = model.separate(padded, ONE_SEGMENT)
    return {name: stem[half : half + len(song)] for name, stem in stems.items()}


@pytest.mark.parametrize("name", RECORDED_NAMES)
def test_stems_are_those_of_spleeter(name, excerpt):
    model = import_spleeter(folder_of(name), f"spleeter-{name}")
    assert model.source_names == CONFIGURATIONS[name].sources
    stems = as_spleeter_frames_it(model, music(excerpt))
    with np.load(RECORDED / "stems.npz") as recorded:
        for source, stem in stems.items():
            expected = recorded[f"{name}/{source}"]
            error = stem[::EVERY] - expected
            assert np.sum(error**2) < 1e-8 * np.sum(expected**2)  # -80 dB
