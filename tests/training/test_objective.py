"""What a separator is trained by, without a separator."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from mss_keras import losses
from mss_keras.training.objective import Objective, mean_and_count

SCALED = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.125), 8.0)


def objective():
    chosen = [losses.get("l2_freq"), losses.get("l1_time")]
    along = keras.optimizers.serialize(SCALED)
    return Objective(chosen, [1.0, 0.25], log_gradient_norms=True, optimizer=along)


def test_there_and_back():
    before = objective()
    again = Objective.from_config(json.loads(json.dumps(before.get_config())))
    assert again.get_config() == before.get_config()
    assert list(again.trackers) == list(before.trackers)
    assert again.weights == (1.0, 0.25)


def test_every_discriminator_has_an_optimizer_of_its_own():
    made = objective()
    optimizers = [made.make_optimizer() for _ in range(3)]
    assert len({id(optimizer) for optimizer in optimizers}) == 3
    for optimizer in optimizers:
        assert optimizer.get_config() == SCALED.get_config()


@pytest.mark.parametrize(
    ("weight", "expected"),
    [(None, (2.0, 4)), ([1.0, 1.0, 1.0, 0.0], (8 / 3, 3)), ([0.0, 0.0, 0.0, 0.0], (0.0, 0))],
)
def test_means_are_over_the_examples_that_count(weight, expected):
    weights = None if weight is None else tf.constant(weight)
    found = mean_and_count(tf.constant(2.0), tf.constant(4), weights)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
