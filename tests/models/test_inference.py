"""The trained network's larger operations are the layers' own."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from mss_keras.models.affine import Affine
from mss_keras.models.inference import folded, recurrent


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(3)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("batch", "frames"), [(1, 50), (5, 7), (2, 1), (1, 0)])
def test_the_lstms_are_keras_s(bidirectional, batch, frames):
    x = tf.random.normal([batch, frames, 12])
    lstms = [layers.LSTM(6, return_sequences=True) for _ in range(2)]
    if bidirectional:
        lstms = [layers.Bidirectional(lstm) for lstm in lstms]
    for layer in lstms:
        layer.build((None, None, 12 if layer is lstms[0] or bidirectional else 6))
        for weight in layer.weights:
            weight.assign(tf.random.normal(weight.shape, stddev=0.5))
    expected = x
    for layer in lstms if frames else []:
        expected = layer(expected)
    found = recurrent(x, lstms)
    if frames:
        np.testing.assert_allclose(found, expected, atol=1e-6)
    else:
        assert found.shape == (1, 0, 12 if bidirectional else 6)


@pytest.mark.parametrize("where", ["none", "before", "after", "both"])
def test_folded_weights_give_what_the_layers_give(where):
    dense, norm = layers.Dense(8, use_bias=False), layers.BatchNormalization(epsilon=1e-5)
    dense.build((None, None, 6))
    norm.build((None, None, 8))
    for weight in norm.weights:
        weight.assign(tf.random.uniform(weight.shape, 0.5, 2.0))
    before, after = Affine(shift_first=True), Affine()
    before.build((2, 3))
    after.build((2, 4))
    for affine in (before, after):
        affine.scale.assign(tf.random.normal(affine.scale.shape))
        affine.shift.assign(tf.random.normal(affine.shift.shape))
    x = tf.random.normal([2, 5, 6])
    chosen = {
        name: affine
        for name, affine in (("before", before), ("after", after))
        if where in (name, "both")
    }
    y = before(tf.reshape(x, [2, 5, 2, 3])) if "before" in chosen else x
    y = norm(dense(tf.reshape(y, [2, 5, 6])), training=False)
    y = after(tf.reshape(y, [2, 5, 2, 4])) if "after" in chosen else y
    found = folded(dense, norm, 2, **chosen)(x)
    np.testing.assert_allclose(found, tf.reshape(y, [2, 5, 8]), rtol=1e-5, atol=1e-5)
