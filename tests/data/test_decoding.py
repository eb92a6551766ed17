"""Any audio file as a waveform, and excerpts of tracks."""

import numpy as np
import pytest
import soundfile
from encoded import encode

from mss_keras.config import AudioConfig, DataConfig, UserError
from mss_keras.data import Song, as_wav, decode, excerpt, open_set
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
    with pytest.raises(UserError, match=r"x.wav: found .*, wanted an audio file"):
        decode(tmp_path / "x.wav", AudioConfig())
    with pytest.raises(UserError, match="No such file"):
        decode(tmp_path / "y.wav", AudioConfig())
    soundfile.write(tmp_path / "six.wav", np.zeros((100, 6)), 44100)
    with pytest.raises(UserError, match="6 channels"):
        decode(tmp_path / "six.wav", AudioConfig())


def test_tags_in_any_encoding(tmp_path, stems):
    with soundfile.SoundFile(tmp_path / "x.wav", "w", 44100, 2, "PCM_16") as file:
        file.title = "Dejeuner"
        file.write(stems["mixture"][:5000])
    whole = (tmp_path / "x.wav").read_bytes()
    assert b"Dejeuner" in whole
    (tmp_path / "x.wav").write_bytes(whole.replace(b"Dejeuner", "Déjeuner".encode("latin-1")))
    assert len(decode(tmp_path / "x.wav", AudioConfig())) == 5000


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("x.mp3", "libmp3lame"), ("x.m4a", "aac"), ("x.m4a", "alac"), ("x.ogg", "libopus"),
        ("x.opus", "libopus"), ("x.mkv", "flac"), ("x.wav", "pcm_u8"), ("x.wav", "pcm_s32le"),
        ("x.wav", "pcm_f64le"),
    ],
)  # fmt: skip
def test_compressed_and_uncommon(tmp_path, stems, name, codec):
    waveform = stems["mixture"][40000:100000]
    rate = 48000 if codec == "libopus" else 44100
    encode(tmp_path / name, waveform, codec, rate)
    found = decode(tmp_path / name, AudioConfig(sample_rate=rate))
    length = min(len(found), len(waveform))
    assert abs(len(found) - len(waveform)) < 3000  # codecs pad to their frames
    error = (found[:length] - waveform[:length])[2000:-2000]
    # The mixture is loud and rich: lossy codecs stay about 10 dB below it.
    assert np.sum(error**2) < 0.2 * np.sum(waveform**2)


@pytest.mark.parametrize("name", ["x.wav", "x.flac", "x.mp3"])
@pytest.mark.parametrize(
    ("start", "duration"), [(0.0, 0.3), (0.7, None), (0.5, 0.25), (1.2, 5.0), (0.0, None)]
)
def test_start_and_duration(tmp_path, stems, name, start, duration):
    if name == "x.mp3":
        encode(tmp_path / name, stems["mixture"][:70000], "libmp3lame")
    else:
        soundfile.write(tmp_path / name, stems["mixture"][:70000], 44100)
    whole = decode(tmp_path / name, AudioConfig())
    song = Song(tmp_path / name, AudioConfig(), start=start, duration=duration)
    found = np.concatenate(list(song.blocks()))
    begin = round(start * 44100)
    end = None if duration is None else begin + round(duration * 44100)
    np.testing.assert_array_equal(found, whole[begin:end])
    assert song.samples == len(found)
    assert song.seconds == pytest.approx(len(found) / 44100, abs=0.1)


def test_beyond_the_end(tmp_path, stems):
    soundfile.write(tmp_path / "x.wav", stems["mixture"][:1000], 44100)
    with pytest.raises(UserError, match=r"x.wav: found no samples"):
        next(Song(tmp_path / "x.wav", AudioConfig(), start=1.0).blocks())


def test_samples_that_are_not_finite(tmp_path, stems):
    waveform = stems["mixture"][:50000].copy()
    waveform[44100, 1] = np.nan
    soundfile.write(tmp_path / "x.wav", waveform, 44100, subtype="FLOAT")
    with pytest.raises(UserError, match=r"x.wav: found a NaN or infinite sample at 1.000 s"):
        decode(tmp_path / "x.wav", AudioConfig())
    song = Song(tmp_path / "x.wav", AudioConfig(), duration=0.5)
    assert sum(map(len, song.blocks())) == 22050  # it lies behind what is read


def test_downmix(tmp_path):
    """5.1 to stereo; the centre comes to both sides, attenuated alike."""
    waveform = np.zeros((44100, 6), np.float32)
    waveform[:, 2] = 0.5 * np.sin(np.arange(44100) / 20)
    encode(tmp_path / "x.wav", waveform, "pcm_s16le")
    with pytest.raises(UserError, match=r"6 channels, wanted 1 or 2 \(`downmix`"):
        Song(tmp_path / "x.wav", AudioConfig())
    song = Song(tmp_path / "x.wav", AudioConfig(), downmix=True)
    found = np.concatenate(list(song.blocks()))
    assert found.shape == (44100, 2)
    np.testing.assert_allclose(found[:, 0], found[:, 1])
    assert 0.05 < np.abs(found).max() < 0.5


def test_a_truncated_file_is_decoded_as_far_as_it_goes(tmp_path, stems):
    encode(tmp_path / "x.mp3", stems["mixture"], "libmp3lame")
    (tmp_path / "y.mp3").write_bytes((tmp_path / "x.mp3").read_bytes()[:40000])
    song = Song(tmp_path / "y.mp3", AudioConfig())
    found = np.concatenate(list(song.blocks()))
    whole = decode(tmp_path / "x.mp3", AudioConfig())
    assert 20000 < len(found) < 200000
    np.testing.assert_allclose(found[:20000], whole[:20000], atol=1e-6)
    assert song.seconds
    assert song.samples / song.rate < song.seconds - 0.5


def test_a_damaged_stretch_is_left_out_and_counted(tmp_path, stems):
    encode(tmp_path / "x.mp3", stems["mixture"], "libmp3lame")
    content = bytearray((tmp_path / "x.mp3").read_bytes())
    content[50_000:51_500] = np.random.default_rng(0).bytes(1500)
    (tmp_path / "x.mp3").write_bytes(content)
    song = Song(tmp_path / "x.mp3", AudioConfig())
    found = np.concatenate(list(song.blocks()))
    assert song.damaged > 0
    assert 250000 < len(found) < 268288


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
    lines: list[str] = []
    data = as_wav(DataConfig(root=str(root)), say=lines.append, progress=False)
    assert data.root == f"{root}-wav"
    assert [line.split()[0] for line in lines] == ["decoding", "warning:"]  # of a peak of 1.02
    assert len(open_set(data, AudioConfig(), splits=["test"]).test) == 1
