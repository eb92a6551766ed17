"""Statistics against NumPy over the whole track."""

import numpy as np
import pytest
import soundfile

from mss_keras.config import AudioConfig, DataConfig, UserError
from mss_keras.data import Statistics, compute_statistics, open_set, statistics


def reference(waveforms, nfft, hop):
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(nfft) / nfft)
    frames = []
    for waveform in waveforms:
        for start in range(0, len(waveform) - nfft + 1, hop):
            spectrum = np.fft.rfft(waveform[start : start + nfft] * window[:, None], axis=0)
            frames.append(np.abs(spectrum).mean(1))
    return np.mean(frames, 0), np.std(frames, 0)


@pytest.mark.parametrize("seconds", [0.05, 0.333, 20.0])
@pytest.mark.parametrize("mixture", [True, False])
def test_blocks_join_without_a_seam(tree, monkeypatch, seconds, mixture):
    monkeypatch.setattr(statistics, "_BLOCK_SECONDS", seconds)
    audio = AudioConfig(nfft=1024, nhop=256)
    if not mixture:
        for path in tree.glob("train/*/mixture.wav"):
            path.unlink()
    tracks = open_set(DataConfig(root=str(tree)), audio).train
    found = compute_statistics(tracks, audio, progress=False)
    waveforms = []
    for track in tracks:
        assert track.mixture or not mixture
        files = [track.mixture] if track.mixture else track.sources
        waveforms.append(sum(soundfile.read(file.path)[0] for file in files))
    mean, std = reference(waveforms, 1024, 256)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.std, np.maximum(std, 1e-4 * std.max()), rtol=1e-3, atol=1e-5)


def test_standard_deviation_has_a_floor(tree):
    for path in tree.glob("train/*/*.wav"):
        soundfile.write(path, np.sin(np.arange(44100) * 0.1)[:, None].repeat(2, 1), 44100)
    audio = AudioConfig()
    found = compute_statistics(
        open_set(DataConfig(root=str(tree)), audio).train, audio, progress=False
    )
    assert found.std.min() >= 0.99e-4 * found.std.max() > 0


def test_saved_and_loaded(tmp_path):
    path = tmp_path / "statistics.npz"
    Statistics(np.arange(5, dtype=np.float32), np.ones(5, np.float32)).save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["statistics.npz"]
    np.testing.assert_array_equal(Statistics.load(path, 5).mean, np.arange(5))
    with pytest.raises(UserError, match=r"found shape \(5,\), wanted 7 bins"):
        Statistics.load(path, 7)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(UserError, match=r"statistics.npz: found something else"):
        Statistics.load(path, 5)
    with pytest.raises(UserError, match=r"x.npz: found no such file"):
        Statistics.load(tmp_path / "x.npz", 5)
