"""Features and style: shapes, normalisation, weights, and the errors of the loss."""

import numpy as np
import pytest
import tensorflow as tf
from statements import SmallNetwork, deep_feature, feature_and_style, l2

from mss_keras import losses
from mss_keras.config import UserError
from mss_keras.losses.deep_feature import feature, gram, style


def maps(seed=0, height=6, width=4, channels=7):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((2, 2, 3, 2, height, width, channels)).astype(np.float32)


def tensors():
    return np.random.default_rng(3).random((2, 2, 3, 8, 2, 9)).astype(np.float32)


def test_gram_matrices_are_channels_by_channels_and_normalised():
    found = gram(tf.constant(maps()[0]))
    assert found.shape == (2, 3, 2, 7, 7)
    np.testing.assert_allclose(found, tf.linalg.matrix_transpose(found), rtol=1e-6)
    # Ψ of ones: every entry is H W / (C H W).
    np.testing.assert_allclose(gram(tf.ones([1, 1, 1, 6, 4, 7])), np.full((1, 1, 1, 7, 7), 1 / 7))
    # Twice the area of the same thing changes nothing.
    twice = np.concatenate([maps()[0]] * 2, axis=3)
    np.testing.assert_allclose(gram(tf.constant(twice)), found, rtol=1e-5, atol=1e-6)


def test_feature_and_style_of_given_maps():
    true, pred = maps(1)
    expected = feature_and_style([true.astype(np.float64)], [pred.astype(np.float64)])
    np.testing.assert_allclose(feature(true, pred), expected[0], rtol=1e-5)
    np.testing.assert_allclose(style(true, pred), expected[1], rtol=1e-4)


@pytest.mark.parametrize(("delta", "lambda_"), [(0.0, 0.0), (2.0, 0.0), (0.0, 3.0), (0.5, 0.1)])
def test_weights(delta, lambda_):
    y_true, y_pred = tensors()
    arguments = {"delta": delta, "lambda": lambda_}
    loss = losses.get("deep_feature", network=SmallNetwork(), reduction="none", **arguments)
    np.testing.assert_allclose(
        loss(y_true, y_pred), deep_feature(y_true, y_pred, delta, lambda_), rtol=1e-4
    )
    terms = loss.terms(y_true, y_pred)
    assert list(terms) == ["l2_freq", "feature", "style"]
    np.testing.assert_allclose(terms["l2_freq"], l2(y_true, y_pred), rtol=1e-5)


def test_identical_estimate_and_target_give_zero_and_no_gradient():
    y_true, _ = tensors()
    loss = losses.get("deep_feature", network=SmallNetwork())
    y_pred = tf.constant(y_true)
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        value = loss(y_true, y_pred)
    assert float(value) == 0
    assert not np.any(tape.gradient(value, y_pred))


def test_no_gradient_flows_into_the_targets_features():
    y_true, y_pred = (tf.constant(x) for x in tensors())
    loss = losses.get("deep_feature", network=SmallNetwork())
    with tf.GradientTape() as tape:
        tape.watch(y_true)
        terms = loss.terms(y_true, y_pred)
        value = tf.reduce_sum(terms["feature"] + terms["style"])
    assert tape.gradient(value, y_true) is None


def test_saved_by_the_description_of_its_network():
    loss = losses.get("deep_feature", network=SmallNetwork(), delta=0.2, **{"lambda": 0.3})
    again = losses.deserialize(losses.serialize(loss))
    assert (again.delta, again.lambda_) == (0.2, 0.3)
    assert again.network == SmallNetwork.description
    with pytest.raises(ValueError, match="no network found"):
        again(*tensors())
    nameless = losses.get("deep_feature", network=SmallNetwork().__call__)
    with pytest.raises(ValueError, match="no description"):
        nameless.get_config()


def test_what_is_missing_or_wrong_is_named():
    with pytest.raises(ValueError, match="no network found, wanted network="):
        losses.get("deep_feature")(*tensors())
    with pytest.raises(UserError, match=r"^loss_args\.delta: found -1, wanted 0 or more"):
        losses.get("deep_feature", delta=-1)
    with pytest.raises(UserError, match=r"^loss_args\.lambda: found nan"):
        losses.get("deep_feature", **{"lambda": float("nan")})
    with pytest.raises(
        UserError, match=r"^loss_args: found 'gamma' for deep_feature, wanted delta"
    ):
        losses.get("deep_feature", gamma=1)
    with pytest.raises(UserError, match=r"^loss_args\.network: found 'vggish', wanted a callable"):
        losses.get("deep_feature", network="vggish")
    with pytest.raises(ValueError, match="wanted 'magnitude'"):
        losses.DeepFeature("waveform")
