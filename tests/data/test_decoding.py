"""Any audio file as a waveform, and excerpts of tracks."""

import numpy as np
import pytest
import soundfile

from mss_keras.config import AudioConfig, DataConfig, UserError
from mss_keras.data import as_wav, decode, excerpt, open_set
from mss_keras.data.musdb import demo_stem


@pytest.mark.parametrize(("name", "subtype"), [("x.wav", "PCM_24"), ("x.flac", "PCM_16")])
def test_decoded_as_soundfile_does(tmp_path, stems, name, subtype):
    soundfile.write(tmp_path / name, stems["mixture"][:50000], 44100, subtype=subtype)
    expected, _ = soundfile.read(tmp_path / name, dtype="float32")
    np.testing.assert_allclose(decode(tmp_path / name, AudioConfig()), expected, atol=1e-6)


def test_resampled_and_doubled(tmp_path):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(48000) / 48000)
    soundfile.write(tmp_path / "x.wav", tone, 48000, subtype="FLOAT")
    waveform = decode(tmp_path / "x.wav", AudioConfig())
    assert waveform.shape[1] == 2
    assert abs(len(waveform) - 44100) <= 32
    np.testing.assert_array_equal(waveform[:, 0], waveform[:, 1])
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(waveform)) / 44100)
    inner = slice(2000, 40000)
    level = np.sqrt(np.mean(waveform[inner, 0] ** 2) / np.mean(expected[inner] ** 2))
    assert level == pytest.approx(1.0, abs=0.01)


def test_what_is_not_audio_is_named(tmp_path):
    (tmp_path / "x.wav").write_text("hello")
    with pytest.raises(UserError, match=r"x.wav: .*wanted an audio file"):
        decode(tmp_path / "x.wav", AudioConfig())
    with pytest.raises(UserError, match="No such file"):
        decode(tmp_path / "y.wav", AudioConfig())
    soundfile.write(tmp_path / "six.wav", np.zeros((100, 6)), 44100)
    with pytest.raises(UserError, match="6 channels"):
        decode(tmp_path / "six.wav", AudioConfig())


def test_excerpt_is_the_beginning(tree):
    track = open_set(DataConfig(root=str(tree)), AudioConfig()).train[0]
    found = excerpt(track, AudioConfig(), 0.5)
    assert found["sources"].shape == (4, 22050, 2)
    expected, _ = soundfile.read(track.sources[2].path, 22050, dtype="float32")
    np.testing.assert_array_equal(found["sources"][2], expected)
    mono = excerpt(track, AudioConfig(nb_channels=1), 100.0)
    assert mono["mixture"].shape == (44100, 1)


def test_stems_are_decoded_on_first_use(tmp_path):
    root = tmp_path / "musdb"
    for split in ("train", "test"):
        (root / split).mkdir(parents=True)
        (root / split / "x.stem.mp4").symlink_to(demo_stem())
    lines = []
    data = as_wav(DataConfig(root=str(root)), say=lines.append, progress=False)
    assert data.root == f"{root}-wav"
    assert len(lines) == 1
    assert len(open_set(data, AudioConfig(), splits=["test"]).test) == 1
