"""AdamL2 against the formulas of torch.optim.Adam(weight_decay=), with Keras's epsilon."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mss_keras.training.optimizer import AdamL2


def reference(value, gradients, lr, l2, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m = v = np.zeros_like(value)
    for t, gradient in enumerate(gradients, 1):
        g = gradient + l2 * value
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        rate = lr * np.sqrt(1 - beta2**t) / (1 - beta1**t)
        value = value - rate * m / (np.sqrt(v) + epsilon)
    return value


def test_steps_are_those_of_the_formulas():
    rng = np.random.default_rng(0)
    start = rng.standard_normal(50)
    gradients = rng.standard_normal((20, 50)) * 1e-2
    variable = keras.Variable(start, dtype="float64")
    optimizer = AdamL2(0.01, l2=0.1)
    for gradient in gradients:
        optimizer.apply_gradients([(keras.ops.convert_to_tensor(gradient), variable)])
    expected = reference(start, gradients, 0.01, 0.1)
    np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-5, atol=1e-6)
    assert np.abs(expected - reference(start, gradients, 0.01, 0.0)).max() > 1e-3


def steps_in_a_graph(optimizer, gradients, *, sparse=False, compiled=False):
    """The variable and the optimiser's state behind steps of a `tf.function`."""
    variable = keras.Variable(tf.ones([6, 5]))
    optimizer.build([variable])

    @tf.function(autograph=False, jit_compile=compiled)
    def step(gradient):
        rows = tf.IndexedSlices(gradient, tf.constant([1, 4]), tf.constant([6, 5]))
        dense = tf.pad(gradient, [[1, 3], [0, 0]])
        optimizer.apply_gradients([(rows if sparse else dense, variable)])

    for gradient in gradients:
        step(gradient)
    return [x.numpy() for x in (variable, *optimizer.variables)]


@pytest.mark.parametrize(
    ("settings", "graph"),
    [({}, {}), ({}, {"compiled": True}), ({}, {"sparse": True}), ({"amsgrad": True}, {})],
)
def test_steps_in_a_graph_are_keras_s_own(settings, graph):
    gradients = tf.random.stateless_normal([3, 2, 5], [1, 2])
    expected, found = (
        steps_in_a_graph(kind(0.01, epsilon=1e-8, **settings), gradients, **graph)
        for kind in (keras.optimizers.Adam, AdamL2)
    )
    for one, other in zip(found, expected, strict=True):
        # 1 - beta_2 is 1.3e-5 of itself less in float32, which TensorFlow's operation takes.
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-9)


def test_config():
    optimizer = AdamL2.from_config(AdamL2(0.01, l2=0.1).get_config())
    assert optimizer.l2 == 0.1
    assert optimizer.epsilon == 1e-8
