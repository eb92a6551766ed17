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
    whole = path.read_bytes()
    path.write_bytes(whole[:50])
    with pytest.raises(UserError, match=r"statistics.npz: found something else"):
        Statistics.load(path, 5)
    for damage in (b"", b"PK", bytes(300)):
        path.write_bytes(damage)
        with pytest.raises(UserError, match=r"statistics.npz: found "):
            Statistics.load(path, 5)
    with pytest.raises(UserError, match=r"x.npz: found no such file"):
        Statistics.load(tmp_path / "x.npz", 5)


@pytest.mark.filterwarnings("error")  # the error is the only line
@pytest.mark.parametrize(
    ("mixture", "value", "named"),
    [(True, np.nan, "mixture"), (False, np.inf, "drums"), (True, 3e38, "mixture")],
)
def test_samples_that_are_not_finite_name_their_file(tree, mixture, value, named):
    waveform = np.full((44100, 2), 0.5)
    waveform[29650:29750, 1] = value  # around the start of a frame
    soundfile.write(tree / f"train/b/{named}.wav", waveform, 44100, subtype="FLOAT")
    if not mixture:
        for path in tree.glob("train/*/mixture.wav"):
            path.unlink()
    tracks = open_set(DataConfig(root=str(tree)), AudioConfig()).train
    with pytest.raises(UserError) as caught:
        compute_statistics(tracks, AudioConfig(), progress=False)
    line = f"{tree}/train/b/{named}.wav: found a sample of {value:g}, wanted finite ones from −1"
    assert str(caught.value).startswith(line)


@pytest.mark.parametrize(
    ("value", "found"), [(0, "silence in all mixtures"), (1, "mixtures whose spectrum never")]
)
def test_music_that_says_nothing_is_refused(tree, value, found):
    """The network would divide by the standard deviation of 0."""
    for path in tree.glob("train/*/mixture.wav"):
        impulse = np.zeros((4096, 2))
        impulse[100] = value
        soundfile.write(path, impulse, 44100)
    tracks = open_set(DataConfig(root=str(tree)), AudioConfig()).train
    with pytest.raises(UserError, match=f"root: found {found}"):
        compute_statistics(tracks, AudioConfig(), progress=False)


def test_statistics_that_are_not_those_of_music_are_refused(tmp_path):
    path, ones = tmp_path / "statistics.npz", np.ones(5, np.float32)
    for mean, std in ((ones * np.nan, ones), (ones, ones * np.inf), (ones, ones * 0)):
        np.savez(path, mean=mean, std=std)
        with pytest.raises(UserError, match="statistics: found values that are not finite"):
            Statistics(mean, std)
        with pytest.raises(UserError, match=r"statistics.npz: found values that are not finite"):
            Statistics.load(path, 5)


def test_mono_and_stereo_files_are_mixed(tree):
    """As the examples are: mono is heard on both channels, or stereo is mixed down."""
    generator = np.random.default_rng(0)
    parts = {}
    for path in tree.glob("train/*/*.wav"):
        if path.stem == "mixture":
            path.unlink()
            continue
        parts[path] = generator.uniform(-0.2, 0.2, (44100, 1 if path.stem == "bass" else 2))
        soundfile.write(path, parts[path], 44100, subtype="FLOAT")
    for channels in (1, 2):
        audio = AudioConfig(nfft=1024, nhop=512, nb_channels=channels)
        tracks = open_set(DataConfig(root=str(tree)), audio).train
        waveforms = [sum(parts[p] for p in parts if p.parent.name == t.name) for t in tracks]
        if channels == 1:
            waveforms = [
                sum(parts[p].mean(1, keepdims=True) for p in parts if p.parent.name == t.name)
                for t in tracks
            ]
        found = compute_statistics(tracks, audio, progress=False)
        mean, std = reference(waveforms, 1024, 512)
        np.testing.assert_allclose(found.mean, mean, rtol=1e-5)
        np.testing.assert_allclose(found.std, std, rtol=1e-5)


def test_sums_are_as_exact_as_in_double_precision(tmp_path):
    """Where the standard deviation is a thousandth of the mean, too."""
    times = np.arange(60 * 44100)
    loudness = 1 + 0.001 * np.sin(times / 30000)
    tone = 0.5 * loudness * np.sin(2 * np.pi * times / 64)
    (tmp_path / "train/a").mkdir(parents=True)
    soundfile.write(tmp_path / "train/a/x.wav", tone, 44100, subtype="FLOAT")
    config, audio = DataConfig(root=str(tmp_path), sources=("x",)), AudioConfig(nfft=1024, nhop=512)
    found = compute_statistics(open_set(config, audio, ["train"]).train, audio, progress=False)
    mean, std = reference([tone[:, None].astype(np.float32)], 1024, 512)
    loud = mean > 0.1 * mean.max()
    assert np.all(std[loud] < 0.002 * mean[loud])
    np.testing.assert_allclose(found.mean[loud], mean[loud], rtol=1e-6)
    np.testing.assert_allclose(found.std[loud], std[loud], rtol=1e-4)
