"""Commands with networks other than OpenUnmix."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import SMALL, flags

from trainer.arguments import parse

ROOT = Path(__file__).parents[2]
SPLEETER = ROOT / "tests/separation/spleeter"
# As a run of OpenUnmix has it, whose width is no flag of other networks.
SIZES = {name: value for name, value in SMALL.items() if name != "hidden_size"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--network", "spleeters"], r"--network: found 'spleeters' \(did you mean spleeter\?\)"),
        (["--architecture", "joint"], "'train': found --architecture, wanted --network, its name"),
        (
            ["--network", "spleeter", "--hidden-size", "8"],
            "--hidden-size: found it with a --network that does not take it, wanted --network-args",
        ),
        (
            ["--network", "keras.layers:Dense", "--dropout", "0.4"],
            "--dropout: found it with a --network that does not take it, wanted --network-args",
        ),
        (
            ["tune", "--network", "keras.layers:Dense", "--no-unidirectional"],
            "--unidirectional: found it with a --network that does not take it, wanted",
        ),
        (["--network", "no.such:Class", "--dropout", "0.4"], "--network: found no.such:Class "),
        (["import-spleeter", "a", "b", "--output", "x.keras"], r"inputs: found \['a', 'b'\], wan"),
        (["import-spleeter", "/no/such", "--output", "x.keras"], "configuration: found 'such', w"),
    ],
)
def test_wrong_words_are_told(command, words, message):
    assert re.search(message, command(*words, check=2).stderr)


def test_a_file_from_before_the_flag_s_name_is_taken(tmp_path):
    (tmp_path / "old.yaml").write_text("architecture: separate\n")
    assert parse(["--config", str(tmp_path / "old.yaml")]).train.network == "separate"


def test_arguments_keep_their_types():
    """A layer takes no 8.0 for its width."""
    given = '{"a": 8, "b": 0.5, "c": true, "d": "elu", "e": [1, 2], "f": null, "g": 2.0}'
    found = parse(["--network", "a.b:C", "--network-args", given]).train.network_args
    assert repr(dict(found)) == repr(json.loads(given))


@pytest.mark.long
def test_import_spleeter_and_separate_with_it(command, excerpt, tmp_path):
    output = tmp_path / "two.keras"
    said = command("import-spleeter", SPLEETER / "2stems", "--output", output, check=0).stdout
    assert "vocals, accompaniment: 1024 bins read, in " in said
    soundfile.write(tmp_path / "song.wav", excerpt["mixture"], 44100)
    words = ("separate", tmp_path / "song.wav", "--model", output, "--output", tmp_path / "out")
    command(*words, check=0)
    stems = [
        soundfile.read(tmp_path / f"out/song/{name}.wav")[0] for name in ("vocals", "accompaniment")
    ]
    for stem in stems:
        assert stem.shape == excerpt["mixture"].shape
        assert np.abs(stem).max() > 0.01


def weights(run):
    with np.load(run / "checkpoints/epoch-0002/weights.npz") as file:
        return [file[name] for name in sorted(file)]


def rows(folder):
    return (folder / "history.csv").read_text().splitlines()[1:]


@pytest.mark.long
@pytest.mark.parametrize("name", ["spleeter", "my_networks:Shares", "my_waveforms:Dilated"])
def test_a_network_trains_resumes_separates_exports_and_searches(
    name, trainer, tree, excerpt, tmp_path, monkeypatch
):
    text = (ROOT / "mss_keras/models/README.md").read_text()
    found = re.findall(r'```python\n"""(my_\w+.py)"""(.*?)```', text, re.DOTALL)
    for file, code in found:
        (tmp_path / file).write_text(code)
    assert len(found) == 2
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}:{os.environ.get('PYTHONPATH', '')}")
    arguments = {
        "spleeter": '{"conv_n_filters": [2, 2, 3, 3, 4, 4]}',
        "my_networks:Shares": '{"width": 8}',
        "my_waveforms:Dilated": '{"width": 8, "depth": 6}',
    }[name]
    sizes = {**SIZES, "root": tree, "network": name, "network_args": arguments}
    run = tmp_path / "run"
    words = [*flags(sizes), "--loss", "l1_freq", "--deterministic", "--output", run]
    trainer(*words, "--epochs", "1", check=0)
    first = rows(run)
    trainer(*words, "--epochs", "2", check=0)
    assert rows(run)[:1] == first
    assert len(rows(run)) == 2
    assert (run / "saved_model/1/saved_model.pb").exists()
    assert not (run / "statistics.npz").exists()  # none of them takes any
    trainer(*words[:-1], tmp_path / "straight", "--epochs", "2", check=0)
    for one, other in zip(weights(run), weights(tmp_path / "straight"), strict=True):
        np.testing.assert_array_equal(one, other)

    song = np.concatenate([excerpt["mixture"]] * 5)  # 30 s
    soundfile.write(tmp_path / "song.wav", song, 44100)
    output = ("--model", run, "--output", tmp_path / "out")
    trainer("separate", tmp_path / "song.wav", *output, "--chunk-dur", "1", check=0)
    stem, _ = soundfile.read(tmp_path / "out/song/vocals.wav")
    assert stem.shape == song.shape
    assert np.abs(stem).max() > 0.01
    trainer("export", "--model", run, "--output", tmp_path / "served", check=0)
    assert (tmp_path / "served/1/saved_model.pb").exists()

    words = [*flags(sizes), "--loss", "dissimilarity_freq", "--tuner", "random", "--trials", "2"]
    found = trainer("tune", *words, "--epochs", "1", "--output", tmp_path / "search", check=0)
    assert "best" in found.stdout


@pytest.mark.long
def test_every_command_takes_a_network_of_waveforms(tree, tmp_path, excerpt, command):
    sizes = {**SIZES, "root": tree, "network": "waveform_layers:Filter", "epochs": 1}
    run = tmp_path / "run"
    command(*flags(sizes), "--loss", "sisdr_time", "--output", run, check=0)
    assert (run / "report.html").exists()
    soundfile.write(tmp_path / "song.wav", excerpt["mixture"], 44100)
    data = ("--root", tree, "--subset", "valid")
    words = {
        "separate": ("separate", tmp_path / "song.wav", "--model", run),
        "evaluate": ("evaluate", *data, "--model", run),
        "compare": ("compare", run, *data),
        "export": ("export", "--model", run),
    }
    for name, given in words.items():
        output = ("--output", tmp_path / name)
        command(*given, *output, check=0)
        assert any((tmp_path / name).iterdir())
        refused = command(*given, "--niter", "1", "--output", tmp_path / "refused", check=2)
        assert refused.stderr.splitlines()[-1].startswith("error: --niter: found 1 with a network")
    masks = command(*words["export"], "--signatures", "spectrogram", *output, check=2)
    assert "--signatures: found 'spectrogram', wanted others" in masks.stderr
    for extra in (["--loss", "l1_mask"], ["--dropout", "0.4"], ["--mask-activation", "relu"]):
        before = sorted(tmp_path.iterdir())
        told = command(*flags(sizes), *extra, "--output", tmp_path / "none", check=2)
        assert f"{extra[0]}: found " in told.stderr
        assert sorted(tmp_path.iterdir()) == before
    told = command("benchmark", *flags(sizes), "--losses", "psa", "l1_mask", check=2)
    assert "found l1_mask with a network of waveforms" in told.stderr
