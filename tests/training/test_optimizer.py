"""AdamL2 against the formulas of torch.optim.Adam(weight_decay=), with Keras's epsilon."""

import keras
import numpy as np

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


def test_config():
    optimizer = AdamL2.from_config(AdamL2(0.01, l2=0.1).get_config())
    assert optimizer.l2 == 0.1
    assert optimizer.epsilon == 1e-8
