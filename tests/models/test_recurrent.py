"""LSTM layers, as one operation a direction or as a loop, give Keras's outputs and gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from mss_keras.models import recurrent as subject
from mss_keras.models.recurrent import recurrent, takes


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(3)


@pytest.fixture(params=["operation", "loop"])
def way(request, monkeypatch):
    """Makes layers of few weights be computed either way."""
    monkeypatch.setattr(
        subject, "_MANY_WEIGHTS", {"operation": float("inf"), "loop": 0}[request.param]
    )
    return request.param


def stack(number: int = 2, *, bidirectional: bool, features: int = 12, units: int = 6):
    lstms = [layers.LSTM(units, return_sequences=True) for _ in range(number)]
    if bidirectional:
        lstms = [layers.Bidirectional(lstm) for lstm in lstms]
    for layer in lstms:
        width = features if layer is lstms[0] else units * (1 + bidirectional)
        layer.build((None, None, width))
        for weight in layer.weights:
            weight.assign(tf.random.normal(weight.shape, stddev=0.5))
    return lstms


def in_turn(x, lstms, between=()):
    for k, lstm in enumerate(lstms):
        x = lstm(between[k - 1](x) if k and between else x)
    return x


def outputs_and_gradients(function, x, lstms, *options):
    """Of a function of `x` and the layers, by a sum in which every output weighs otherwise."""
    weights = [weight for lstm in lstms for weight in lstm.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x, lstms, *options)
        total = tf.reduce_sum(y * tf.random.stateless_normal(tf.shape(y), [1, 2]))
    return [y, *tape.gradient(total, [x, *(weight.value for weight in weights)])]


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("batch", "frames"), [(1, 50), (5, 7), (2, 1)])
def test_outputs_and_gradients_are_keras_s(way, bidirectional, batch, frames):
    x = tf.random.normal([batch, frames, 12])
    lstms = stack(bidirectional=bidirectional)
    expected = outputs_and_gradients(in_turn, x, lstms)
    found = outputs_and_gradients(recurrent, x, lstms)
    for one, other in zip(found, expected, strict=True):
        assert np.abs(one - other).max() <= 1e-5 * np.abs(other).max()


def test_within_a_graph_of_unknown_sizes_too(way):
    lstms = stack(bidirectional=True)
    spec = tf.TensorSpec([None, None, 12])
    graph = tf.function(
        lambda x: outputs_and_gradients(recurrent, x, lstms), input_signature=[spec]
    )
    for batch, frames in ((2, 9), (3, 4)):
        x = tf.random.normal([batch, frames, 12])
        for one, other in zip(graph(x), outputs_and_gradients(in_turn, x, lstms), strict=True):
            assert np.abs(one - other).max() <= 1e-5 * np.abs(other).max()


@pytest.mark.parametrize(("batch", "frames"), [(1, 0), (0, 4)])
def test_nothing_gives_nothing(way, batch, frames):
    lstms = stack(bidirectional=True)
    y, dx, *weights = outputs_and_gradients(recurrent, tf.zeros([batch, frames, 12]), lstms)
    assert y.shape == (batch, frames, 12)
    assert dx.shape == (batch, frames, 12)
    assert all(np.abs(weight).max() == 0 for weight in weights)


def test_what_stands_between_layers_sees_examples_first():
    x = tf.random.normal([3, 5, 12])
    lstms = stack(3, bidirectional=True)
    factors = [tf.random.normal([3, 5, 1]) for _ in range(2)]
    between = [lambda y, f=factor: y * f for factor in factors]
    expected = outputs_and_gradients(in_turn, x, lstms, between)
    for one, other in zip(
        outputs_and_gradients(recurrent, x, lstms, between), expected, strict=True
    ):
        assert np.abs(one - other).max() <= 1e-5 * np.abs(other).max()


@pytest.mark.parametrize(("units", "operations"), [(256, 2), (512, 0)])
def test_many_weights_are_looped_over(units, operations):
    """Those of hidden size 1024, in two directions."""
    lstms = stack(1, bidirectional=True, features=2 * units, units=units)
    spec = tf.TensorSpec([None, None, 2 * units])
    graph = tf.function(lambda x: recurrent(x, lstms)).get_concrete_function(spec).graph
    names = [op.type for op in graph.get_operations()]
    assert names.count("BlockLSTMV2") == operations
    assert ("While" in names or "StatelessWhile" in names) == (operations == 0)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_that_of_its_products(dtype):
    x = tf.random.normal([4, 20, 12])
    lstms = stack(bidirectional=True)
    expected = outputs_and_gradients(recurrent, x, lstms)

    def halved(x, lstms):
        y = recurrent(tf.cast(x, dtype), lstms)
        assert y.dtype == dtype
        return tf.cast(y, tf.float32)

    close = (
        4 * float(np.finfo(tf.as_dtype(dtype).as_numpy_dtype).eps) if dtype == "float16" else 0.03
    )
    for one, other in zip(outputs_and_gradients(halved, x, lstms), expected, strict=True):
        difference = np.linalg.norm(one - other) / np.linalg.norm(other)
        assert 0 < difference < close


def test_long_sequences_keep_their_gradients(way):
    # 600 frames of a cell that forgets nothing: the first input reaches the last output.
    lstm = stack(1, bidirectional=False, units=3)[0]
    lstm.cell.bias.assign([9.0] * 6 + [0.0] * 3 + [9.0] * 3)
    for weight in (lstm.cell.kernel, lstm.cell.recurrent_kernel):
        weight.assign(0.02 * weight)
    x = tf.random.normal([2, 600, 12])

    def last(function):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.reduce_sum(function(x)[:, -1])
        return tape.gradient(y, x)

    expected = last(lstm)
    assert np.abs(expected[:, 0]).max() > 1e-6
    found = last(lambda x: recurrent(x, [lstm]))
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


def test_xla_is_left_to_keras():
    lstms = stack(bidirectional=True)
    x = tf.random.normal([2, 5, 12])
    asked = []

    @tf.function(jit_compile=True)
    def compiled(x):
        asked.append(takes(lstms[0]))
        return in_turn(x, lstms)

    compiled(x)
    tf.function(lambda: asked.append(takes(lstms[0])))()
    assert asked == [False, True]
    assert takes(lstms[0])


def test_gpus_are_left_to_cudnn(monkeypatch):
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: ["a GPU"])
    for lstm in (stack(1, bidirectional=True)[0], stack(1, bidirectional=False)[0]):
        assert not takes(lstm)
        getattr(lstm, "forward_layer", lstm).use_cudnn = False
        assert takes(lstm)


def test_products_of_the_gradient_have_the_type_of_the_input():
    """Half precision is for the sake of their time and memory."""
    (lstm,) = stack(1, bidirectional=False)

    @tf.function(input_signature=[tf.TensorSpec([2, 5, 12], tf.bfloat16)])
    def gradients(x):
        return outputs_and_gradients(
            lambda *given: tf.cast(recurrent(*given), "float32"), x, [lstm]
        )

    graph = gradients.get_concrete_function().graph.as_graph_def()
    bodies = [graph.node, *(function.node_def for function in graph.library.function)]
    types = [node.attr["T"].type for nodes in bodies for node in nodes if node.op == "MatMul"]
    assert len(types) >= 4  # one for each frame, and those of the input and both kernels
    assert set(types) == {tf.bfloat16.as_datatype_enum}


def test_gradients_of_gradients_are_refused():
    x, (lstm,) = tf.random.normal([2, 5, 12]), stack(1, bidirectional=False)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = tf.reduce_sum(recurrent(x, [lstm]))
        penalty = tf.reduce_sum(inner.gradient(y, x) ** 2)
    with pytest.raises(LookupError, match="has no gradient of its own"):
        outer.gradient(penalty, x)
