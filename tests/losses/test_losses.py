"""Every loss of the catalogue keeps the contract: values, shapes, silence, configuration."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mss_keras import losses
from mss_keras.config import DOMAINS, UserError

SHAPES = {
    "waveform": (3, 2, 500, 2),
    "magnitude": (3, 2, 6, 2, 17),
    "phase_sensitive": (3, 2, 6, 2, 17),
    "mask": (3, 2, 6, 2, 17),
}


def statement_l1(y_true, y_pred):
    return np.abs(y_pred - y_true).reshape(len(y_true), -1).mean(1)


def statement_l2(y_true, y_pred):
    return ((y_pred - y_true) ** 2).reshape(len(y_true), -1).mean(1)


# The formula of each loss in float64 NumPy. A new loss gets its entry here.
STATEMENTS = {
    "l1_time": statement_l1,
    "l1_freq": statement_l1,
    "l2_time": statement_l2,
    "l2_freq": statement_l2,
}


def tensors(name, scale=1.0):
    rng = np.random.default_rng(7)
    domain = losses.get(name).domain
    draw = rng.standard_normal if domain == "waveform" else rng.random
    return tuple((scale * draw(SHAPES[domain])).astype(np.float32) for _ in range(2))


@pytest.fixture(params=losses.names())
def name(request):
    return request.param


def test_every_loss_has_its_statement():
    assert set(STATEMENTS) == set(losses.names())


@pytest.mark.parametrize("scale", [1e-6, 1e-2, 1.0, 1e3])
def test_value(name, scale):
    y_true, y_pred = tensors(name, scale)
    values = losses.get(name, reduction="none")(y_true, y_pred)
    expected = STATEMENTS[name](y_true.astype(np.float64), y_pred.astype(np.float64))
    assert values.shape == (3,)
    np.testing.assert_allclose(values, expected, rtol=1e-4)


def test_value_on_music(name, excerpt):
    sources, mixture = excerpt["sources"][:, 88200:132300], excerpt["mixture"][88200:132300]
    y_true, y_pred = sources[None], np.broadcast_to(mixture, sources.shape)[None]
    if losses.get(name).domain != "waveform":
        frames = np.lib.stride_tricks.sliding_window_view(np.stack([y_true, y_pred]), 1024, axis=3)
        y_true, y_pred = np.abs(np.fft.rfft(frames[:, :, :, ::512])).transpose(0, 1, 2, 3, 4, 5)
    y_true, y_pred = y_true.astype(np.float32), y_pred.astype(np.float32)
    value = losses.get(name)(y_true, y_pred)
    expected = STATEMENTS[name](y_true.astype(np.float64), y_pred.astype(np.float64)).mean()
    np.testing.assert_allclose(value, expected, rtol=1e-4)


def test_known_value():
    y_true = np.zeros((1, 1, 4, 1), np.float32)
    y_pred = np.array([3.0, -1.0, 0.0, 0.0], np.float32).reshape(1, 1, 4, 1)
    assert float(losses.get("l1_time")(y_true, y_pred)) == 1.0
    assert float(losses.get("l2_time")(y_true, y_pred)) == 2.5


def test_gradient_against_finite_differences(name):
    loss = losses.get(name, dtype="float64")
    y_true, y_pred = (x.astype(np.float64) for x in tensors(name))
    direction = np.random.default_rng(8).standard_normal(y_pred.shape)
    y = tf.constant(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(y)
        value = loss(y_true, y)
    slope = float(tf.reduce_sum(tape.gradient(value, y) * direction))
    step = 1e-6
    ahead, behind = (float(loss(y_true, y_pred + s * direction)) for s in (step, -step))
    assert slope == pytest.approx((ahead - behind) / (2 * step), rel=1e-5)


@pytest.mark.parametrize("case", ["target", "estimate", "both", "equal", "opposite", "one source"])
def test_silence_and_equality_are_finite(name, case):
    y_true, y_pred = tensors(name)
    if case in ("target", "both"):
        y_true = np.zeros_like(y_true)
    if case in ("estimate", "both"):
        y_pred = np.zeros_like(y_pred)
    if case == "equal":
        y_pred = y_true
    if case == "opposite":
        y_pred = -y_true
    if case == "one source":
        y_true[:, 1] = 0
    y = tf.constant(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(y)
        value = losses.get(name)(y_true, y)
    assert np.isfinite(value)
    assert np.all(np.isfinite(tape.gradient(value, y)))


def test_an_example_does_not_feel_the_others(name):
    y_true, y_pred = tensors(name)
    loss = losses.get(name, reduction="none")
    together = loss(y_true, y_pred).numpy()
    alone = [float(loss(y_true[i : i + 1], y_pred[i : i + 1])[0]) for i in range(3)]
    np.testing.assert_allclose(together, alone, rtol=1e-6)


def test_sample_weight_weighs_examples(name):
    y_true, y_pred = tensors(name)
    each = losses.get(name, reduction="none")(y_true, y_pred).numpy()
    weighted = losses.get(name)(y_true, y_pred, sample_weight=np.array([0.0, 3.0, 0.0]))
    np.testing.assert_allclose(weighted, each[1], rtol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_graph_equals_eager(name, jit_compile):
    y_true, y_pred = tensors(name)
    loss = losses.get(name)
    compiled = tf.function(lambda a, b: loss(a, b), jit_compile=jit_compile)
    value = compiled(tf.constant(y_true), tf.constant(y_pred))
    np.testing.assert_allclose(value, loss(y_true, y_pred), rtol=1e-5)


def test_round_trip(name):
    loss = losses.get(name, reduction="sum", dtype="float64")
    again = losses.deserialize(losses.serialize(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    assert (again.name, again.dtype, again.domain) == (name, "float64", loss.domain)
    assert loss.domain in DOMAINS


def test_shapes_that_differ_name_the_axis(name):
    y_true, y_pred = tensors(name)
    with pytest.raises(ValueError, match=f"{name}: .* sources"):
        losses.get(name)(y_true, y_pred[:, :1])
    with pytest.raises(ValueError, match=rf"{name}: y_true .* wanted \[batch, sources, "):
        losses.get(name)(y_true[0], y_pred[0])


def test_computes_in_float32_under_mixed_precision(name):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        assert losses.get(name)(*tensors(name)).dtype == tf.float32
    finally:
        keras.config.set_dtype_policy(before)


def test_unknown_name_lists_the_names():
    with pytest.raises(UserError, match=r"l3_time.*l1_time, l2_time"):
        losses.get("l3_time")


def test_unknown_domain_lists_the_domains():
    with pytest.raises(ValueError, match="waveform, magnitude"):
        losses.L1("cepstrum")
