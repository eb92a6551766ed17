"""A run goes on where its music is what it was, and nowhere else."""

import dataclasses
import shutil

import numpy as np
import pytest
import soundfile

from mss_keras import data
from mss_keras.config import RunConfig, UserError
from mss_keras.training import resuming, runs
from mss_keras.training.loop import resolve


@pytest.fixture
def begun(tree, small, tmp_path):
    """A run that has finished two epochs, without what it learned, and its configuration."""
    config = resolve(RunConfig.from_flat({**small, "epochs": 4, "root": str(tree)}))
    folder = tmp_path / "run"
    music = data.open_set(config.data, config.audio)
    runs.claim(folder, config)
    resuming.remember(folder, music)
    data.compute_statistics(music.train, config.audio, progress=False).save(
        folder / "statistics.npz"
    )
    (folder / "checkpoints/epoch-0002").mkdir(parents=True)
    return folder, config


def go_on(folder, config, lines=None, **changes):
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, **changes))
    music = data.open_set(config.data, config.audio)
    resuming.check(folder, config, music, say=[].append if lines is None else lines.append)


def test_data_that_moved(begun, tree):
    folder, config = begun
    moved = str(shutil.move(tree, tree.with_name("elsewhere")))
    lines: list[str] = []
    go_on(folder, config, lines, root=moved)
    assert lines == [f"the music has moved from {tree} to {moved}, and is the same"]
    (folder / "tracks.json").unlink()  # as in runs from before it
    go_on(folder, config, root=moved)


def test_other_music(begun, tree):
    folder, config = begun
    shutil.copytree(tree, other := tree.with_name("other"))
    (other / "train/b").rename(other / "train/z")
    with pytest.raises(UserError, match=r"^root: found .*other, where train lacks b, wanted"):
        go_on(folder, config, root=str(other))
    (other / "train/z").rename(other / "train/b")
    for path in (other / "train/b").iterdir():
        waveform, rate = soundfile.read(path, dtype="int16")
        soundfile.write(path, waveform[:40000], rate)
    with pytest.raises(UserError, match="where b has 40000 samples instead of 44100"):
        go_on(folder, config, root=str(other))
    shutil.rmtree(other / "train/b")
    shutil.copytree(tree / "train/b", other / "train/b")
    waveform, rate = soundfile.read(other / "train/b/mixture.wav", dtype="int16")
    soundfile.write(other / "train/b/mixture.wav", waveform // 2, rate)
    with pytest.raises(UserError, match="whose statistics are others"):
        go_on(folder, config, root=str(other))
    with pytest.raises(UserError, match="whose statistics are others"):
        go_on(folder, config, root=str(other), statistics="theirs.npz")


def test_statistics_of_another_run_say_nothing_of_this_one_s_music(begun, tree):
    folder, config = begun
    (folder / "tracks.json").unlink()
    resuming.remember(folder, data.open_set(config.data, config.audio), "theirs.npz")
    shutil.copytree(tree, other := tree.with_name("other"))
    waveform, rate = soundfile.read(other / "train/b/mixture.wav", dtype="int16")
    soundfile.write(other / "train/b/mixture.wav", waveform // 2, rate)
    go_on(folder, config, root=str(other))


def test_other_tracks_under_the_same_root(begun, tree):
    folder, config = begun
    shutil.copytree(tree / "train/b", tree / "train/🎵")
    resumed = dataclasses.replace(config, data=dataclasses.replace(config.data))
    with pytest.raises(UserError, match="where train has 🎵, wanted the music of"):
        go_on(folder, resumed)
    (folder / "tracks.json").unlink()
    resuming.remember(folder, data.open_set(config.data, config.audio))
    go_on(folder, resumed)


@pytest.mark.parametrize("text", ['{"train": 3}', '{"valid": {"d": "x"}}', "[" * 3000, "3"])
def test_tracks_that_are_damaged(begun, text):
    folder, config = begun
    (folder / "tracks.json").write_text(text)
    with pytest.raises(UserError, match=r"tracks\.json: found .*, wanted the tracks of a run"):
        go_on(folder, config)


def test_bins_without_music_may_differ_by_rounding(begun, tree):
    folder, config = begun
    statistics = data.Statistics.load(folder / "statistics.npz", config.audio.bins)
    mean = statistics.mean.copy()
    mean[-5:] += 1e-6 * mean.max()
    data.Statistics(mean, statistics.std).save(folder / "statistics.npz")
    go_on(folder, config, root=str(shutil.move(tree, tree.with_name("elsewhere"))))


def test_fewer_epochs_than_are_finished(begun):
    folder, config = begun
    before = (folder / "config.yaml").read_text()
    training = dataclasses.replace(config.training, epochs=1)
    fewer = dataclasses.replace(config, training=training)
    with pytest.raises(UserError, match=r"^epochs: found 1, wanted at least the 2 of the run in"):
        go_on(folder, fewer)
    assert (folder / "config.yaml").read_text() == before
    go_on(folder, dataclasses.replace(config, training=dataclasses.replace(training, epochs=2)))


def test_a_new_run(tmp_path, tree, small):
    config = RunConfig.from_flat({**small, "root": str(tree)})
    music = data.open_set(config.data, config.audio)
    resuming.check(tmp_path / "none", config, music, say=pytest.fail)
    assert np.all([track.samples == 44100 for track in music.train])


@pytest.mark.parametrize("changed", ["mean", "std"])
def test_mean_and_deviation_both_have_to_be_the_same(begun, tree, changed):
    folder, config = begun
    path = folder / "statistics.npz"
    statistics = data.Statistics.load(path, config.audio.bins)
    other = {"mean": statistics.mean, "std": statistics.std}
    other[changed] = 1.01 * other[changed]
    data.Statistics(**other).save(path)
    moved = str(shutil.move(tree, tree.with_name("elsewhere")))
    with pytest.raises(UserError, match="whose statistics are others"):
        go_on(folder, config, root=moved)
    path.unlink()  # a run that was stopped before it had any
    go_on(folder, config, root=moved)


def test_what_a_run_was_begun_with_is_written_once(begun, tree):
    """And before that was written, its configuration told where its statistics are from."""
    folder, config = begun
    music = data.open_set(config.data, config.audio)
    written = (folder / "tracks.json").read_text()
    resuming.remember(folder, music, "theirs.npz")
    assert (folder / "tracks.json").read_text() == written

    (folder / "tracks.json").unlink()
    with_theirs = dataclasses.replace(config.data, statistics="theirs.npz")
    runs.claim(folder, dataclasses.replace(config, data=with_theirs))
    shutil.copytree(tree, other := tree.with_name("other"))
    waveform, rate = soundfile.read(other / "train/b/mixture.wav", dtype="int16")
    soundfile.write(other / "train/b/mixture.wav", waveform // 2, rate)
    go_on(folder, config, root=str(other))


def test_other_tracks_of_validation(begun, tree):
    folder, config = begun
    (tree / "valid/d").rename(tree / "valid/z")
    with pytest.raises(UserError, match="where valid lacks d, wanted the music of"):
        go_on(folder, config)


def test_another_run(begun):
    folder, config = begun
    training = dataclasses.replace(config.training, seed=config.training.seed + 1)
    with pytest.raises(UserError, match=r"^output: found another run in .*`seed` 42 \(now 43"):
        go_on(folder, dataclasses.replace(config, training=training))


@pytest.mark.parametrize("text", ["{", "[1]", "3"])
def test_tracks_that_cannot_be_read(begun, text):
    folder, config = begun
    (folder / "tracks.json").write_text(text)
    with pytest.raises(UserError, match=r"tracks\.json: found .*, wanted the tracks of a run"):
        go_on(folder, config)
