"""Gradients of two replicas: added up before anything else is done with them."""

import subprocess
import sys

import keras
import pytest
import tensorflow as tf

from mss_keras.training.gradients import take_over, update

SCRIPT = """
import keras, numpy as np, tensorflow as tf
from mss_keras.training.devices import choose
from mss_keras.training.gradients import take_over, update

used = choose("cpu:2")
with used.strategy.scope():
    def optimizer(clip=None, scaled=False):
        found = keras.optimizers.SGD(1.0, global_clipnorm=clip)
        return take_over(keras.optimizers.LossScaleOptimizer(found, 8.0) if scaled else found)

    def step(optimizer, shares):
        variable = keras.Variable([0.0, 0.0])
        optimizer.build([variable])
        def replica(share):
            update(optimizer, [share * optimizer.scale_loss(1.0)], [variable])
        values = used.strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(shares[context.replica_id_in_sync_group], tf.float32)
        )
        tf.function(lambda: used.strategy.run(replica, args=(values,)))()
        local = used.strategy.experimental_local_results(variable.value)
        assert len(local) == 2
        np.testing.assert_array_equal(*[x.numpy() for x in local])
        return local[0].numpy().tolist()

    print("sum", step(optimizer(), [[3.0, 0.0], [0.0, 4.0]]))
    print("clip", step(optimizer(clip=1.0), [[6.0, 0.0], [0.0, 8.0]]))
    print("scaled", step(optimizer(scaled=True), [[3.0, 0.0], [0.0, 4.0]]))
    print("scaled-clip", step(optimizer(clip=1.0, scaled=True), [[6.0, 0.0], [0.0, 8.0]]))
    for first in (True, False):
        scaled, infinite = optimizer(scaled=True), [[np.inf, 1.0], [1.0, 1.0]]
        print("infinite", step(scaled, infinite if first else infinite[::-1]))
        print("scale", [float(x.numpy()) for x in
                        used.strategy.experimental_local_results(scaled.dynamic_scale.value)])
"""


@pytest.fixture(scope="module")
def found():
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT], capture_output=True, text=True, timeout=200
    )
    assert result.returncode == 0, result.stderr
    lines: dict[str, list] = {}
    for line in result.stdout.splitlines():
        name, _, values = line.partition(" ")
        lines.setdefault(name, []).append(eval(values))
    return lines


@pytest.mark.parametrize("name", ["sum", "scaled"])
def test_shares_are_added_up(found, name):
    assert found[name] == [[-3.0, -4.0]]


@pytest.mark.parametrize("name", ["clip", "scaled-clip"])
def test_what_is_clipped_is_their_sum(found, name):
    """Norm 10, clipped to 1: each share alone would be clipped to a norm of 1, their sum to √2."""
    assert found[name][0] == pytest.approx([-0.6, -0.8], rel=1e-5)


def test_an_infinity_on_any_replica_stops_the_step(found):
    assert found["infinite"] == [[0.0, 0.0], [0.0, 0.0]]
    assert found["scale"] == [[4.0, 4.0], [4.0, 4.0]]


def test_a_variable_without_a_gradient_is_passed_over():
    first, second = keras.Variable([1.0]), keras.Variable([1.0])
    optimizer = take_over(keras.optimizers.SGD(0.5))
    optimizer.build([first, second])
    update(optimizer, [None, tf.constant([1.0])], [first, second])
    assert [float(x.numpy()[0]) for x in (first, second)] == [1.0, 0.5]
