"""Oracles: perfect where sources do not overlap, ordered on music."""

import numpy as np
import pytest
import tensorflow as tf

from mss_keras.config import AudioConfig, UserError
from mss_keras.models import oracles

AUDIO = AudioConfig(nfft=2048, nhop=512)


def snr(target, estimate):
    return 10 * np.log10(np.sum(target**2) / np.sum((target - estimate) ** 2))


def separate(name, mixture, sources):
    tensors = {"mixture": tf.constant(mixture), "sources": tf.constant(sources)}
    return oracles.separate(name, **tensors, audio=AUDIO).numpy()


@pytest.mark.parametrize("name", oracles.ORACLES)
def test_sources_apart_in_frequency_are_separated(name):
    time = np.arange(30000) / 44100
    tones = np.stack([np.sin(2 * np.pi * f * time) for f in (440, 5000)])
    sources = np.repeat(tones[..., None], 2, axis=2).astype(np.float32)
    sources[:, :, 1] *= 0.5
    stems = separate(name, sources.sum(0), sources)
    for target, stem in zip(sources, stems, strict=True):
        assert snr(target[2048:-2048], stem[2048:-2048]) > 40


@pytest.mark.parametrize("name", oracles.ORACLES)
def test_music(name, excerpt):
    sources = excerpt["sources"][:, 100000:180000]
    mixture = sources.sum(0)
    stems = separate(name, mixture, sources)
    for target, stem in zip(sources, stems, strict=True):
        assert snr(target, stem) > snr(target, mixture) + 8
    if name != "ibm":  # where no source has half of the power, binary masks leave a hole
        assert snr(mixture, stems.sum(0)) > 60


def test_unknown():
    with pytest.raises(
        UserError, match=r"^oracle: found 'imr' \(did you mean irm\?\), wanted one of irm, ibm, mwf"
    ):
        separate("imr", np.zeros([9, 2]), np.zeros([1, 9, 2]))
