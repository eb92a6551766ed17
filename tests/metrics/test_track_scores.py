"""Stems on disk are scored as arrays are, and files that do not fit are named."""

import numpy as np
import pytest
import soundfile

from mss_keras.config import UserError
from mss_keras.metrics import bss_eval, whole_track
from mss_keras.metrics.tracks import score_files

SOURCES = ("bass", "drums")


@pytest.fixture
def stems(tmp_path):
    """Paths of targets and of estimates, 2.5 s each at 1000 Hz, and what they hold."""
    y_true = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 2500, 2)).astype(np.float32)
    both = {"targets": y_true, "estimates": 0.9 * y_true + 0.1 * y_true[::-1]}
    paths = {kind: [tmp_path / f"{kind}-{name}.wav" for name in SOURCES] for kind in both}
    for kind, waveforms in both.items():
        for path, waveform in zip(paths[kind], waveforms, strict=True):
            soundfile.write(path, waveform, 1000, subtype="FLOAT")
    return paths, both


def test_scores_are_those_of_arrays(stems):
    paths, both = stems
    scores = score_files("x", SOURCES, **paths, whole=("snr",))
    expected = bss_eval(both["targets"], both["estimates"], window=1000, hop=1000)
    assert (scores.track, scores.sources, scores.bsseval.sdr.shape) == ("x", SOURCES, (2, 2))
    np.testing.assert_array_equal(scores.bsseval.sdr, expected.sdr)
    assert list(scores.whole_track) == ["snr"]
    snr = whole_track(both["targets"], both["estimates"])["snr"]
    np.testing.assert_array_equal(scores.whole_track["snr"], snr)
    assert score_files("x", SOURCES, **paths).whole_track == {}


@pytest.mark.parametrize(
    ("samples", "rate", "found"),
    [
        (np.ones((2499, 2)), 1000, "found 2499 samples, wanted 2500"),
        (np.ones((2500, 2)), 999, "found 999 Hz, wanted 1000"),
        (np.ones((2500, 3)), 1000, "found 3 channels, wanted 2"),
        (np.ones((2500, 1)), 1000, "found 1 channels, wanted 2"),
    ],
)
def test_estimates_unlike_their_target_are_named(stems, samples, rate, found):
    paths, _ = stems
    soundfile.write(paths["estimates"][1], samples, rate)
    with pytest.raises(UserError, match=rf"estimates-drums\.wav: {found} as its target has"):
        score_files("x", SOURCES, **paths)


def test_estimates_may_have_the_channels_of_their_model(stems):
    paths, both = stems
    mono = {kind: waveforms.mean(axis=2, keepdims=True) for kind, waveforms in both.items()}
    for path, waveform in zip(paths["estimates"], mono["estimates"], strict=True):
        soundfile.write(path, waveform, 1000, subtype="FLOAT")
    scores = score_files("x", SOURCES, **paths, channels=1)
    expected = bss_eval(mono["targets"], mono["estimates"], window=1000, hop=1000)
    np.testing.assert_allclose(scores.bsseval.sdr, expected.sdr, atol=1e-3)
    with pytest.raises(UserError, match=r"estimates-bass\.wav: found 1 channels, wanted 2"):
        score_files("x", SOURCES, **paths, channels=3)


def test_estimates_that_are_not_there_or_no_audio_are_named(stems):
    paths, _ = stems
    paths["estimates"][0].write_text("no audio")
    wanted = r"wanted an estimate of .*targets-bass\.wav"
    with pytest.raises(UserError, match=rf"estimates-bass\.wav: found no audio .*, {wanted}"):
        score_files("x", SOURCES, **paths)
    paths["estimates"][0].unlink()
    with pytest.raises(UserError, match=rf"estimates-bass\.wav: found no file, {wanted}"):
        score_files("x", SOURCES, **paths)
