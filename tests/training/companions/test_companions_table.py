"""Which companion a loss has, and what follows for settings and phases."""

import dataclasses

import pytest

from mss_keras import losses
from mss_keras.config import RunConfig, UserError, fields
from mss_keras.losses.network import NetworkLoss
from mss_keras.training.companions import (
    COMPANIONS,
    Companion,
    Phase,
    companion_of,
    losses_of,
    phases,
    unused_settings,
    without_unused,
)


def config(*names, **values):
    return RunConfig.from_flat({"loss": list(names), **values})


@pytest.mark.parametrize("name", losses.names())
def test_every_loss_has_a_companion_and_only_network_losses_one_that_does_something(name):
    kind = COMPANIONS[losses.entry(name).loss.companion]
    assert issubclass(losses.entry(name).loss, NetworkLoss) == (kind is not Companion)
    found = companion_of(losses.get(name))
    assert type(found) is kind
    assert found.loss.name == name


def test_settings_are_fields_and_belong_to_one_companion():
    settings = [name for kind in COMPANIONS.values() for name in kind.settings]
    assert len(settings) == len(set(settings))
    assert set(settings) <= set(fields())


def test_settings_that_no_loss_uses():
    assert {"vggish", "pretrained"} <= set(unused_settings(["l1_freq"]))
    assert "vggish" not in unused_settings(["l1_freq", "deep_feature"])
    assert "pretrained" in unused_settings(["deep_feature"])
    given = config("l1_freq", feature_layers=["conv1"], pretrain_epochs=3, hidden_size=8)
    with pytest.raises(UserError, match=r"feature_layers: found .* wanted it with deep_feature"):
        losses_of(given)
    cleaned = without_unused(given)
    assert cleaned == config("l1_freq", hidden_size=8)
    adversarial = config("adversarial", pretrain_epochs=3)
    assert without_unused(adversarial) == adversarial


def test_one_phase_unless_a_loss_asks_for_more():
    plain = config("l1_freq", "psa", epochs=10, patience=3)
    assert phases(plain) == [Phase(10, 3)]
    both = config("l1_freq", "adversarial", epochs=10, pretrain_epochs=2, patience=3)
    assert phases(both) == [Phase(2, 3), Phase(10, 3, unpaired=True)]


def test_a_new_companion_costs_one_class_and_one_line(monkeypatch):
    """A loss of a kind that is not known yet, with phases and a setting of its own."""

    class Own(Companion):
        settings = ("bandwidth",)

        @classmethod
        def phases(cls, config):
            return [Phase(1, 1), Phase(config.training.epochs, 2)]

    class Loss(losses.L2):
        companion = "own"

    entry = dataclasses.replace(losses.entry("l2_freq"), loss=Loss)
    monkeypatch.setitem(COMPANIONS, "own", Own)
    monkeypatch.setitem(losses.catalogue.CATALOGUE, "own_freq", entry)
    own = config("own_freq", epochs=5, bandwidth=8000.0)
    assert phases(own) == [Phase(1, 1), Phase(5, 2)]
    assert [type(companion_of(loss)) for loss in losses_of(own)] == [Own]
    with pytest.raises(UserError, match=r"bandwidth: .* wanted it with own_freq"):
        losses_of(config("l1_freq", bandwidth=8000.0))
