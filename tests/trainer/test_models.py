"""Published models on the command line: listed, fetched, and used by their names."""

import dataclasses
import hashlib
import json
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

from mss_keras.config import RunConfig
from mss_keras.separation.catalogue import MODELS, File
from trainer.commands.shared import with_pretrained

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
    lines = command("models", check=0).stdout.splitlines()
    assert [line.split()[0] for line in lines[2:]] == list(MODELS)
    (line,) = (line for line in lines if line.startswith("umxl "))
    assert "452 MB" in line
    assert "CC BY-NC-SA 4.0, not for commercial use" in line
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


def test_training_begins_with_a_model_by_name(umxse):
    run = RunConfig.from_flat({"pretrained": "umxse"})
    assert with_pretrained(run).adversarial.pretrained == str(umxse.path)
    assert umxse.path.exists()
    for run in (RunConfig(), RunConfig.from_flat({"pretrained": "./runs/l2_freq/"})):
        assert with_pretrained(run) == run


def test_names_that_are_next_to_one(command, umxse, tmp_path, excerpt):
    soundfile.write(tmp_path / "song.wav", excerpt["mixture"][:800, 0], 16000)
    words = ("separate", tmp_path / "song.wav", "--model", "umxsee")
    errors = command(*words, check=2).stderr
    assert errors.startswith(
        "error: --model: found nothing at umxsee (did you mean umxse?), wanted"
    )
    assert len(errors.splitlines()) == 1
