"""Files with samples that are not finite are found."""

import numpy as np
import pytest
import soundfile

from mss_keras.config import AudioConfig, DataConfig
from mss_keras.data import not_finite, open_set


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_files_with_one_bad_sample_are_named(tree, value):
    for name, bad in (("bass", value), ("mixture", value), ("drums", 2.0)):
        waveform = np.full((44100, 2), 0.5)
        waveform[44000, 1] = bad
        soundfile.write(tree / f"train/b/{name}.wav", waveform, 44100, subtype="FLOAT")
    tracks = open_set(DataConfig(root=str(tree)), AudioConfig()).train
    assert not_finite(tracks) == [str(tree / f"train/b/{name}.wav") for name in ("bass", "mixture")]
