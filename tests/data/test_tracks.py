"""Finding tracks, and what is said of those that cannot be used."""

import shutil

import numpy as np
import pytest
import soundfile

from mss_keras.config import AudioConfig, DataConfig, UserError
from mss_keras.data import AudioFile, open_set
from mss_keras.data.musdb import stem_ids, validation_tracks
from mss_keras.data.tracks import find_kind

AUDIO = AudioConfig()


def open_root(root, **kwargs):
    return open_set(DataConfig(root=str(root), **kwargs), AUDIO)


def names(tracks):
    return [track.name for track in tracks]


def test_splits_of_folders(tree):
    music = open_root(tree)
    assert names(music.train) == ["a", "b", "c"]
    assert names(music.valid) == ["d"]
    assert music.test == ()  # not asked for, not read
    track = music.train[0]
    assert [file.path.rsplit("/", 1)[1] for file in track.sources] == [
        "vocals.wav",
        "drums.wav",
        "bass.wav",
        "other.wav",
    ]
    assert track.mixture.path.endswith("mixture.wav")
    assert track.samples == 44100
    assert names(open_set(DataConfig(root=str(tree)), AUDIO, splits=["test"]).test) == ["e"]


def test_official_validation_tracks_are_held_out(tree):
    official = sorted(validation_tracks())[0]
    assert len(validation_tracks()) == 14
    shutil.rmtree(tree / "valid")
    (tree / "train" / "b").rename(tree / "train" / official)
    music = open_root(tree)
    assert names(music.train) == ["a", "c"]
    assert names(music.valid) == [official]


def test_last_names_are_held_out_of_other_sets(tree):
    shutil.rmtree(tree / "valid")
    music = open_root(tree)
    assert (names(music.train), names(music.valid)) == (["a", "b"], ["c"])


def test_folders_without_splits_and_other_sources(tree):
    root = tree / "train"
    for track in root.iterdir():
        (track / "mixture.wav").unlink()
        (track / "vocals.wav").rename(track / "flute.wav")
    music = open_root(root, sources=("flute", "bass"))
    assert names(music.train) + names(music.valid) == ["a", "b", "c"]
    assert music.train[0].mixture is None
    assert len(music.train[0].sources) == 2


@pytest.mark.parametrize(
    ("subtype", "dtype"),
    [("PCM_16", "int16"), ("PCM_24", "int32"), ("FLOAT", "float32")],
)
def test_headers(tmp_path, subtype, dtype):
    soundfile.write(tmp_path / "x.wav", np.zeros((123, 2)), 48000, subtype=subtype)
    file = AudioFile.read_header(tmp_path / "x.wav")
    assert (file.samples, file.channels, file.sample_rate, file.dtype) == (123, 2, 48000, dtype)


def test_stem_streams_are_those_of_musdb():
    assert stem_ids() == {"mixture": 0, "drums": 1, "bass": 2, "other": 3, "vocals": 4}


def no_such_root(tree):
    shutil.rmtree(tree)
    return "root: found no such folder"


def empty_root(tree):
    shutil.rmtree(tree)
    tree.mkdir()
    return "root: found no music"


def only_test(tree):
    shutil.rmtree(tree / "train")
    shutil.rmtree(tree / "valid")
    return "root: found no tracks for train in .*only test"


def one_track(tree):
    for name in ("valid", "train/b", "train/c"):
        shutil.rmtree(tree / name)
    return "root: found no tracks for valid"


def cut_in_the_middle(tree):
    path = tree / "train/b/bass.wav"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return r"train/b/bass.wav: found .* cut short, with 88178 bytes .* wanted 176400"


def text_named_wav(tree):
    (tree / "train/b/bass.wav").write_text("la la la\n" * 100)
    return "train/b/bass.wav: found no audio"


def other_rate(tree):
    soundfile.write(tree / "valid/d/drums.wav", np.zeros((100, 2)), 48000)
    return "valid/d/drums.wav: found .* 48000 Hz, wanted 44100 Hz"


def missing_source(tree):
    (tree / "train/a/other.wav").unlink()
    return "train/a/other.wav: found no such file.*bass.wav, drums.wav, mixture.wav, vocals.wav"


def no_samples(tree):
    soundfile.write(tree / "train/a/other.wav", np.zeros((0, 2)), 44100)
    return "train/a/other.wav: found no samples"


def six_channels(tree):
    soundfile.write(tree / "train/a/other.wav", np.zeros((10, 6)), 44100)
    return "train/a/other.wav: found 6 channels"


def doubles(tree):
    soundfile.write(tree / "train/a/other.wav", np.zeros((10, 2)), 44100, subtype="DOUBLE")
    return "train/a/other.wav: found WAV DOUBLE"


def wide_integers(tree):
    soundfile.write(tree / "train/a/other.wav", np.zeros((10, 2)), 44100, subtype="PCM_32")
    return "train/a/other.wav: found WAV PCM_32, wanted WAV of PCM_16, PCM_24, FLOAT"


def odd_24_bit_mono(tree):
    # As soundfile writes it; whole and valid, but it would end training.
    soundfile.write(tree / "train/a/other.wav", np.zeros(44101), 44100, subtype="PCM_24")
    return "train/a/other.wav: found chunks .* wanted a plain WAV"


@pytest.mark.parametrize(
    "damage",
    [
        no_such_root,
        empty_root,
        only_test,
        one_track,
        cut_in_the_middle,
        text_named_wav,
        other_rate,
        missing_source,
        no_samples,
        six_channels,
        doubles,
        wide_integers,
        odd_24_bit_mono,
    ],
)
def test_damage_is_told_in_one_line(tree, damage):
    message = damage(tree)
    with pytest.raises(UserError, match=message) as error:
        open_root(tree)
    assert "\n" not in str(error.value)


def test_no_root():
    with pytest.raises(UserError, match="root: found nothing"):
        open_set(DataConfig(), AUDIO)


def test_stems_want_to_be_prepared(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "x.stem.mp4").touch()
    assert find_kind(tmp_path) == "stems"
    with pytest.raises(
        UserError, match=r"root: found .stem.mp4 files .* wanted WAV files, as 'prepare'"
    ):
        open_root(tmp_path)
