"""The contract of a loss. A new loss is tested by standing in the catalogue and in STATEMENTS."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from statements import STATEMENTS, get

from mss_keras import losses
from mss_keras.config import DOMAINS, LOSSES, UserError

SHAPES = {"waveform": (3, 4, 2500, 2), "bins": (3, 4, 6, 2, 17)}


def tensors(name, scale=1.0, seed=7):
    """Random targets and estimates of a loss's domain, float32."""
    rng = np.random.default_rng(seed)
    if get(name).domain == "waveform":
        y_true = rng.standard_normal(SHAPES["waveform"])
        y_pred = 0.7 * y_true + 0.5 * rng.standard_normal(y_true.shape)
    else:
        y_true, y_pred = rng.random((2, *SHAPES["bins"]))
    return (scale * y_true).astype(np.float32), (scale * y_pred).astype(np.float32)


def value_and_gradient(loss, y_true, y_pred):
    y_pred = tf.convert_to_tensor(y_pred)
    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        value = loss(y_true, y_pred)
    return float(value), tape.gradient(value, y_pred).numpy()


@pytest.fixture(params=losses.names())
def name(request):
    return request.param


def test_every_loss_has_its_statement():
    assert set(STATEMENTS) == set(losses.names())
    assert list(LOSSES) == losses.names()


@pytest.mark.parametrize("scale", [0.01, 1.0, 1e3])
def test_value(name, scale):
    y_true, y_pred = tensors(name, scale)
    values = get(name, reduction="none")(y_true, y_pred)
    expected = STATEMENTS[name](y_true.astype(np.float64), y_pred.astype(np.float64))
    assert values.shape == (3,)
    np.testing.assert_allclose(values, expected, rtol=1e-4)


def test_value_on_music(name, excerpt):
    """The mixture as the estimate of each source, at RMS 0.01."""
    sources, mixture = excerpt["sources"][:, 88200:110250], excerpt["mixture"][88200:110250]
    y_true = sources[None] * 0.01 / np.sqrt(np.mean(mixture**2))
    y_pred = 0.6 * y_true + 0.2 * mixture * 0.01 / np.sqrt(np.mean(mixture**2))
    domain = get(name).domain
    if domain != "waveform":
        frames = np.lib.stride_tricks.sliding_window_view(np.stack([y_true, y_pred]), 1024, 3)
        y_true, y_pred = np.abs(np.fft.rfft(frames[:, :, :, ::512]))
    if domain == "mask":
        total = y_true.sum(1, keepdims=True)
        y_true, y_pred = y_true / total, y_pred / total
    y_true, y_pred = y_true.astype(np.float32), y_pred.astype(np.float32)
    value = get(name)(y_true, y_pred)
    expected = STATEMENTS[name](y_true.astype(np.float64), y_pred.astype(np.float64)).mean()
    np.testing.assert_allclose(value, expected, rtol=1e-4)


def test_gradient_against_finite_differences(name):
    loss = get(name, dtype="float64")
    y_true, y_pred = (x.astype(np.float64) for x in tensors(name))
    _, gradient = value_and_gradient(loss, y_true, y_pred)
    direction = np.random.default_rng(8).standard_normal(y_pred.shape)
    step = 1e-7
    ahead, behind = (float(loss(y_true, y_pred + s * direction)) for s in (step, -step))
    slope = np.sum(gradient * direction)
    # The moduli have kinks; a few of 30000 elements lie within a step of one.
    assert slope == pytest.approx((ahead - behind) / (2 * step), rel=1e-3, abs=1e-6)
    assert np.abs(gradient).max() > 0


CASES = ("target", "estimate", "both", "equal", "opposite", "one source", "tiny", "huge")


@pytest.mark.parametrize("precision", ["float32", "mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("case", CASES)
def test_silence_and_equality_are_finite(name, case, precision):
    y_true, y_pred = tensors(name, {"tiny": 1e-6, "huge": 1e3}.get(case, 1.0))
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
    half = {"mixed_float16": tf.float16, "mixed_bfloat16": tf.bfloat16}.get(precision, tf.float32)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        y_pred = tf.cast(y_pred, half)
        value, gradient = value_and_gradient(get(name), y_true, y_pred)
        assert get(name)(y_true, y_pred).dtype == tf.float32
    finally:
        keras.config.set_dtype_policy(before)
    assert np.isfinite(value)
    if half == tf.float32:
        assert np.all(np.isfinite(gradient))
    else:  # what a network computing in half precision is handed, in float32
        wide = tf.cast(y_pred, tf.float32)
        assert np.all(np.isfinite(value_and_gradient(get(name), y_true, wide)[1]))


def test_an_example_does_not_feel_the_others(name):
    y_true, y_pred = tensors(name)
    loss = get(name, reduction="none")
    together = loss(y_true, y_pred).numpy()
    alone = [float(loss(y_true[i : i + 1], y_pred[i : i + 1])[0]) for i in range(3)]
    np.testing.assert_allclose(together, alone, rtol=1e-5)
    order = [2, 0, 1]
    np.testing.assert_allclose(loss(y_true[order], y_pred[order]), together[order], rtol=1e-5)


# Where sources meet in the formula, doubling them is another thing.
MEET = {"dissimilarity_freq", "cross_entropy_mask", "binary_cross_entropy_mask"}


@pytest.mark.parametrize("name", sorted(set(losses.names()) - MEET))
def test_sources_are_averaged(name):
    """Every source twice over changes nothing."""
    y_true, y_pred = tensors(name)
    twice = [np.concatenate([x, x], axis=1) for x in (y_true, y_pred)]
    once = get(name)(y_true, y_pred)
    np.testing.assert_allclose(get(name)(*twice), once, rtol=1e-5)


def test_sample_weight_weighs_examples(name):
    y_true, y_pred = tensors(name)
    each = get(name, reduction="none")(y_true, y_pred).numpy()
    weighted = get(name)(y_true, y_pred, sample_weight=np.array([0.0, 3.0, 0.0]))
    np.testing.assert_allclose(weighted, each[1], rtol=1e-5)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_graph_equals_eager(name, jit_compile):
    y_true, y_pred = tensors(name)
    loss = get(name)
    compiled = tf.function(lambda a, b: value(loss, a, b), jit_compile=jit_compile)

    def value(loss, a, b):
        with tf.GradientTape() as tape:
            tape.watch(b)
            result = loss(a, b)
        return result, tape.gradient(result, b)

    found, gradient = compiled(tf.constant(y_true), tf.constant(y_pred))
    expected, expected_gradient = value_and_gradient(loss, y_true, y_pred)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    size = np.abs(expected_gradient).max()
    np.testing.assert_allclose(gradient, expected_gradient, atol=1e-3 * size)


def test_round_trip(name):
    own = {key: value for key, value in losses.hyperparameters(name).items() if key == "beta"}
    loss = get(name, reduction="sum", dtype="float64", **{key: 0.3 for key in own})
    again = losses.deserialize(losses.serialize(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    assert (again.name, again.dtype, again.domain) == (name, "float64", loss.domain)
    assert loss.domain in DOMAINS
    for key in losses.hyperparameters(name):
        assert {key, f"{key}_"} & set(loss.get_config())


def test_shapes_that_differ_name_the_axis(name):
    y_true, y_pred = tensors(name)
    with pytest.raises(ValueError, match=f"{name}: .* sources"):
        get(name)(y_true, y_pred[:, :1])
    with pytest.raises(ValueError, match=rf"{name}: y_true .* wanted \[batch, sources, "):
        get(name)(y_true[0], y_pred[0])


def test_unknown_hyperparameter_lists_what_exists(name):
    with pytest.raises(UserError, match=f"^loss_args: found 'gain' for {name}, wanted"):
        losses.get(name, gain=1)


def test_whether_a_loss_can_be_computed_alone_follows_from_its_class(name):
    """Those that cannot say so, and only those are refused where no network is given."""
    y_true, y_pred = tensors(name)
    alone = losses.get(name)
    assert (name in losses.readable()) == losses.entry(name).alone
    if losses.entry(name).alone:
        assert np.isfinite(alone(y_true, y_pred))
        assert alone.companion is None
    else:
        with pytest.raises(ValueError, match=f"{name}: no network found"):
            alone(y_true, y_pred)


def test_several_losses_share_and_have_arguments_of_their_own():
    chosen = ["logl1_time", "logl2_time", "l2_freq"]
    arguments = {"normalization": "paper", "logl2_time": {"normalization": "mean"}}
    found = losses.get_all(chosen, arguments)
    assert [loss.name for loss in found] == chosen
    assert [loss.normalization for loss in found[:2]] == ["paper", "mean"]
    with pytest.raises(
        UserError, match=r"^loss_args: found 'beta', wanted one of logl1_time: norm"
    ):
        losses.get_all(chosen, {"beta": 1})
    with pytest.raises(UserError, match=r"^loss_args\.l2_freq: found 3, wanted a mapping"):
        losses.get_all(chosen, {"l2_freq": 3})


def test_values_of_sources_are_their_own(name):
    """Their mean is the loss, and none depends on the estimate of another source."""
    y_true, y_pred = tensors(name)
    loss = get(name, reduction="none")
    coupled = {"sdsdr_time", "cross_entropy_mask", "deep_feature", "adversarial"}
    assert loss.separable == (name not in coupled)
    if not loss.separable:
        with pytest.raises(NotImplementedError):
            loss.by_source(y_true, y_pred)
        return
    values = loss.by_source(y_true, y_pred).numpy()
    np.testing.assert_allclose(values.mean(1), loss(y_true, y_pred), rtol=1e-5)
    y_pred[:, 0] = np.nan
    damaged = loss.by_source(y_true, y_pred).numpy()
    assert np.isnan(damaged[:, 0]).all()
    np.testing.assert_allclose(damaged[:, 1:], values[:, 1:], rtol=1e-5)
