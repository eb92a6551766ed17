"""Published models on the command line: listed, fetched, and used by their names."""

import dataclasses
import hashlib
import json
import re
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import soundfile
from publisher import Publisher

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
from checkpoints import state
from pth import save

from mss_keras.config import RunConfig, UserError
from mss_keras.models.catalogue import MODELS, File
from mss_keras.training import runs
from mss_keras.training.fitting import pretrained_weights
from trainer.commands.shared import fetch_pretrained

SIZES: dict[str, Any] = {"hidden": 8, "channels": 1, "bins": 513, "max_bin": 513}


@pytest.fixture
def umxse(monkeypatch, tmp_path):
    """A server that has a made-up umxse, small, with terms of its own."""
    monkeypatch.setenv("MSS_KERAS_CACHE", str(tmp_path / "cache"))
    with Publisher({}).open() as server:
        files = []
        for seed, target in enumerate(("speech", "noise")):
            save(tmp_path / "x.pth", state(seed, **SIZES))
            content = (tmp_path / "x.pth").read_bytes()
            digits = hashlib.sha256(content).hexdigest()[:8]
            server.files[f"{target}_{digits}.pth"] = content
            files.append(File(server.url(f"{target}_{digits}.pth"), digits))
        published = dataclasses.replace(MODELS["umxse"], files=tuple(files), licence="mine alone")
        monkeypatch.setitem(MODELS, "umxse", published)
        path = tmp_path / "cache/models/umxse/umxse.keras"
        yield SimpleNamespace(server=server, published=published, path=path)


def test_models_are_listed(command, umxse):
    text = command("models", check=0).stdout
    lines = text.splitlines()
    names = {x.split()[0]: x.split()[-3:] for x in lines[2 : 2 + len(MODELS)]}
    assert list(names) == list(MODELS)
    assert names["umxl"] == ["44100", "452", "no"]
    assert max(map(len, lines)) <= 80
    said = " ".join(text.split())
    for name, model in MODELS.items():
        assert re.search(rf" {name}(, \S+)*: {model.licence}, from {model.page}( |$)", said)
    assert not umxse.server.asked


def test_models_are_fetched_or_taken_from_a_folder(command, umxse, tmp_path):
    said = command("models", "--fetch", "umxse", check=0).stdout.splitlines()
    assert said[0] == "umxse: mine alone (https://zenodo.org/records/3786908)"
    assert said[-1] == f"umxse is in {umxse.path}"
    umxse.path.unlink()
    asked = len(umxse.server.asked)
    for name, content in umxse.server.files.items():
        (tmp_path / name).write_bytes(content)
    command("models", "--fetch", "umxse", "--from", tmp_path, check=0)
    assert umxse.path.exists()
    assert len(umxse.server.asked) == asked


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--from", "x"], "--from: found no --fetch, wanted both"),
        (["--fetch", "umxhd"], "--fetch: found 'umxhd' (did you mean umxhq?), wanted one of umx, "),
        (["--fetch"], "--fetch: found no value, wanted one; see"),
        (["--fetch", "umxl", "--from", "gone"], "--from: found no vocals-bccbd9aa.pth at gone, "),
    ],
    ids=" ".join,
)
def test_mistakes(command, umxse, words, message):
    errors = command("models", *words, check=2).stderr
    assert errors.startswith(f"error: {message}")
    assert len(errors.splitlines()) == 1


def test_songs_are_separated_by_name(command, umxse, excerpt, tmp_path):
    soundfile.write(tmp_path / "song.wav", excerpt["mixture"][:8000, 0], 16000)
    words = ("separate", tmp_path / "song.wav", "--model", "umxse", "--output", tmp_path / "out")
    assert "umxse: mine alone" in command(*words, check=0).stdout
    for name in umxse.published.sources:
        assert soundfile.info(tmp_path / f"out/song/{name}.wav").frames == 8000
    assert "mine alone" not in command(*words, check=0).stdout
    assert len(umxse.server.asked) == 2


@pytest.mark.long
def test_what_is_exported_by_name_says_its_licence(command, umxse, tmp_path):
    command("export", "--model", "umxse", "--output", tmp_path / "served", check=0)
    card = json.loads((tmp_path / "served/1/assets.extra/model_card.json").read_text())
    assert card["licence"] == "mine alone"


def test_a_model_that_training_begins_with_is_fetched_once(umxse, tmp_path):
    for given in (None, "./runs/l2_freq/"):
        fetch_pretrained(RunConfig.from_flat({"pretrained": given}), tmp_path)
    run = RunConfig.from_flat({"pretrained": "umxse"})
    (tmp_path / "begun/checkpoints/epoch-0001").mkdir(parents=True)
    fetch_pretrained(run, tmp_path / "begun")
    assert not umxse.path.exists()
    fetch_pretrained(run, tmp_path)
    assert umxse.path.exists()
    with pytest.raises(UserError, match=r"pretrained: found nothing at umxsee \(did you mean umxs"):
        fetch_pretrained(RunConfig.from_flat({"pretrained": "umxsee"}), tmp_path)


@pytest.fixture
def voices(tmp_path, excerpt):
    """Two sources of a data set as umxse separates it: mono, at 16 kHz."""
    for number, track in enumerate(("train/a", "valid/b", "test/c")):
        (tmp_path / "voices" / track).mkdir(parents=True)
        for index, name in enumerate(("speech", "noise")):
            sound = excerpt["sources"][index, number * 16000 :][:16000, :1]
            soundfile.write(tmp_path / "voices" / track / f"{name}.wav", sound, 16000)
    return tmp_path / "voices"


AUDIO = ("--sources", "noise", "speech", "--sample-rate", 16000, "--nb-channels", 1)


@pytest.mark.long
def test_training_begins_with_a_model_by_name(command, umxse, voices, tmp_path, monkeypatch):
    """A run knows it by its name, so that it goes on where the model lies elsewhere, or is not."""
    words = (
        *("train", "--root", voices, "--output", tmp_path / "run", "--loss", "adversarial"),
        *("--pretrained", "umxse", *AUDIO, "--nfft", 1024, "--nhop", 512, "--network", "separate"),
        *("--hidden-size", 8, "--bandwidth", 8000, "--seq-dur", 0.5, "--batch-size", 1),
        *("--samples-per-track", 1, "--devices", "cpu"),
    )
    said = command(*words, "--epochs", 1, check=0).stdout
    assert "umxse: mine alone" in said
    assert "beginning with the weights of umxse\n" in said
    assert "\npretrained: umxse\n" in (tmp_path / "run/config.yaml").read_text()
    monkeypatch.setenv("MSS_KERAS_CACHE", str(tmp_path / "another"))
    shutil.move(tmp_path / "run", tmp_path / "moved")
    moved = tmp_path / "moved"
    again = ("train", "--config", moved / "config.yaml", "--output", moved, "--epochs", 2)
    assert "going on after epoch 1" in command(*again, check=0).stdout
    assert not (tmp_path / "another").exists()


def test_a_pretrained_model_that_is_not_here(umxse):
    with pytest.raises(UserError) as caught:
        pretrained_weights("umxse", runs.build(RunConfig()))
    wanted = "wanted it, by python -m trainer models --fetch umxse"
    assert str(caught.value) == f"pretrained: found umxse, but no {umxse.path}, {wanted}"


@pytest.mark.long
def test_models_by_name_are_compared_and_scored(command, umxse, voices, tmp_path):
    output = tmp_path / "page"
    words = ("compare", "umxse", "again=umxse", "--root", voices, "--duration", 1)
    said = command(*words, "--output", output, check=0).stdout
    assert said.count("mine alone") == 1
    assert "umxse and again have the highest mean SDR" in said
    assert ">umxse</th>" in (output / "compare.html").read_text()
    scored = ("evaluate", "--model", "umxse", "--root", voices, "--output", tmp_path / "scores")
    assert "umxse" in command(*scored, check=0).stdout


def test_names_that_are_next_to_one(command, umxse, tmp_path, excerpt):
    soundfile.write(tmp_path / "song.wav", excerpt["mixture"][:800, 0], 16000)
    words = ("separate", tmp_path / "song.wav", "--model", "umxsee")
    errors = command(*words, check=2).stderr
    assert errors.startswith(
        "error: --model: found nothing at umxsee (did you mean umxse?), wanted"
    )
    assert len(errors.splitlines()) == 1
