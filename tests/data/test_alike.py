"""Files that hold the same sound are found, and no others."""

import numpy as np
import pytest
import soundfile

from mss_keras.config import AudioConfig, DataConfig
from mss_keras.data import AudioFile, Track, open_set
from mss_keras.data.alike import Alike, alike

SOURCES = ("bass", "drums", "vocals")


def found(tree):
    data = DataConfig(root=str(tree), sources=SOURCES)
    return alike(open_set(data, AudioConfig()).train, SOURCES)


def change(path, waveform, **kwargs):
    soundfile.write(path, waveform, 44100, **kwargs)


def test_real_music_has_none(tree):
    assert found(tree) == []


@pytest.mark.parametrize("gain", [1.0, 0.3, -0.5])
def test_two_sources_of_one_sound(tree, gain):
    """At whatever gain and in whatever encoding."""
    waveform, _ = soundfile.read(tree / "train/b/bass.wav")
    change(tree / "train/b/vocals.wav", gain * waveform, subtype="PCM_24")
    assert found(tree) == [Alike("b", "bass", "vocals")]


@pytest.mark.parametrize("seconds", [4, 8, 12])
def test_three_places_of_a_track_are_heard(tmp_path, seconds):
    """Two sources that differ for 3 s alone, around each quarter of 16 s."""
    rate, rng = 8000, np.random.default_rng(0)
    music = rng.uniform(-0.3, 0.3, (16 * rate, 1))
    other = music.copy()
    other[(seconds - 2) * rate : (seconds + 2) * rate] *= -0.5
    files = []
    for name, waveform in (("one", music), ("other", other)):
        soundfile.write(tmp_path / f"{name}.wav", waveform, rate)
        files.append(AudioFile.read_header(tmp_path / f"{name}.wav"))
    assert alike([Track("a", tuple(files), None)], ["one", "other"]) == []


def test_a_source_that_is_the_mixture(tree):
    mixture, _ = soundfile.read(tree / "train/c/mixture.wav")
    change(tree / "train/c/drums.wav", mixture)
    assert found(tree) == [Alike("c", "drums", "mixture")]


def test_a_source_that_sounds_alone_is_the_mixture_by_right(tree):
    mixture, _ = soundfile.read(tree / "train/c/mixture.wav")
    for name in SOURCES:
        change(tree / f"train/c/{name}.wav", mixture if name == "drums" else 0 * mixture)
    assert found(tree) == []


def test_samples_that_are_no_numbers_are_like_nothing(tree):
    broken = np.full((44100, 2), np.nan)
    for name in ("bass", "drums"):
        change(tree / f"train/a/{name}.wav", broken, subtype="FLOAT")
    assert found(tree) == []
