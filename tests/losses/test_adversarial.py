"""Adversarial: L_k and L_sep against their formulas with given scores, values and gradients."""

import numpy as np
import pytest
import tensorflow as tf

from mss_keras import losses

SCORES = np.array([[0.3, 1.2, -0.5], [0.9, 0.1, 2.0]])  # [batch, sources]


def constant(scores):
    return lambda magnitudes: tf.constant(scores, magnitudes.dtype)


def test_the_discriminators_formula():
    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((2, 2, 5))
    expected = (
        0.25 * (real[1] - 0.9) ** 2 + 0.25 * (real[0] - 0.9) ** 2
        + 0.25 * (fake[1] - 0.1) ** 2 + 0.25 * (fake[0] - 0.1) ** 2
    )  # fmt: skip
    scores = tf.constant(real), tf.constant(fake)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        found = losses.discriminator_loss(*scores)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    gradients = tape.gradient(found, scores)
    np.testing.assert_allclose(gradients[0], 0.5 * (real - 0.9), rtol=1e-12)
    np.testing.assert_allclose(gradients[1], 0.5 * (fake - 0.1), rtol=1e-12)
    terms = losses.discriminator_terms(*scores)
    assert list(terms) == ["real_paired", "real_unpaired", "fake_paired", "fake_unpaired"]
    np.testing.assert_allclose(terms["fake_unpaired"], (fake[1] - 0.1) ** 2, rtol=1e-12)


def test_the_separators_formula():
    loss = losses.get("adversarial", gamma=0.3, dtype="float64", network=constant(SCORES))
    y_true, y_pred = np.random.default_rng(1).random((2, 2, 3, 4, 1, 5))
    terms = loss.terms(y_true, y_pred)
    separator = ((SCORES - 0.9) ** 2).mean(1)
    np.testing.assert_allclose(terms["separator"], separator, rtol=1e-12)
    l2 = ((y_true - y_pred) ** 2).mean((1, 2, 3, 4))
    np.testing.assert_allclose(loss.call(y_true, y_pred), l2 + 0.3 * separator, rtol=1e-12)
    np.testing.assert_allclose(loss.pretraining.call(y_true, y_pred), l2, rtol=1e-12)


def test_the_gradient_goes_through_the_scores():
    """With D_k(Ỹ) = a_k ΣỸ the gradient of L_sep is 2 a_k (D_k − 0.9) / K."""
    slopes = np.array([0.1, -0.2, 0.3])
    y_pred = np.random.default_rng(2).random((2, 3, 4, 1, 5))

    def network(magnitudes):
        return tf.constant(slopes) * tf.reduce_sum(magnitudes, axis=[2, 3, 4])

    loss = losses.get("adversarial", gamma=2.0, dtype="float64", network=network)
    estimate = tf.constant(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(estimate)
        value = loss(y_pred, estimate)  # equal to its target: L2 has no gradient
    scores = slopes * y_pred.sum((2, 3, 4))
    expected = 2.0 * 2 * slopes * (scores - 0.9) / 3 / 2  # γ, sources, batch
    found = tape.gradient(value, estimate).numpy()
    np.testing.assert_allclose(found, np.broadcast_to(expected[..., None, None, None], found.shape))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gamma": -1.0}, "^gamma: found -1.0, wanted 0"),
        ({"network": 3}, "^network: found 3, wanted"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        losses.Adversarial(**arguments)


def test_without_discriminators_it_says_so():
    tensor = np.ones((1, 2, 3, 1, 5), np.float32)
    with pytest.raises(ValueError, match="no network found"):
        losses.get("adversarial")(tensor, tensor)
