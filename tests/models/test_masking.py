"""The separation flow: masks of one give the mixture back."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mss_keras.config import AudioConfig, ModelConfig
from mss_keras.models.masking import MaskingModel

AUDIO = AudioConfig(nfft=512, nhop=128)
SMALL = ModelConfig(hidden_size=8)


def unit_masks(model):
    """Makes the network answer 1 everywhere."""
    model.network.output_affine.scale.assign(tf.zeros_like(model.network.output_affine.scale))
    model.network.output_affine.shift.assign(tf.ones_like(model.network.output_affine.shift))


@pytest.mark.parametrize("samples", [1, 700, 12345])
def test_unit_masks_give_the_mixture(excerpt, samples):
    model = MaskingModel(("a", "b"), AUDIO, SMALL)
    model.build()
    unit_masks(model)
    mixture = excerpt["mixture"][20000 : 20000 + samples]
    stems = model.separate(mixture)
    assert list(stems) == ["a", "b"]
    for stem in stems.values():
        assert np.abs(stem - mixture).max() < 1e-5


def test_call_gives_masks_and_the_spectrogram_once():
    model = MaskingModel(("a", "b", "c"), AUDIO, SMALL)
    parts = model(np.zeros((2, 1000, 2), np.float32))
    assert parts["mask"].shape == (2, 3, 8, 2, 257)
    assert parts["spectrogram"].shape == (2, 8, 2, 257)
    assert parts["spectrogram"].dtype == tf.complex64


def test_predict_gives_stems():
    model = MaskingModel(("a", "b"), AUDIO, SMALL)
    mixture = np.random.default_rng(0).uniform(-1, 1, (3, 900, 2)).astype(np.float32)
    stems = model.predict(mixture, verbose=0)
    assert stems.shape == (3, 2, 900, 2)
    np.testing.assert_allclose(stems[0, 1], model.separate(mixture[0])["b"], atol=1e-5)


@pytest.mark.parametrize("shape", [(100,), (100, 1), (1, 100, 2)])
def test_wrong_shapes_are_named(shape):
    with pytest.raises(ValueError, match=r"wanted \[samples, channels=2\]"):
        MaskingModel(("a",), AUDIO, SMALL).separate(np.zeros(shape))


def test_waveform_is_not_rounded_under_mixed_precision(excerpt):
    model = MaskingModel(("a",), AUDIO, SMALL, policy="mixed_float16")
    model.build()
    unit_masks(model)
    mixture = excerpt["mixture"][:3000]
    assert np.abs(model.separate(mixture)["a"] - mixture).max() < 1e-5
    assert model.network.encode.compute_dtype == "float16"


def test_saved_and_loaded(tmp_path, excerpt):
    model = MaskingModel(("a", "b"), AUDIO, ModelConfig(hidden_size=8, network="separate"))
    model.build()
    mixture = excerpt["mixture"][:3000]
    stems = model.separate(mixture)  # what is compiled for songs is not saved
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for name, stem in stems.items():
        np.testing.assert_array_equal(stem, loaded.separate(mixture)[name])


@pytest.mark.parametrize("architecture", ["joint", "separate"])
def test_a_model_that_is_not_built_yet_separates(architecture):
    """At a sample rate at which the default bandwidth is half of it."""
    audio = AudioConfig(sample_rate=8000, nfft=64, nhop=16)
    mixture = np.random.default_rng(0).uniform(-1, 1, [300, 2]).astype(np.float32)
    config = ModelConfig(architecture, hidden_size=8)
    stems = MaskingModel(("a", "b"), audio, config).separate(mixture)
    assert [stem.shape for stem in stems.values()] == [(300, 2)] * 2
    assert MaskingModel(("a", "b"), audio, config).stems(mixture[np.newaxis]).shape == (
        1,
        2,
        300,
        2,
    )
