"""What a separator is trained by, without a separator."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from mss_keras import losses
from mss_keras.config import AudioConfig
from mss_keras.domains import MaskScene
from mss_keras.signal.stft import centred_stft
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


def mean_loss(name, leakage, *, training, **arguments):
    """A loss of a batch in which the first source is silent, and its estimate leaks."""
    rng = np.random.default_rng(0)
    audio = AudioConfig(nfft=256, nhop=64)
    sources = rng.standard_normal((2, 3, 1000, 1)).astype(np.float32)
    sources[:, 0] = 0
    spectrogram = centred_stft(tf.reduce_sum(sources, 1), audio.nfft, audio.nhop)
    mask = np.full((2, 3, *spectrogram.shape[1:]), 0.5, np.float32)
    mask[:, 0] = 10 ** (leakage / 20)
    scene = MaskScene(tf.constant(sources), tf.constant(mask), spectrogram, audio=audio)
    chosen = Objective([losses.get(name, **arguments)], [1.0])
    return float(chosen.total(scene, training=training))


@pytest.mark.parametrize("name", ["sisdr_time", "sdsdr_time", "logl1_freq", "logl2_time"])
def test_leakage_in_silence_does_not_move_the_validation_loss(name):
    """Nor with it the learning rate and the best epoch; without a threshold it does."""
    soft, literal = {"soft_threshold": 20.0}, {"soft_threshold": None}
    values = [mean_loss(name, leakage, training=False, **soft) for leakage in (-10, -40, -90)]
    assert values == pytest.approx([values[0]] * 3, abs=1e-5)
    assert mean_loss(name, -10, training=True, **soft) > mean_loss(name, -40, training=True, **soft)
    for training in (True, False):
        loud, quiet = (mean_loss(name, x, training=training, **literal) for x in (-40, -60))
        assert loud - quiet > 3
    assert mean_loss("l2_time", -10, training=False) > mean_loss("l2_time", -40, training=False)
