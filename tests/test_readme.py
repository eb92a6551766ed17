"""What the README shows is run."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import soundfile
from command_line import flags

from mss_keras import losses
from mss_keras.data import make_demo
from mss_keras.data.musdb import demo_stem
from trainer.parser import COMMANDS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language):
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    return [text for found, text in fences if found == language]


def test_first_commands_are_targets_of_the_makefile():
    targets = re.findall(r"^make (\w+)$", blocks("sh")[0], re.MULTILINE)
    assert targets == ["demo", "test"]
    for target in (*targets, "lint"):
        subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)


def test_table_of_losses_is_the_catalogue():
    readmes = (ROOT / "mss_keras").rglob("README.md")
    assert any(losses.table() in path.read_text() for path in [ROOT / "README.md", *readmes])


def test_flags_named_in_the_text_exist(trainer):
    known = "".join(trainer(command, "--help", check=0).stdout for command in COMMANDS)
    client = [sys.executable, "-m", "serving.client", "--help"]
    known += subprocess.check_output(client, text=True)
    for flag in set(re.findall(r"--[a-z][a-z-]+", README)) - {"--help", "--seconds"}:
        assert flag in known, flag


def test_commands_of_the_table(trainer, command, tree, small, stems, tmp_path, monkeypatch):
    """The first in a process of its own, as its user has it."""
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^\| `python -m trainer (.*?)` \|", README, re.MULTILINE)
    assert [c.split()[0].strip("[]") for c in commands] == list(COMMANDS)
    (tmp_path / "MUSDB18/train").mkdir(parents=True)
    shutil.copy(demo_stem(), tmp_path / "MUSDB18/train/a.stem.mp4")
    soundfile.write(tmp_path / "song.wav", stems["mixture"][:44100], 44100)
    names = {"DATA": str(tree), "RUN": "run", "SONG...": "song.wav", "DIR": "out"}
    for text in commands:
        words = [names.get(word, word.strip("[]")) for word in shlex.split(text)]
        if words[0] == "train":
            words += flags({**small, "unidirectional": True, "epochs": 1})
        if words[0] in ("prepare", "evaluate"):
            words[words.index("--output") + 1] = words[0]
        if words[0] in ("import-openunmix", "benchmark", "tune"):
            continue  # see tests/trainer
        if words[0] == "export":
            words[-1] = "model"
        (trainer if words[0] == "train" else command)(*words, check=0)
    for made in (
        "prepare/train/a/bass.wav",
        "run/curves.png",
        "out/song/bass.wav",
        "model/1/variables",
    ):
        assert (tmp_path / made).exists()


def test_python_example(stems, tmp_path):
    make_demo(tmp_path / "runs/demo-data")
    soundfile.write(tmp_path / "song.wav", stems["mixture"][:30000], 44100)
    (example,) = blocks("python")
    code = example + "\nassert stems['drums'].shape == (30000, 2)\n"
    environment = {**os.environ, "PATH": "/nowhere"}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "models/open_unmix/1/saved_model.pb").exists()


def test_folder_trees_name_what_a_run_has():
    (tree,) = (block for block in blocks("") if block.startswith("RUN/"))
    for name in ("config.yaml", "statistics.npz", "checkpoints/", "history.csv", "tensorboard/"):
        assert name in tree
