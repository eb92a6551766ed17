"""What the multi-resolution STFT loss is beside its values: its slopes, and its memory."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from mss_keras import losses

# Prints by how many MiB the peak of the process grows.
_PEAK = """
import sys
import numpy as np
import tensorflow as tf
from mss_keras import losses

def peak():
    (line,) = (x for x in open("/proc/self/status") if x.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024

loss = losses.get("multi_resolution_stft")

@tf.function(autograph=False)
def slope(y_true, y_pred):
    return tf.gradients(loss(y_true, y_pred), y_pred)[0]

tensors = np.random.default_rng(0).standard_normal((2, 3, 4, 3 * 44100, 2)).astype(np.float32)
y_true, y_pred = map(tf.constant, tensors)
slope(y_true[:1, :1, :4410], y_pred[:1, :1, :4410])
before = peak()
slope(y_true, y_pred)
print(peak() - before)
"""


def test_each_source_has_its_own_weight_in_the_gradient():
    loss = losses.get("multi_resolution_stft", resolutions=[(64, 16, 60), (32, 8, 32)])
    y_true, y_pred = tf.random.stateless_normal([2, 3, 2, 200, 2], [1, 2])
    weights = tf.constant([[1.0, 0.0], [2.0, 0.0], [3.0, 0.5]])

    @tf.function(autograph=False)
    def together():
        return tf.gradients(tf.reduce_sum(weights * loss.by_source(y_true, y_pred)), y_pred)[0]

    gradient = together()
    for example, source in np.ndindex(3, 2):
        alone = (slice(example, example + 1), slice(source, source + 1))
        pred = y_pred[alone]
        with tf.GradientTape() as tape:
            tape.watch(pred)
            value = loss.by_source(y_true[alone], pred)
        expected = weights[example, source] * tape.gradient(value, pred)
        np.testing.assert_allclose(gradient[alone], expected, atol=1e-7)


def test_the_gradient_of_the_gradient():
    """As if there were no loop; targets are constants."""
    loss = losses.get("multi_resolution_stft", resolutions=[(64, 16, 60)], dtype="float64")
    y_true, y_pred = tf.random.stateless_normal([2, 1, 2, 200, 1], [3, 4], dtype=tf.float64)

    @tf.function(autograph=False)
    def of_slope(y_pred):
        first, constant = tf.gradients(loss(y_true, y_pred), [y_pred, y_true])
        assert constant is None
        return tf.reduce_sum(tf.square(first))

    with tf.GradientTape() as tape:
        tape.watch(y_pred)
        value = of_slope(y_pred)
    second = tape.gradient(value, y_pred)
    step = 1e-6 * tf.random.stateless_normal(y_pred.shape, [5, 6], dtype=tf.float64)
    found = of_slope(y_pred + step) - of_slope(y_pred - step)
    np.testing.assert_allclose(found, 2 * tf.reduce_sum(step * second), rtol=1e-4)
    with tf.GradientTape() as tape:
        tape.watch(y_true)
        value = loss(y_true, y_pred)
    assert tape.gradient(value, y_true) is None


@pytest.mark.long
def test_memory_does_not_grow_with_examples_and_sources():
    """Twelve sources of 3 s, whose spectrograms and their slopes would take above 1.5 GiB."""
    command = [sys.executable, "-c", _PEAK]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert float(result.stdout) < 300
