"""The Wiener filter against norbert, open-unmix and a statement of the formula."""

from pathlib import Path

import norbert
import numpy as np
import pytest
import tensorflow as tf
from checkpoints import wiener_case

from mss_keras.models.wiener import wiener
from mss_keras.signal.stft import centred_stft


def decibels(error, reference):
    return 10 * np.log10(np.sum(np.abs(error) ** 2) / np.sum(np.abs(reference) ** 2))


@pytest.fixture(scope="module")
def music(excerpt):
    """Magnitudes [sources, frames, channels, bins], disturbed, and the mixture's STFT."""
    sources = centred_stft(tf.constant(excerpt["sources"][:, :66150]), 2048, 512)
    mixture = tf.reduce_sum(sources, axis=0)
    disturbed = np.random.default_rng(0).uniform(0.5, 1.5, sources.shape)
    return np.abs(sources) * disturbed, mixture.numpy().astype(np.complex128)


def statement(magnitudes, mixture, niter, eps):
    """The formula, matrix by matrix; [sources, frames, channels, bins], float64."""
    phase = np.where(mixture == 0, 1, np.exp(1j * np.angle(mixture)))
    y = magnitudes * phase
    scale = max(1, np.abs(mixture).max() / 10)
    x, y = mixture / scale, y / scale
    channels = x.shape[1]
    for _ in range(niter):
        v = np.mean(np.abs(y) ** 2, axis=2)  # [sources, frames, bins]
        spatial = np.einsum("jnaw,jnbw->jwab", y, y.conj())
        spatial /= (eps + v.sum(axis=1))[..., None, None]
        covariance = np.einsum("jnw,jwab->nwab", v, spatial) + np.sqrt(eps) * np.eye(channels)
        whitened = np.linalg.solve(covariance, np.moveaxis(x, 1, 2)[..., None])[..., 0]
        y = np.einsum("jnw,jwab,nwb->jnaw", v, spatial, whitened)
    return y * scale


@pytest.mark.parametrize("softmask", [False, True])
@pytest.mark.parametrize("niter", [1, 2])
def test_equals_norbert_on_music(music, niter, softmask):
    magnitudes, mixture = music
    found = wiener(magnitudes, mixture, niter, softmask=softmask, eps=1e-10).numpy()
    expected = norbert.wiener(
        magnitudes.transpose(1, 3, 2, 0),
        mixture.transpose(0, 2, 1).copy(),
        niter,
        use_softmask=softmask,
        eps=1e-10,
    )
    assert decibels(found.transpose(1, 3, 2, 0) - expected, expected) < -100


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("softmask", [False, True])
@pytest.mark.parametrize("niter", [1, 2])
def test_equals_open_unmix(niter, softmask, residual):
    magnitudes, mixture = wiener_case()
    with np.load(Path(__file__).with_name("openunmix.npz")) as recorded:
        expected = recorded[f"wiener/{niter}{int(softmask)}{int(residual)}"]
    found = wiener(
        magnitudes.transpose(3, 0, 2, 1),
        mixture.transpose(0, 2, 1),
        niter,
        softmask=softmask,
        residual=residual,
        eps=1e-10,
    )
    assert decibels(found.numpy().transpose(1, 3, 2, 0) - expected, expected) < -100


@pytest.mark.parametrize("case", ["stereo", "dual mono", "silent frames", "silence", "mono"])
def test_equals_the_formula(music, case):
    magnitudes, mixture = (array.copy() for array in music)
    if case == "dual mono":
        magnitudes[:, :, 1], mixture[:, 1] = magnitudes[:, :, 0], mixture[:, 0]
    elif case == "silent frames":
        magnitudes[:, 10:20], mixture[10:20] = 0, 0
    elif case == "silence":
        magnitudes[:], mixture[:] = 0, 0
    elif case == "mono":
        magnitudes, mixture = magnitudes[:, :, :1], mixture[:, :1]
    found = wiener(magnitudes, mixture, 2).numpy()
    assert np.isfinite(found).all()
    expected = statement(magnitudes, mixture, 2, 1e-16)
    assert np.sum(np.abs(found - expected) ** 2) <= 1e-10 * np.sum(np.abs(expected) ** 2)


def test_stems_sum_to_the_mixture(music):
    magnitudes, mixture = music
    assert decibels(wiener(magnitudes, mixture, 2).numpy().sum(axis=0) - mixture, mixture) < -60
    for niter in (0, 1):
        stems = wiener(magnitudes[:2], mixture, niter, residual=True).numpy()
        assert len(stems) == 3
        assert decibels(stems.sum(axis=0) - mixture, mixture) < -60


def test_without_iterations_it_is_the_initial_estimate(music):
    magnitudes, mixture = music
    np.testing.assert_allclose(np.abs(wiener(magnitudes, mixture, 0)), magnitudes, rtol=1e-9)


@pytest.mark.parametrize("softmask", [False, True])
def test_gradient(softmask):
    magnitudes, mixture = wiener_case()
    magnitudes = tf.constant(magnitudes.transpose(3, 0, 2, 1)[:, :4, :, :3])
    mixture = mixture.transpose(0, 2, 1)[:4, :, :3].copy()
    mixture[1, :, 1] = 0

    def energy(values):
        stems = wiener(values, tf.constant(mixture), 1, softmask=softmask)
        return tf.reduce_sum(tf.abs(stems[0]) ** 2)

    with tf.GradientTape() as tape:
        tape.watch(magnitudes)
        value = energy(magnitudes)
    gradient = tape.gradient(value, magnitudes).numpy()
    assert np.isfinite(gradient).all()
    direction = np.random.default_rng(0).standard_normal(magnitudes.shape)
    step = 1e-5
    slope = (energy(magnitudes + step * direction) - energy(magnitudes - step * direction)) / (
        2 * step
    )
    assert np.sum(gradient * direction) == pytest.approx(float(slope), rel=1e-4)
