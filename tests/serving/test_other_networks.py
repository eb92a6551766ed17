"""Other networks are served like OpenUnmix: without their classes, and in the C++ loader."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from exported import Exported

from mss_keras import Separator
from mss_keras.config import AudioConfig, ModelConfig, SeparationConfig, ServingConfig, UserError
from serving.client import pieces
from serving.signatures import Signatures


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
    "waveforms": ModelConfig("waveform_layers:Filter"),
}
OPTIONS = SeparationConfig(chunk_dur=0.6, context_dur=1.0, wiener_win_len=50)


def separator_of(name):
    keras.utils.set_random_seed(4)
    separator = Separator(("vocals", "rest"), AudioConfig(nfft=512, nhop=256), NETWORKS[name])
    separator.build()
    return separator


def test_a_network_of_waveforms_offers_no_masks():
    separator, every = separator_of("waveforms"), ServingConfig(fixed_seconds=0.5)
    assert Signatures(separator, OPTIONS, every).limits.signatures == (
        "serving_default",
        "separate_wav",
    )
    with pytest.raises(UserError, match=r"^signatures: found 'spectrogram', wanted others"):
        Signatures(separator, OPTIONS, ServingConfig(("serving_default", "spectrogram")))
    masks = Signatures(separator_of("own"), OPTIONS, every)
    assert masks.limits.signatures == ("serving_default", "separate_wav", "spectrogram")


def test_requests_are_separated_as_songs_are(excerpt):
    separator = separator_of("waveforms")
    limits = ServingConfig(("serving_default", "fixed_length"), fixed_seconds=0.5)
    signatures = Signatures(separator, OPTIONS, limits)
    songs = np.stack([excerpt["mixture"][i : i + 60000] for i in (0, 60000)])
    for found, batch in (
        (signatures.separate(tf.constant(songs)), songs),
        (signatures.separate_batch(tf.constant(songs[:, :22050])), songs[:, :22050]),
    ):
        for index, song in enumerate(batch):
            for source, stem in separator.separate(song, OPTIONS).items():
                np.testing.assert_allclose(found[source][index], stem, atol=1e-5)
    told = signatures.interface()
    assert (told.chunk, told.round, told.context) == (25600, 25600, 173 * 256)
    assert told.fade == 50 * 256
    with pytest.raises(
        UserError, match=r"^fixed_seconds: found 0.6, wanted below a chunk of .*0.58"
    ):
        Signatures(separator, OPTIONS, ServingConfig(("fixed_length",), fixed_seconds=0.6))


def test_a_long_song_goes_through_in_pieces(excerpt):
    separator = separator_of("waveforms")
    signatures = Signatures(separator, OPTIONS, ServingConfig())
    song = np.concatenate([excerpt["mixture"]] * 2)[:500001]
    found = [
        (piece, np.stack(list(separator.separate(sent, OPTIONS).values())))
        for piece, sent in pieces.cut([song], signatures.interface(), 4.0)
    ]
    assert len(found) > 2
    whole = np.stack(list(separator.separate(song, OPTIONS).values()))
    np.testing.assert_allclose(np.concatenate(list(pieces.join(found)), axis=1), whole, atol=1e-6)


@pytest.mark.long
@pytest.mark.parametrize("name", NETWORKS)
def test_stems_and_masks_are_the_separator_s(name, tmp_path, excerpt):
    separator, limits = separator_of(name), ServingConfig(("serving_default",), max_seconds=20.0)
    path = separator.export(tmp_path / "served", OPTIONS, limits=limits)
    exported = Exported(separator, OPTIONS, path.parent, path)
    song = excerpt["mixture"][np.newaxis, :220000]
    found = exported.native("serving_default", song, tmp_path)
    assert set(found) == {"vocals", "rest"}
    for source, stem in exported.separate(song[0]).items():
        np.testing.assert_allclose(found[source][0], stem, atol=1e-4)
        assert np.abs(stem).max() > 0.1
