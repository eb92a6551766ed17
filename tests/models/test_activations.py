"""Masks by softmax and sigmoid hold wherever a model separates."""

import dataclasses
import typing
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from mss_keras import Separator
from mss_keras.config import AudioConfig, ModelConfig, SeparationConfig
from mss_keras.models.activations import ACTIVATIONS, Activation, softmax
from mss_keras.models.masking import MaskingModel

AUDIO = AudioConfig(nfft=512, nhop=128)
SOURCES = ("vocals", "drums", "rest")
ARCHITECTURES = ("joint", "separate")


def model_of(architecture, activation, kind=MaskingModel):
    keras.utils.set_random_seed(3)
    values: dict[str, Any] = {
        "network": architecture,
        "hidden_size": 8,
        "mask_activation": activation,
    }
    settings = ModelConfig(**values, dropout=0.0)
    model = kind(SOURCES, AUDIO, settings)
    model.build()
    for variable in model.trainable_variables:
        variable.assign(variable + tf.random.normal(variable.shape, stddev=0.1))
    return model


def test_the_configuration_knows_them_all():
    choices = typing.get_type_hints(ModelConfig)["mask_activation"]
    literal, none = typing.get_args(choices)
    assert set(typing.get_args(literal)) == set(ACTIVATIONS)
    assert none is type(None)


def test_softmax_is_tensorflow_s():
    logits = tf.random.normal([2, 3, 4, 2, 5], stddev=30.0)
    np.testing.assert_allclose(softmax(logits), tf.nn.softmax(logits, axis=1), atol=1e-5)


def test_of_some_sources_only_a_softmax_needs_the_others():
    assert list(Activation("softmax", [2]).needed(4)) == [0, 1, 2, 3]
    assert list(Activation("softmax", [2], off=True).needed(4)) == [2]
    assert list(Activation("sigmoid", [2, 0]).needed(4)) == [2, 0]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("activation", ["relu", "softmax", "sigmoid"])
def test_masks_are_made_of_the_logits(architecture, activation, excerpt):
    model = model_of(architecture, activation)
    found = model(excerpt["mixture"][np.newaxis, :5000])
    magnitude = tf.abs(found["spectrogram"])
    logits = model.network(magnitude, logits=True)
    assert tf.reduce_min(logits) < 0
    np.testing.assert_allclose(found["mask"], ACTIVATIONS[activation](logits), atol=1e-6)
    np.testing.assert_allclose(model.network(magnitude), found["mask"], atol=1e-6)
    assert ("logits" in found) == (activation != "relu")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_stems_of_a_softmax_sum_to_the_mixture(architecture, excerpt):
    model = model_of(architecture, "softmax")
    mixture = excerpt["mixture"][:40000]
    options = SeparationConfig(chunk_dur=0.2, context_dur=1.0, wiener_win_len=20)
    stems = model.separate(mixture, options)
    np.testing.assert_allclose(sum(stems.values()), mixture, atol=1e-5)
    some = model.separate(mixture, dataclasses.replace(options, targets=("rest", "drums")))
    assert list(some) == ["rest", "drums"]
    for name, stem in some.items():
        np.testing.assert_allclose(stem, stems[name], atol=1e-6)


def test_a_model_keeps_its_activation(tmp_path, excerpt):
    model = model_of("joint", "sigmoid")
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.network.mask_activation == "sigmoid"
    mixture = excerpt["mixture"][np.newaxis, :5000]
    np.testing.assert_allclose(again(mixture)["mask"], model(mixture)["mask"], atol=1e-6)


@pytest.mark.parametrize(
    ("loss", "activation"),
    [("cross_entropy_mask", "softmax"), ("binary_cross_entropy_mask", "sigmoid")],
)
def test_cross_entropies_are_of_logits(loss, activation, excerpt):
    # Where masks are next to 1 and 0, logits still say how far off they are.
    separator = model_of("joint", activation, Separator)
    separator.network.output_affine.scale.assign(
        200.0 * tf.ones_like(separator.network.output_affine.scale)
    )
    separator.compile(keras.optimizers.SGD(0.0), loss)
    sources = np.stack([excerpt["sources"][k][100000:105000] for k in range(3)])[np.newaxis]
    mixture = sources.sum(axis=1)
    found = separator.evaluate(mixture, sources, verbose=0, return_dict=True)
    logits = separator(mixture)["logits"]
    assert tf.reduce_max(tf.abs(logits)) > 20
    scene = separator._scene(tf.constant(sources), dict(separator(mixture)))
    dominant = tf.argmax(scene.ratio_masks, axis=1)
    if activation == "softmax":
        last = tf.transpose(logits, [0, 2, 3, 4, 1])
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(dominant, last)
    else:
        ideal = tf.one_hot(dominant, 3, axis=1)
        each = tf.nn.sigmoid_cross_entropy_with_logits(ideal, logits)
    assert found["loss"] == pytest.approx(float(tf.reduce_mean(each)), rel=1e-4)
