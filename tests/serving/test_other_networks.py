"""Networks of one piece are served like OpenUnmix: without their classes, and in the C++ loader."""

import keras
import numpy as np
import pytest
from exported import Exported

from mss_keras import Separator
from mss_keras.config import AudioConfig, ModelConfig, SeparationConfig, ServingConfig


class Sharp(keras.layers.Layer):
    """Passes a bin to the first source where it is louder than three frames in mean."""

    def __init__(self, nb_sources, nb_channels, nb_bins, **kwargs):
        super().__init__(**kwargs)
        self.pool = keras.layers.AveragePooling2D((3, 1), 1, "same", data_format="channels_first")

    def call(self, magnitude):
        channels_first = keras.ops.moveaxis(magnitude, 2, 1)
        louder = keras.ops.moveaxis(self.pool(channels_first), 1, 2) < magnitude
        mask = keras.ops.cast(louder, "float32")
        return keras.ops.stack([mask, 1.0 - mask], axis=1)


NETWORKS = {
    "spleeter": ModelConfig(
        "spleeter",
        network_args={"conv_n_filters": [2, 2, 3, 3, 4, 4], "mask_extension": "average"},
        bandwidth=10000.0,
    ),
    "own": ModelConfig(f"{__name__}:Sharp"),
}


@pytest.mark.long
@pytest.mark.parametrize("name", ["spleeter", "own"])
def test_stems_and_masks_are_the_separator_s(name, tmp_path, excerpt):
    keras.utils.set_random_seed(4)
    separator = Separator(("vocals", "rest"), AudioConfig(nfft=512, nhop=256), NETWORKS[name])
    separator.build()
    options = SeparationConfig(chunk_dur=0.6, context_dur=1.0, wiener_win_len=50)
    limits = ServingConfig(("serving_default",), max_seconds=20.0)
    path = separator.export(tmp_path / "served", options, limits=limits)
    exported = Exported(separator, options, path.parent, path)
    song = excerpt["mixture"][np.newaxis, :220000]
    found = exported.native("serving_default", song, tmp_path)
    assert set(found) == {"vocals", "rest"}
    for source, stem in exported.separate(song[0]).items():
        np.testing.assert_allclose(found[source][0], stem, atol=1e-4)
        assert np.abs(stem).max() > 0.1
