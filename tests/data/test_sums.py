"""A source that is the sum of others is read as a file of the sum would be."""

import shutil
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from mss_keras.config import SUMS, AudioConfig, DataConfig, RunConfig, UserError
from mss_keras.data import (
    as_wav,
    check,
    compute_statistics,
    excerpt,
    not_finite,
    open_set,
    training_examples,
    validation_examples,
)
from mss_keras.data.alike import Alike, alike
from mss_keras.data.musdb import demo_stem

AUDIO = AudioConfig()
TWO = ("vocals", "accompaniment")
PARTS = ("drums", "bass", "other")


def settings(root, **kwargs):
    fields = {"seq_dur": 0.25, "batch_size": 4, "samples_per_track": 4, "sources": TWO, **kwargs}
    return DataConfig(root=str(root), **fields)


def opened(data, audio=AUDIO):
    return open_set(data, audio, ["train", "valid"])


def take(dataset, batches):
    return [{k: v.numpy() for k, v in batch.items()} for batch in dataset.take(batches)]


def added_up(folder):
    """The sum of the parts, float64; it may pass full scale."""
    return sum(soundfile.read(folder / f"{part}.wav", always_2d=True)[0] for part in PARTS)


def write_sums(tree):
    for vocals in tree.glob("*/*/vocals.wav"):
        sound = added_up(vocals.parent)
        soundfile.write(vocals.parent / "accompaniment.wav", sound, 44100, subtype="FLOAT")


@pytest.fixture
def written(tree, tmp_path):
    """The same music with files of the sums."""
    written = Path(shutil.copytree(tree, tmp_path / "written"))
    write_sums(written)
    return written


def test_sums_are_those_of_musdb():
    path = Path(str(metadata.distribution("musdb").locate_file("musdb/configs/mus.yaml")))
    targets = yaml.safe_load(path.read_text())["targets"]
    for name, parts in SUMS.items():
        assert targets[name] == dict.fromkeys(parts, 1)


@pytest.mark.parametrize("in_memory", [False, True])
@pytest.mark.parametrize("channels", [1, 2])
def test_examples_are_those_of_a_file(tree, written, in_memory, channels):
    (tree / "train/b/accompaniment.wav").hardlink_to(written / "train/b/accompaniment.wav")
    audio = AudioConfig(nb_channels=channels)
    found, wanted = (settings(root, in_memory=in_memory) for root in (tree, written))
    one, other = opened(found, audio), opened(wanted, audio)
    assert [len(track.sources[1].files) for track in one.train] == [3, 1, 3]
    assert all(len(track.sources[1].files) == 1 for track in other.train)
    for make in (
        lambda data, music: training_examples(music.train, data, audio, seed=1),
        lambda data, music: validation_examples(music.valid, data, audio),
    ):
        batches = zip(take(make(found, one), 3), take(make(wanted, other), 3), strict=True)
        for here, there in batches:
            for name in ("mixture", "sources"):
                np.testing.assert_allclose(here[name], there[name], atol=1e-6)


def test_parts_of_any_encoding_and_length(tree):
    """The shortest counts, from disk and memory alike."""
    folder = tree / "valid/d"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (44100, 1))
    soundfile.write(folder / "bass.wav", noise[:30000], 44100, subtype="PCM_24")
    soundfile.write(folder / "other.wav", noise, 44100, subtype="FLOAT")
    shutil.copytree(folder, tree / "valid/c")  # whose accompaniment is a file
    soundfile.write(tree / "valid/c/accompaniment.wav", noise, 44100)
    drums = soundfile.read(folder / "drums.wav")[0][:30000]
    for in_memory in (False, True):
        data = settings(tree, seq_dur=1.0, in_memory=in_memory)
        tracks = opened(data).valid
        assert [track.samples for track in tracks] == [44100, 30000]
        (batch,) = take(validation_examples(tracks, data, AUDIO), 1)
        own, found = batch["sources"][:2, 1]
        np.testing.assert_allclose(own, np.repeat(noise, 2, 1), atol=2.0**-14)  # 16 bits
        np.testing.assert_allclose(found[:30000], drums + 2 * noise[:30000], atol=1e-6)
        assert not found[30000:].any()


def test_all_else_that_reads_tracks(tree, written):
    """Statistics without mixtures, excerpts, likeness, and what is not finite."""
    for path in [*tree.glob("*/*/mixture.wav"), *written.glob("*/*/mixture.wav")]:
        path.unlink()
    one, other = (opened(settings(root)).train for root in (tree, written))
    audio = AudioConfig(nfft=1024, nhop=256)
    found, wanted = (compute_statistics(x, audio, progress=False) for x in (one, other))
    np.testing.assert_allclose(found.mean, wanted.mean, rtol=1e-5)
    here, there = (excerpt(tracks[0], AUDIO, 0.5) for tracks in (one, other))
    for name in ("mixture", "sources"):
        np.testing.assert_allclose(here[name], there[name], atol=1e-6)
    assert alike(one, TWO) == []
    shutil.copy(written / "train/a/accompaniment.wav", tree / "train/a/vocals.wav")
    assert alike(opened(settings(tree)).train, TWO) == [Alike("a", *TWO)]
    holes = np.full((44100, 2), np.nan)
    soundfile.write(tree / "train/a/bass.wav", holes, 44100, subtype="FLOAT")
    assert not_finite(opened(settings(tree)).train) == [str(tree / "train/a/bass.wav")]


def test_a_file_of_the_sum_is_taken_as_it_is(tree):
    soundfile.write(tree / "valid/d/accompaniment.wav", np.full((44100, 2), 0.5), 44100)
    (track,) = opened(settings(tree)).valid
    assert excerpt(track, AUDIO, 1.0)["sources"][1] == pytest.approx(0.5)


def test_stem_files(tmp_path, stems):
    """As MUSDB18 has them: there is no accompaniment among the streams."""
    (tmp_path / "stems/train").mkdir(parents=True)
    for name in ("a", "b"):
        shutil.copy(demo_stem(), tmp_path / f"stems/train/{name}.stem.mp4")
    assert check(tmp_path / "stems", TWO, AUDIO, progress=False) == []
    data = as_wav(settings(tmp_path / "stems"), say=lambda line: None, progress=False)
    (track,) = opened(data).valid
    found = excerpt(track, AUDIO, 10.0)
    expected = sum(np.clip(stems[part], -1, 1) for part in PARTS)  # in 16 bits
    np.testing.assert_allclose(found["sources"][1], expected, atol=1e-4)
    assert len(list(Path(str(data.root)).glob("*/*/*.wav"))) == 10


@pytest.mark.parametrize(
    ("left", "found", "wanted"),
    [
        ("bass.wav", "beside drums.wav, mixture.wav, other.wav, vocals.wav", True),
        ("drums.wav", "beside bass.wav, mixture.wav, other.wav, vocals.wav", True),
        ("", r"beside accompaniment.flac, bass.wav, ", False),  # which is not read
    ],
)
def test_what_is_missing_is_told_in_one_line(tree, left, found, wanted):
    if left:
        (tree / "train/b" / left).unlink()
    else:
        (tree / "train/b/accompaniment.flac").touch()
    parts = ", or drums.wav, bass.wav, other.wav, whose sum it is" if wanted else ""
    with pytest.raises(UserError) as caught:
        opened(settings(tree))
    where, line = str(caught.value).split(": ", 1)
    assert where == str(tree / "train/b/accompaniment.wav")
    assert line.startswith(f"found no such file {found}")
    assert line.endswith(f"wanted one for each of `sources`{parts}")
    finding, *others = check(tree, TWO, AUDIO, progress=False)
    assert (finding.path, finding.message, finding.fatal) == (where, line, True)
    assert [Path(x.path).name for x in others] == ([] if wanted else ["accompaniment.flac"])


def test_parts_that_are_read_are_no_strangers(tree):
    assert check(tree, TWO, AUDIO, progress=False) == []
    soundfile.write(tree / "train/a/bass.wav", np.zeros((44000, 2)), 44100)
    found = {(Path(x.path).name, x.message[:14]) for x in check(tree, TWO, AUDIO, progress=False)}
    assert found == {("bass.wav", "it is silent t"), ("bass.wav", "found 44000 sa")}


def test_a_sum_is_not_trained_beside_its_parts():
    with pytest.raises(UserError) as caught:
        RunConfig(data=DataConfig(sources=("vocals", "accompaniment", "bass")))
    assert str(caught.value).startswith("sources: found accompaniment beside bass, wanted a")
