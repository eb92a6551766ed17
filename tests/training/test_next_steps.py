"""How a run ended, and commands that work for it as they are printed."""

import dataclasses
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mss_keras.training import runs
from mss_keras.training.checkpoints import Checkpoints
from mss_keras.training.next_steps import as_text, how_it_ended, next_steps, tensorboard_command
from mss_keras.training.state import RunState
from trainer.arguments import parse


@pytest.fixture
def config(run):
    return runs.read_config(run / "config.yaml")


def words_of(commands):
    return {what: shlex.split(command) for what, command in commands.items()}


def with_root(config, root):
    return dataclasses.replace(config, data=dataclasses.replace(config.data, root=str(root)))


def test_every_command_is_one_that_the_parser_takes(run, config):
    words = words_of(next_steps(config, run))
    assert {"score", "separate a song", "publish"} <= set(words)
    for command in words.values():
        assert command[:2] == ["python", "-m"]
        if command[2] == "trainer":
            parse(command[3:])
    assert words["look into it"][2:] == ["tensorboard.main", "--logdir", f"{run}/tensorboard"]
    assert words["listen and look"][2:] == ["webbrowser", (run / "report.html").as_uri()]
    assert words["score"][-4:] == ["--subset", "test", "--output", f"{run}-evaluation"]
    assert words["separate a song"][4] == f"{config.data.root}/test/e/mixture.wav"


def test_paths_are_quoted(run, config, tmp_path):
    """One with spaces, and one that would be a flag."""
    copy = shutil.copytree(run / "checkpoints", tmp_path / "it's mine/checkpoints").parent
    shutil.copy(run / "config.yaml", copy)
    commands = next_steps(config, copy)
    assert words_of(commands)["look into it"][-1] == f"{copy}/tensorboard"
    for command in commands.values():
        if " trainer " in command:
            parse(shlex.split(command)[3:])


def test_a_run_whose_name_begins_with_a_dash(run, config, tmp_path, monkeypatch):
    shutil.copytree(run / "checkpoints", tmp_path / "-mine/checkpoints")
    monkeypatch.chdir(tmp_path)
    words = words_of(next_steps(config, Path("-mine")))
    assert parse(words["publish"][3:])["export"].model == "./-mine"


def test_the_page_is_named_where_there_is_one(run, config, tmp_path):
    copy = shutil.copytree(run / "checkpoints", tmp_path / "run/checkpoints").parent
    assert "listen and look" not in next_steps(config, copy)
    (copy / "report.html").touch()
    words = words_of(next_steps(config, copy))["listen and look"]
    assert words == ["python", "-m", "webbrowser", (copy / "report.html").as_uri()]


def test_scores_are_of_validation_where_there_are_no_test_tracks(run, config, tree):
    shutil.rmtree(tree / "test")
    words = words_of(next_steps(with_root(config, tree), run))
    assert "valid" in words["score"]
    assert words["separate a song"][4] == f"{tree}/valid/d/mixture.wav"
    for path in tree.rglob("mixture.wav"):
        path.unlink()
    words = words_of(next_steps(with_root(config, tree), run))
    assert words["separate a song"][4] == "SONG"


def ended(monkeypatch, config, *, epochs, **state):
    config = dataclasses.replace(
        config, training=dataclasses.replace(config.training, epochs=epochs)
    )
    history = [{"epoch": 7, "val_loss": 0.0123456, "val_si_sdr": -1.0, "val_snr": 2.345}]
    last = RunState(history=history, best_epoch=7, **state)
    monkeypatch.setattr(Checkpoints, "last", lambda self: last)
    return config


def test_the_best_epoch_and_why_there_are_no_more(monkeypatch, config, tmp_path):
    best = "val_loss 0.01235, val_si_sdr -1.00 dB, val_snr 2.35 dB."
    config = ended(monkeypatch, config, epochs=8, epoch=8)
    text = as_text(config, tmp_path)
    assert text.startswith(f"Best epoch 7 of 8: {best} All 8 epochs are done.\n")
    assert "train on" not in text
    config = ended(monkeypatch, config, epochs=30, epoch=12, stopped=True)
    line = f"Best epoch 7 of 12: {best} Stopped early: val_loss has not fallen for 5 epochs."
    assert how_it_ended(config, tmp_path) == line
    assert "train on" not in as_text(config, tmp_path)


def test_a_run_that_still_improves_may_go_on(monkeypatch, config, tmp_path):
    config = ended(monkeypatch, config, epochs=7, epoch=7)
    (words,) = (w for what, w in words_of(next_steps(config, tmp_path)).items() if "train" in what)
    assert words[4:] == [
        *("--config", f"{tmp_path}/config.yaml", "--epochs", "14", "--output", str(tmp_path)),
    ]


def test_a_song_is_separated_by_the_printed_command(run, config, tmp_path, command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command(*words_of(next_steps(config, run))["separate a song"][3:], check=0)
    assert (tmp_path / "separated/mixture/vocals.wav").exists()


@pytest.mark.long
def test_train_tells_it_all(run, tmp_path, command):
    """Of a run that has ended already; and at its beginning what shows it in TensorBoard.

    A name in backticks is no flag.
    """
    copy = shutil.copytree(run, tmp_path / "my `test` run")
    arguments = ("train", "--config", copy / "config.yaml", "--audio-every", 7, "--output", copy)
    said = command(*arguments, "--tensorboard", check=0).stdout.splitlines()
    assert said[0] == f"TensorBoard: {tensorboard_command(copy / 'tensorboard')}"
    assert said[0].endswith("/my `test` run/tensorboard'")
    (line,) = (line for line in said if line.startswith("Best epoch "))
    assert re.fullmatch(r"Best epoch [12] of 2: val_loss \S+, .*\. All 2 epochs are done\.", line)
    separate = said[said.index("separate a song:") + 1]
    assert separate.startswith("    python -m trainer separate ")
    assert shlex.split(separate)[-1] == str(copy)


@pytest.mark.long
def test_all_of_them_run(run, config, tmp_path, command):
    copy = shutil.copytree(run, tmp_path / "a run")
    for words in words_of(next_steps(config, copy)).values():
        if words[2] == "trainer":
            command(*words[3:], *(["--output", tmp_path / "x"] * ("separate" in words)), check=0)
    assert (tmp_path / "a run-evaluation/summary.csv").exists()
    assert (tmp_path / "a run-served/1/saved_model.pb").exists()
    version = [sys.executable, "-m", "tensorboard.main", "--version"]
    assert subprocess.run(version, capture_output=True, timeout=120).returncode == 0
