"""What `preview` shows is what `train` gets."""

import csv
import os
import shutil

import numpy as np
import pytest
import soundfile
import yaml
from command_line import SMALL, flags

from mss_keras import data
from mss_keras.config import RunConfig
from mss_keras.data.musdb import demo_stem
from mss_keras.jobs.locks import locked

DATA = {name: SMALL[name] for name in ("nfft", "nhop", "seq_dur", "batch_size")}


def rows_of(folder):
    with (folder / "levels.csv").open() as file:
        return list(csv.DictReader(file))


def rms_of(values, count, unpaired=None):
    """RMS of the first examples that a run of a configuration is trained by, dBFS."""
    config = RunConfig.from_flat(values)
    tracks = data.open_set(config.data, config.audio).train
    examples = data.training_examples(
        tracks, config.data, config.audio, seed=config.training.seed, unpaired=unpaired, mixed=False
    ).unbatch()
    levels = []
    for example in examples.take(count).as_numpy_iterator():
        parts = [example["sources"].sum(0), *example["sources"]]
        if unpaired is not None:
            parts += [example["unpaired_mixture"], *example["unpaired_sources"]]
        levels += [20 * np.log10(np.sqrt(np.mean(part**2))) for part in parts]
    return levels


def test_examples_are_the_first_of_the_run(tree, tmp_path, command):
    values = {**DATA, "root": str(tree), "seed": 7, "samples_per_track": 4}
    output = tmp_path / "out"
    said = command("preview", *flags(values), "--examples", 2, "--output", output, check=0).stdout
    rows = rows_of(output)
    assert len(rows) == 12 * 5  # an epoch
    found = [float(row["rms_dbfs"]) for row in rows]
    np.testing.assert_allclose(found, rms_of(values, 12), atol=0.006)
    assert [row["sound"] for row in rows[:5]] == ["mixture", "vocals", "drums", "bass", "other"]
    for row in rows[1:5]:
        waveform, _ = soundfile.read(
            tree / "train" / row["track"] / f"{row['sound']}.wav",
            start=round(float(row["start_s"]) * 44100),
            stop=round(float(row["end_s"]) * 44100),
        )
        level = 20 * np.log10(np.sqrt(np.mean(waveform**2)) * float(row["gain"]))
        assert level == pytest.approx(float(row["rms_dbfs"]), abs=0.1)
    page = (output / "preview.html").read_text()
    assert "Example 2" in page
    assert "Example 3" not in page
    assert "note: An epoch has 6 steps (3 tracks, --samples-per-track 4, --batch-size 2)" in said
    assert "An epoch has 6 steps (3 tracks, --samples-per-track 4, --batch-size 2)" in page
    assert sorted(path.name for path in output.iterdir()) == [
        *("levels.csv", "preview.html", "preview.yaml"),
    ]
    # Again, by what it wrote of its settings: the same.
    before = (output / "levels.csv").read_bytes(), page
    command("preview", "--config", output / "preview.yaml", "--output", output, check=0)
    assert ((output / "levels.csv").read_bytes(), (output / "preview.html").read_text()) == before


def test_of_a_run_s_configuration(run, tree, tmp_path, command):
    """What is no matter of the data is passed over; flags are stronger than the file."""
    output = tmp_path / "out"
    given = ["--config", run / "config.yaml", "--root", tree, "--examples", 1]
    command("preview", *given, "--output", output, check=0)
    values = yaml.safe_load((run / "config.yaml").read_text())
    count = values["samples_per_track"] * 3
    found = [float(row["rms_dbfs"]) for row in rows_of(output)]
    np.testing.assert_allclose(found, rms_of({**values, "root": str(tree)}, count), atol=0.006)
    command("preview", *given, "--seed", 3, "--output", output, check=0)
    other = [float(row["rms_dbfs"]) for row in rows_of(output)]
    assert np.abs(np.subtract(found, other)).max() > 1
    (tmp_path / "wrong.yaml").write_text("seed: 3\nepoks: 4\n")
    wrong = command("preview", "--config", tmp_path / "wrong.yaml", "--root", tree, check=2)
    assert "--config: found 'epoks'" in wrong.stderr


def test_unpaired_music_of_adversarial_training(tree, tmp_path, command):
    values = {**DATA, "root": str(tree), "loss": ["adversarial"], "samples_per_track": 2}
    output = tmp_path / "out"
    words = [*flags({**values, "loss": "adversarial"}), "--examples", 2, "--output", output]
    command("preview", *words, check=0)
    rows = rows_of(output)
    assert [row["sound"] for row in rows[5:10]] == [
        f"unpaired {name}" for name in ("mixture", "vocals", "drums", "bass", "other")
    ]
    found = [float(row["rms_dbfs"]) for row in rows]
    np.testing.assert_allclose(found, rms_of(values, 6, data.Unpaired()), atol=0.006)
    assert "adversarial training" in (output / "preview.html").read_text()


def test_mistakes(tree, tmp_path, command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words, message in (
        ([], "--root: found nothing"),
        (["--root", "/no/such"], "--root: found no such folder"),
        (["--root", tree, "--examples", "0"], "--examples: found 0, wanted a number above 0"),
        (["--root", tree, "--unpaired-root", tree], "wanted it with adversarial alone"),
        (["--root", tree, "--hidden-size", "3"], "'preview': found '--hidden-size'"),
        (["--root", tree, "--loss", "l3_freq"], "--loss: found 'l3_freq'"),
        (["--root", tree, "--sources", "flute"], "flute.wav: found no such file"),
        (["--root", tree, "--output", tree], f"--output: found something else in {tree}"),
    ):
        lines = command("preview", *words, check=2).stderr.splitlines()
        assert len(lines) == 1, lines
        assert message in lines[0]
    assert [path.name for path in tmp_path.iterdir()] == ["music"]
    (tmp_path / "taken").mkdir()
    with locked(tmp_path / "taken"):
        told = command("preview", "--root", tree, "--output", "taken", check=2).stderr
    assert f"where process {os.getpid()} is at work" in told


def test_music_in_stems_is_decoded_as_for_training(tmp_path, command):
    for split in ("train", "test"):
        (tmp_path / "stems" / split).mkdir(parents=True)
    for name in "ab":
        shutil.copy(demo_stem(), tmp_path / f"stems/train/{name}.stem.mp4")
    words = ["--root", tmp_path / "stems", "--examples", 1, "--output", tmp_path / "out"]
    said = command("preview", *words, *flags({**DATA, "samples_per_track": 2}), check=0).stdout
    assert "decoding" in said
    assert (tmp_path / "stems-wav/train/a/bass.wav").exists()
    assert {row["track"] for row in rows_of(tmp_path / "out")[1:5]} == {"a"}
