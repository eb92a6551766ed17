"""Affine layers as one product give what the layers give."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from mss_keras.models.affine import Affine
from mss_keras.models.products import BatchMoments, folded, normalised, tiled


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(3)


@pytest.mark.parametrize("normed", [True, False])
@pytest.mark.parametrize("where", ["none", "before", "after", "both"])
def test_folded_weights_give_what_the_layers_give(where, normed):
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
    chosen: dict[str, Any] = {
        name: affine
        for name, affine in (("before", before), ("after", after))
        if where in (name, "both")
    }
    y = before(tf.reshape(x, [2, 5, 2, 3])) if "before" in chosen else x
    y = dense(tf.reshape(y, [2, 5, 6]))
    y = norm(y, training=False) if normed else y
    y = after(tf.reshape(y, [2, 5, 2, 4])) if "after" in chosen else y
    if "after" in chosen:
        (chosen["after"],) = tiled(after, 2)
    found = folded(dense, norm if normed else None, 2, **chosen)(x)
    np.testing.assert_allclose(found, tf.reshape(y, [2, 5, 8]), rtol=1e-5, atol=1e-5)


@pytest.fixture
def layer_and_norm():
    dense, norm = layers.Dense(8, use_bias=False), layers.BatchNormalization(epsilon=1e-5)
    dense.build((None, None, 6))
    norm.build((None, None, 8))
    for weight in norm.weights:
        weight.assign(tf.random.uniform(weight.shape, 0.5, 2.0))
    return dense, norm


def trained(function, x, variables):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
        total = tf.reduce_sum(y * tf.random.stateless_normal(tf.shape(y), [1, 2]))
    return [y, *tape.gradient(total, [x, *(variable.value for variable in variables)])]


def by_covariance(dense, norm, **behind):
    def product(x):
        moments = BatchMoments(x).gathered(dense, norm)
        return folded(dense, norm, moments=moments, **behind)(x)

    return product


def by_products(dense, norm, **behind):
    return normalised(dense, norm, **behind)


WAYS = [by_covariance, by_products]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("offset", [0.0, 30.0])
def test_moments_of_a_batch_are_the_norm_s_own(layer_and_norm, way, offset):
    # With an offset the mean of a product is many times its deviation.
    dense, norm = layer_and_norm
    x = tf.random.normal([2, 50, 6]) + offset
    variables = [dense.kernel, norm.gamma, norm.beta]
    before = norm.get_weights()
    expected = trained(lambda x: norm(dense(x), training=True), x, variables)
    gathered = norm.get_weights()
    norm.set_weights(before)
    found = trained(way(dense, norm), x, variables)
    for one, other in zip([*found, *norm.get_weights()], [*expected, *gathered], strict=True):
        assert np.abs(one - other).max() < 2e-5 * (1 + offset) * np.abs(other).max()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_an_affine_behind_a_norm_in_training(layer_and_norm, way, dtype):
    dense, norm = layer_and_norm
    after = Affine()
    after.build((2, 4))
    for weight in after.weights:
        weight.assign(tf.random.normal(weight.shape))
    x = tf.random.normal([2, 50, 6])
    y = tf.reshape(norm(dense(x), training=True), [2, 50, 2, 4])
    expected = tf.reshape(after(y), [2, 50, 8])
    found = way(dense, norm, after=tiled(after, 2)[0], dtype=dtype)(x)
    error = 1e-5 if dtype == "float32" else 0.02  # of bfloat16's 8 bits
    assert np.abs(found - expected).max() < error * np.abs(expected).max()


def test_the_covariance_is_taken_where_rows_are_many():
    assert BatchMoments.pays(tf.zeros([2, 18, 6]))
    assert not BatchMoments.pays(tf.zeros([2, 17, 6]))
    found = []

    @tf.function(input_signature=[tf.TensorSpec([None, None, 6])])
    def unknown(x):
        found.append(BatchMoments.pays(x))

    unknown(tf.zeros([1, 1, 6]))
    assert found == [True]


@pytest.mark.parametrize("way", WAYS)
def test_a_norm_that_is_frozen_gathers_nothing(layer_and_norm, way):
    dense, norm = layer_and_norm
    norm.trainable = False
    before = norm.get_weights()
    x = tf.random.normal([2, 50, 6])
    found = way(dense, norm)(x)
    np.testing.assert_allclose(found, norm(dense(x), training=True), rtol=1e-5, atol=1e-5)
    for one, other in zip(norm.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_products_of_one_row_and_of_constants_are_finite(layer_and_norm):
    dense, norm = layer_and_norm
    for x in (tf.random.normal([1, 1, 6]), tf.ones([3, 4, 6])):
        for way in WAYS:
            found = trained(way(dense, norm), x, [dense.kernel, norm.gamma, norm.beta])
            assert all(np.isfinite(y).all() for y in found)
            np.testing.assert_allclose(found[0], tf.zeros_like(found[0]) + norm.beta, atol=1e-3)


def test_moments_of_one_row_and_of_constants_are_finite(layer_and_norm):
    dense, norm = layer_and_norm
    for x in (tf.random.normal([1, 1, 6]), tf.ones([3, 4, 6]) * 1e4):
        mean, variance = BatchMoments(x).gathered(dense, norm)
        np.testing.assert_allclose(mean, dense(x)[0, 0], rtol=1e-4)
        np.testing.assert_allclose(variance, np.zeros(8), atol=1e-4)


def test_moments_of_half_precision_are_gathered_in_float32(layer_and_norm):
    dense, _ = layer_and_norm
    half = tf.cast(tf.random.normal([2, 50, 6]) + 30.0, tf.bfloat16)
    expected = BatchMoments(tf.cast(half, tf.float32)).of(dense.kernel)
    for one, other in zip(BatchMoments(half).of(dense.kernel), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_variances_are_not_negative_where_products_cancel_out():
    one = 1e4 * tf.random.normal([200, 1])
    x = tf.concat([one, one / 3.0], axis=1)
    kernel = tf.random.normal([1, 500]) * tf.constant([[1.0], [-3.0]])
    _, variance = BatchMoments(x).of(kernel)
    assert np.all(variance >= 0)


def test_the_product_is_computed_in_its_type(layer_and_norm):
    dense, norm = layer_and_norm
    x = tf.random.normal([2, 50, 6])
    expected = folded(dense, norm, 2)(x)
    found = folded(dense, norm, 2, dtype="bfloat16")(x)
    assert found.dtype == tf.float32
    assert 1e-4 < np.linalg.norm(found - expected) / np.linalg.norm(expected) < 1e-2


def test_gradients_of_uses_are_added_up_in_their_order():
    """TensorFlow adds up what a variable gets of several readings in no order of its own."""
    affine = Affine()
    affine.build((2, 4))

    @tf.function(autograph=False)
    def gradients(rows):
        with tf.GradientTape() as tape:
            uses = tiled(affine, 2, copies=5)
            y = [rows * scale + shift for scale, shift in uses]
            total = tf.add_n([(k + 1.0) * tf.reduce_sum(x * x) for k, x in enumerate(y)])
        return tape.gradient(total, [affine.scale.value, affine.shift.value])

    rows = tf.random.normal([7, 8])
    found = gradients(rows)
    copies = np.sum(np.reshape(2 * 15.0 * rows.numpy(), [7, 2, 4]), axis=(0, 1))
    np.testing.assert_allclose(found[1], copies, rtol=1e-4, atol=1e-4)
    nodes = gradients.get_concrete_function(rows).graph.get_operations()
    sums = [
        len(node.inputs) for node in nodes if node.type == "AddN" and node.outputs[0].shape.rank
    ]
    assert max(sums, default=0) <= 2
