"""Stems on disk as arrays are sliced."""

import numpy as np
import pytest
import soundfile

from mss_keras.config import UserError
from mss_keras.metrics import AudioFiles, bss_eval, whole_track


@pytest.fixture
def paths(tmp_path):
    """Two sources of 16-bit stereo and what they hold."""
    samples = np.random.default_rng(0).integers(-9999, 9999, (2, 3000, 2), np.int16)
    paths = [tmp_path / f"{name}.wav" for name in ("bass", "drums")]
    for path, source in zip(paths, samples, strict=True):
        soundfile.write(path, source, 8000)
    return paths, samples / 2**15


def test_slices_are_those_of_an_array(paths):
    paths, wanted = paths
    with AudioFiles(paths) as files:
        assert files.shape == wanted.shape
        assert files.sample_rate == 8000
        for samples in (slice(0, 10), slice(2990, 4000), slice(3000, 3010), slice(None)):
            np.testing.assert_array_equal(files[:, samples], wanted[:, samples])
        np.testing.assert_array_equal(files[1:, 5:9], wanted[1:, 5:9])


def test_scores_are_those_of_an_array(paths):
    paths, y_true = paths
    y_pred = y_true + 0.1 * y_true[::-1]
    with AudioFiles(paths) as files:
        on_disk = bss_eval(files, y_pred, window=1000, hop=1000, lags=8)
        ratios = whole_track(files, y_pred)
    in_memory = bss_eval(y_true, y_pred, window=1000, hop=1000, lags=8)
    np.testing.assert_array_equal(on_disk.sar, in_memory.sar)
    assert ratios["snr"].tolist() == whole_track(y_true, y_pred)["snr"].tolist()


def test_files_that_are_added_up(paths):
    paths, wanted = paths
    with AudioFiles([paths, paths[1]]) as files:
        assert files.shape == wanted.shape
        expected = np.stack([wanted.sum(axis=0), wanted[1]])
        np.testing.assert_allclose(files[:, 5:900], expected[:, 5:900], rtol=1e-12)
    soundfile.write(paths[1], np.zeros((2999, 2)), 8000)
    with pytest.raises(
        UserError, match=r"drums\.wav: found 2999 samples, wanted 3000 as in .*bass"
    ):
        AudioFiles([paths])


@pytest.mark.parametrize(
    ("samples", "rate", "error"),
    [
        (np.zeros((2999, 2)), 8000, "found 2999 samples, wanted 3000"),
        (np.zeros((3000, 1)), 8000, "found 1 channels, wanted 2"),
        (np.zeros((3000, 2)), 9000, "found 9000 Hz, wanted 8000"),
    ],
)
def test_files_that_differ_are_named(paths, samples, rate, error):
    paths, _ = paths
    soundfile.write(paths[1], samples, rate)
    with pytest.raises(UserError, match=rf"drums\.wav: {error} as in .*bass\.wav"):
        AudioFiles(paths)


def test_files_that_cannot_be_read_are_named(paths):
    paths, _ = paths
    paths[1].write_bytes(b"no audio")
    with pytest.raises(UserError, match=r"drums\.wav: found no audio that can be read"):
        AudioFiles(paths)
    paths[1].unlink()
    with pytest.raises(UserError, match=r"drums\.wav: found no audio that can be read"):
        AudioFiles(paths)


@pytest.mark.parametrize("shape", [(3000, 2), (2, 0, 2), (1, 2, 3000, 2)])
def test_arrays_have_three_axes_that_are_not_empty(shape):
    right, wrong = np.ones((2, 3000, 2)), np.ones(shape)
    for name, pair in {"y_true": (wrong, right), "y_pred": (right, wrong)}.items():
        with pytest.raises(UserError, match=rf"^{name}: found \(.*, wanted shape \[sources, samp"):
            whole_track(*pair)


def test_mono_is_doubled_and_stereo_mixed_down(paths):
    paths, wanted = paths
    with AudioFiles(paths, channels=1) as files:
        np.testing.assert_allclose(files[:, 5:9], wanted[:, 5:9].mean(2, keepdims=True), atol=1e-12)
    for path, source in zip(paths, wanted, strict=True):
        soundfile.write(path, source[:, 0], 8000, subtype="DOUBLE")
    with AudioFiles(paths, channels=2) as files:
        np.testing.assert_array_equal(files[:, 5:9], wanted[:, 5:9, [0, 0]])
