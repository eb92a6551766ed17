"""What is searched: ranges of the catalogue and of flags, and where chosen values go."""

import keras_tuner
import numpy as np
import pytest
import yaml

from mss_keras import losses
from mss_keras.config import FEATURE_LAYERS, RunConfig, TrainingConfig, UserError
from mss_keras.experiments.search.ranges import Choices
from mss_keras.experiments.search.space import Space
from mss_keras.losses import Range


def config(*loss, **training):
    return RunConfig(training=TrainingConfig(loss=loss, **training))


def test_every_range_is_of_a_hyperparameter_and_within_what_its_loss_takes():
    for name in losses.names():
        for key, span in losses.entry(name).ranges.items():
            assert key in losses.hyperparameters(name)
            for value in (span.low, span.high):
                losses.get(name, **{key: value})


def test_weights_of_the_survey_are_searched():
    found = {name: list(losses.entry(name).ranges) for name in losses.names()}
    assert {name: keys for name, keys in found.items() if keys} == {
        "dissimilarity_freq": ["beta"],
        "deep_feature": ["delta", "lambda"],
        "adversarial": ["gamma"],
    }


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("beta=0.01:0.5", Range(0.01, 0.5)),
        ("beta=0:10", Range(0, 10, log=False)),
        ("beta=0.01:0.5:linear", Range(0.01, 0.5, log=False)),
        ("beta=0.01:0.5:log", Range(0.01, 0.5)),
    ],
)
def test_a_range_is_overridden(text, span):
    assert Space.of(config("dissimilarity_freq"), [text]).ranges == {"beta": span}


def test_settings_are_searched_on_request():
    given = ["lr", "hidden-size=64:256:log", "seq-dur=1:2", "feature-layers=conv1+conv2:conv4_2"]
    space = Space.of(config("deep_feature"), given)
    assert list(space.ranges) == [
        *("delta", "lambda", "lr", "hidden_size", "seq_dur", "feature_layers")
    ]
    assert space.ranges["feature_layers"] == Choices(("conv1+conv2", "conv4_2"))
    hp = keras_tuner.HyperParameters()
    space.declare(hp)
    sizes = {hp.space[3].random_sample(seed) for seed in range(100)}
    assert sizes == {64, 128, 256}
    values = {
        **hp.values,
        **{"delta": 3.0, "lambda": 4.0, "lr": 0.1, "hidden_size": 128, "seq_dur": 1.5},
    }
    found = space.configuration(config("deep_feature"), values)
    assert found.training.loss_args == {"delta": 3.0, "lambda": 4.0}
    assert found.training.feature_layers == FEATURE_LAYERS[:2]
    assert (found.training.lr, found.model.hidden_size, found.data.seq_dur) == (0.1, 128, 1.5)


def test_several_losses_and_their_weights():
    base = config("dissimilarity_freq", "l1_time", loss_args={"dissimilarity_freq": {"beta": 0.2}})
    space = Space.of(base, ["loss-weight.l1_time=0.1:10"])
    assert list(space.ranges) == ["loss_weight.l1_time"]  # β is held
    found = space.configuration(base, {"loss_weight.l1_time": 3.0}).training
    assert found.loss_weight == (1.0, 3.0)
    assert found.loss_args == base.training.loss_args


def test_values_end_in_the_loss():
    base = config("dissimilarity_freq")
    found = Space.of(base, []).configuration(base, {"beta": 0.123, "tuner/epochs": 3}).training
    (loss,) = losses.get_all(found.loss, found.loss_args)
    assert loss.beta == 0.123
    # NumPy's numbers, which the Bayesian Oracle gives, are not of a kind that YAML knows.
    flat = Space.of(base, []).configuration(base, {"beta": np.float64(0.123)}).to_flat()
    assert yaml.safe_load(yaml.safe_dump(flat))["loss_args"] == {"beta": 0.123}


@pytest.mark.parametrize(
    ("loss", "given", "message"),
    [
        (
            "l1_time",
            [],
            "loss: found l1_time, without weights to search, wanted dissimilarity_freq or",
        ),
        ("dissimilarity_freq", ["beta=1:1"], "wanted a smaller number before a larger one"),
        ("dissimilarity_freq", ["beta=2:1"], "wanted a smaller number before a larger one"),
        ("dissimilarity_freq", ["beta=0:1:log"], "wanted numbers above 0 for a log range"),
        ("dissimilarity_freq", ["beta=0:inf"], "wanted a smaller number before a larger one"),
        ("dissimilarity_freq", ["beta=1"], "range: found 'beta=1', wanted NAME=LOW:HIGH"),
        ("dissimilarity_freq", ["beta=a:b"], "found 'beta=a:b', wanted NAME=LOW:HIGH"),
        ("dissimilarity_freq", ["beta=1:2:cubic"], "wanted NAME=LOW:HIGH"),
        ("dissimilarity_freq", ["beta=1:2:log:3"], "wanted NAME=LOW:HIGH"),
        (
            "dissimilarity_freq",
            ["gamma=1:2"],
            r"range: found 'gamma'.*, wanted one of beta, lr, hidden_size",
        ),
        (
            "dissimilarity_freq",
            ["feature-layers"],
            "range: found 'feature_layers', wanted one of beta",
        ),
        ("deep_feature", ["feature-layers=conv9"], r"\['conv9'\] in .*, wanted alternatives as"),
    ],
)
def test_wrong_ranges(loss, given, message):
    with pytest.raises(UserError, match=message):
        Space.of(config(loss), given)


def test_a_weight_is_held_or_searched():
    base = config("dissimilarity_freq", loss_args={"beta": 0.2})
    with pytest.raises(UserError, match=r"range: found beta and `loss_args\.beta`, wanted one"):
        Space.of(base, ["beta=0.1:0.2"])
    assert list(Space.of(base, ["lr"]).ranges) == ["lr"]


def test_a_grid_fills_the_trials_and_holds_both_ends():
    space = Space.of(config("deep_feature"), ["hidden-size=100:102"])
    hp = keras_tuner.HyperParameters()
    assert space.declare_grid(hp, trials=30) == 3 * 3 * 2  # of 100 to 102 two are even
    delta, _, hidden = (p.values for p in hp.space)
    assert delta == pytest.approx([1e-3, 1, 1e3])
    assert hidden == [100, 102]
    with pytest.raises(UserError, match="trials: found 7, wanted at least 8 for a grid"):
        space.declare_grid(keras_tuner.HyperParameters(), trials=7)
