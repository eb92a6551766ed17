"""Values known in closed form, invariances, hyper-parameters, and other people's code."""

import json
from pathlib import Path

import numpy as np
import pytest
from statements import dissimilarity, magnitudes, peer_tensors

from mss_keras import losses
from mss_keras.config import UserError


def cosine_and_sine(samples=4410):
    """Orthogonal, of equal energy: [1, 1, samples, 1] each."""
    t = np.arange(samples) / samples * 2 * np.pi
    return (f(50 * t).astype(np.float32).reshape(1, 1, -1, 1) for f in (np.cos, np.sin))


@pytest.mark.parametrize("decibels", [-20.0, 0.0, 6.0, 30.0])
def test_target_plus_orthogonal_noise_gives_exactly_that_many_decibels(decibels):
    target, noise = cosine_and_sine()
    estimate = target + noise * 10 ** (-decibels / 20)
    for name in ("sisdr_time", "sdsdr_time"):
        assert float(losses.get(name)(target, estimate)) == pytest.approx(-decibels, abs=1e-3)
    power = 0.5 * 10 ** (-decibels / 10)  # of the noise
    value = float(losses.get("logl2_time")(target, estimate))
    assert value == pytest.approx(10 * np.log10(power), abs=1e-3)


def test_error_of_known_size():
    y_true = np.zeros((1, 1, 4, 1), np.float32)
    y_pred = np.array([3.0, -1.0, 0.0, 0.0], np.float32).reshape(1, 1, 4, 1)
    assert float(losses.get("l1_time")(y_true, y_pred)) == 1.0
    assert float(losses.get("l2_time")(y_true, y_pred)) == 2.5
    assert float(losses.get("logl1_time")(y_true, y_pred)) == pytest.approx(0.0, abs=1e-6)


def test_scaling_does_not_matter_to_sisdr():
    rng = np.random.default_rng(0)
    target, estimate = rng.standard_normal((2, 1, 2, 1000, 2)).astype(np.float32)
    loss = losses.get("sisdr_time")
    for gain in (0.01, 0.5, 20.0, -3.0):
        np.testing.assert_allclose(loss(target, gain * estimate), loss(target, estimate), rtol=1e-4)


def test_sdsdr_punishes_scaling_up_and_down():
    target, noise = cosine_and_sine()
    estimate = target + 0.1 * noise
    loss = losses.get("sdsdr_time")
    best = float(loss(target, estimate))
    values = {gain: float(loss(target, gain * estimate)) for gain in (0.1, 0.5, 0.9, 1.1, 2, 10)}
    assert all(value > best for value in values.values())
    assert values[0.1] > values[0.5] > values[0.9]
    assert values[10] > values[2] > values[1.1]
    # At gain g the SNR is 1 / ((1−g)² + g²/100), and L_down is that times g².
    for gain in (0.5, 2):
        snr = -10 * np.log10((1 - gain) ** 2 + (0.1 * gain) ** 2)
        assert values[gain] == pytest.approx(-min(snr, snr + 20 * np.log10(gain)), abs=1e-3)


@pytest.mark.parametrize("name", ["logl1_time", "logl2_time", "logl1_freq", "logl2_freq"])
def test_the_papers_normalisation_is_a_factor_and_an_offset(name):
    shape = (2, 3, 500, 2) if name.endswith("time") else (2, 3, 10, 2, 50)
    y_true, y_pred = np.random.default_rng(1).standard_normal((2, *shape)).astype(np.float32)
    terms, channels = 500, 2  # T, or N Ω
    mean = losses.get(name, reduction="none")(y_true, y_pred).numpy()
    paper = losses.get(name, reduction="none", normalization="paper")(y_true, y_pred).numpy()
    np.testing.assert_allclose(paper, (mean + 10 * np.log10(terms * channels)) / terms, rtol=1e-4)


@pytest.mark.parametrize("beta", [0.0, 0.05, 1.0])
def test_beta(beta):
    y_true, y_pred = np.random.default_rng(2).random((2, 3, 4, 6, 2, 17))
    value = losses.get("dissimilarity_freq", beta=beta, reduction="none")(y_true, y_pred)
    np.testing.assert_allclose(value, dissimilarity(y_true, y_pred, beta), rtol=1e-4)


def test_resolutions():
    y_true, y_pred = np.random.default_rng(3).standard_normal((2, 1, 1, 3000, 1))
    value = losses.get("multi_resolution_stft", resolutions=[(256, 64, 256)])(y_true, y_pred)
    true, pred = (magnitudes(x[0, 0, :, 0], 256, 64, 256) for x in (y_true, y_pred))
    convergence = np.linalg.norm(pred - true) / np.linalg.norm(true)
    expected = convergence + np.abs(np.log10(pred) - np.log10(true)).mean()
    np.testing.assert_allclose(value, expected, rtol=1e-4)


def test_the_stabiliser_does_not_tell_on_quiet_audio():
    """At RMS 0.01, against the exact formula."""
    rng = np.random.default_rng(5)
    y_true = 0.01 * rng.standard_normal((1, 1, 8000, 1))
    y_pred = 0.7 * y_true + 0.005 * rng.standard_normal(y_true.shape)
    value = losses.get("multi_resolution_stft", resolutions=[(1024, 120, 600)])(y_true, y_pred)
    true, pred = (magnitudes(x[0, 0, :, 0], 1024, 120, 600, 0.0) for x in (y_true, y_pred))
    exact = np.linalg.norm(pred - true) / np.linalg.norm(true)
    exact += np.abs(np.log10(pred) - np.log10(true)).mean()
    np.testing.assert_allclose(value, exact, rtol=1e-4)


def test_a_silent_source_does_not_drown_the_others():
    """Spectral convergence is not defined for silence; it counts 0 there."""
    rng = np.random.default_rng(4)
    y_true, y_pred = rng.standard_normal((2, 1, 2, 3000, 1)) * 0.1
    y_true[:, 1] = 0
    value = float(losses.get("multi_resolution_stft")(y_true, y_pred))
    assert 1 < value < 10


def test_silent_bins_have_no_dominant_source():
    y_true, y_pred = np.zeros((1, 2, 1, 1, 2)), np.ones((1, 2, 1, 1, 2))
    y_true[0, 1, 0, 0, 0] = 0.8
    value = float(losses.get("cross_entropy_mask")(y_true, y_pred))
    assert value == pytest.approx(np.log(2) / 2, rel=1e-6)  # of two bins, one is silent
    # Whatever sounds in another example.
    loss = losses.get("cross_entropy_mask", reduction="none")
    both = loss(np.concatenate([y_true[:, ::-1], 0 * y_true]), np.concatenate([y_pred, y_pred]))
    np.testing.assert_allclose(both, [value, 0.0], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        (
            "logl1_time",
            {"normalization": "sum"},
            "^loss_args.normalization: found 'sum', wanted 'mean' or 'paper'",
        ),
        ("multi_resolution_stft", {"resolutions": [(100, 10, 200)]}, "window up to the FFT size"),
        ("multi_resolution_stft", {"resolutions": [(100, 0, 100)]}, "window up to the FFT size"),
        ("multi_resolution_stft", {"resolutions": [(100, 10, 0)]}, "window up to the FFT size"),
        ("multi_resolution_stft", {"resolutions": []}, "at least one"),
        ("dissimilarity_freq", {"beta": -0.1}, "^loss_args.beta: found -0.1, wanted 0 or more"),
        ("l2_freq", {"beta": 1}, "none: this loss has no hyper-parameters"),
        (
            "sisdr_tim",
            {},
            r"^loss: found 'sisdr_tim' \(did you mean sisdr_time\?\), wanted",
        ),
        ("l2_freq", {"reduction": "all"}, "^loss_args: found reduction 'all' for l2_freq, wanted"),
        ("adversarial", {"gamma": "x"}, "^loss_args: found gamma 'x' for adversarial, wanted"),
    ],
)
def test_wrong_arguments_are_named(name, arguments, message):
    with pytest.raises(UserError, match=message):
        losses.get(name, **arguments)


def test_wrong_domains_are_named():
    with pytest.raises(ValueError, match="waveform, magnitude"):
        losses.L1("cepstrum")
    with pytest.raises(ValueError, match="wanted 'waveform'"):
        losses.MultiResolutionSTFT("mask")


PEERS = json.loads(Path(__file__).with_name("peers.json").read_text())


@pytest.mark.parametrize("case", PEERS["cases"], ids=lambda case: f"{case['peer']}-{case['loss']}")
def test_other_peoples_code(case):
    """Their values on the same tensors, recorded by tests/benchmarks/record_peers.py."""
    y_true, y_pred = peer_tensors(case["seed"])
    arguments = {"resolutions": case["resolutions"]} if "resolutions" in case else {}
    ours = float(losses.get(case["loss"], **arguments)(y_true, y_pred))
    assert ours == pytest.approx(case["value"], rel=1e-4)
