"""open-unmix's weights give here what they give there (recorded, see record_openunmix.py)."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from checkpoints import FLAVOURS, TARGETS, state

from mss_keras.config import AudioConfig, ModelConfig, UserError
from mss_keras.models import published
from mss_keras.models.masking import MaskingModel

RECORDED = Path(__file__).with_name("openunmix.npz")


def build(sizes):
    nfft = 2 * (sizes["bins"] - 1)
    rate = 44100 if nfft == 4096 else 16000
    bandwidth = min((sizes["max_bin"] - 0.5) * rate / nfft, rate / 2)
    unidirectional = sizes.get("unidirectional", False)
    config = ModelConfig("separate", sizes["hidden"], bandwidth, unidirectional)
    model = MaskingModel(TARGETS, AudioConfig(rate, sizes["channels"], nfft, nfft // 4), config)
    model.build()
    return model


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_magnitudes_and_stems_are_those_of_open_unmix(flavour, excerpt):
    sizes = FLAVOURS[flavour]
    model = build(sizes)
    for seed, network in enumerate(model.network.networks):
        published.load(network, state(seed, **sizes))
    mixture = excerpt["mixture"][:66150, : sizes["channels"]]
    parts = model(mixture[np.newaxis])
    magnitudes = (parts["mask"] * tf.abs(parts["spectrogram"])[:, None])[0].numpy()
    stems = np.stack(list(model.separate(mixture).values()))
    with np.load(RECORDED) as recorded:
        expected = recorded[f"{flavour}/magnitudes"]
        error = np.abs(magnitudes[:, ::3, :, ::11] - expected)
        assert error.max() < 1e-4 * max(1, expected.max())
        expected = recorded[f"{flavour}/stems"]
        error = stems[:, ::23] - expected
        assert np.sum(error**2) < 1e-8 * np.sum(expected**2)  # -80 dB


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_flavour_is_read_off_the_arrays(flavour):
    sizes = FLAVOURS[flavour]
    found = published.Flavour.of(state(0, **sizes))
    assert (found.hidden_size, found.nb_channels) == (sizes["hidden"], sizes["channels"])
    assert (found.nb_bins, found.max_bin) == (sizes["bins"], sizes["max_bin"])
    assert found.unidirectional == sizes.get("unidirectional", False)


SMALL: dict[str, Any] = {"hidden": 8, "channels": 2, "bins": 65, "max_bin": 40}


def test_every_variable_is_set_and_unknown_keys_are_ignored():
    model = build({**SMALL})
    network = model.network.networks[0]
    for variable in network.variables:
        variable.assign(np.full(variable.shape, np.nan))
    published.load(network, {**state(0, **SMALL), "stft.window": np.zeros(3)})
    # What is left is the state of the dropout's generators.
    assert all(np.isfinite(v.numpy()).all() for v in network.variables if "seed" not in v.path)


def test_missing_and_misshapen_arrays_are_named():
    network = build({**SMALL}).network.networks[0]
    before = [variable.numpy() for variable in network.weights]
    arrays = state(0, **SMALL)
    del arrays["lstm.bias_hh_l1"], arrays["bn2.bias"]
    with pytest.raises(UserError, match=r"state: found no bn2.bias, lstm.bias_hh_l1, wanted"):
        published.load(network, arrays)
    with pytest.raises(UserError, match=r"state: found no fc1.weight"):
        published.Flavour.of({})
    arrays = {**state(0, **SMALL), "fc2.weight": np.zeros([8, 3])}
    with pytest.raises(UserError, match=r"found fc2.weight of shape \(8, 3\), wanted \(8, 16\)"):
        published.load(network, arrays)
    for variable, value in zip(network.weights, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
