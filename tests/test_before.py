"""What was made before the rooms were moved is read as before.

`tests/before/` holds a run of two epochs by l2_freq, with its SavedModel, one by adversarial
with a pretraining of one epoch, the first as a `.keras` file, and the stems that each gave of
a mixture of noise.
"""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from mss_keras.data import make_demo
from mss_keras.training import runs

BEFORE = Path(__file__).with_name("before")

# What the code of before made of the third epoch.
THIRD = {
    "run": {
        "loss": 0.27956831455230713, "val_loss": 0.22864851355552673,
        "val_snr": 0.24130548536777496, "val_si_sdr": -10.949139595031738,
    },
    "adversarial": {
        "loss": 0.2958758473396301, "val_loss": 0.22892321646213531,
        "val_snr": 0.24659793078899384, "val_si_sdr": -11.055526733398438,
    },
}  # fmt: skip


def expected(name):
    with np.load(BEFORE / name) as file:
        return dict(file)


@pytest.mark.parametrize(
    ("model", "stems"),
    [
        ("run", "expected.npz"),
        ("model.keras", "expected.npz"),
        ("adversarial", "expected_adversarial.npz"),
    ],
)
def test_models_give_the_same_stems(model, stems):
    mixture = expected("expected.npz")["mixture"]
    found = runs.load(BEFORE / model).separate(mixture)
    assert list(found) == ["vocals", "drums", "bass", "other"]
    wanted = expected(stems)
    for name, stem in found.items():
        np.testing.assert_allclose(stem, wanted[name], atol=1e-6)


def test_saved_model_gives_the_same_stems():
    wanted = expected("expected.npz")
    served = tf.saved_model.load(BEFORE / "run/saved_model/1").signatures["serving_default"]
    (waveform,) = served.structured_input_signature[1]
    found = served(**{waveform: wanted["mixture"][np.newaxis]})
    for name, stem in found.items():
        np.testing.assert_allclose(stem[0], wanted[name], atol=1e-6)


@pytest.mark.parametrize("name", ["run", "adversarial"])
def test_a_run_goes_on(name, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_demo(tmp_path / "demo-data")
    run = tmp_path / name
    shutil.copytree(BEFORE / name, run)
    config = str(run / "config.yaml")
    said = command("train", "--config", config, "--output", run, "--epochs", 3, check=0).stdout
    assert "going on after epoch 2" in said
    assert said.count("val_sdr is called val_snr") == 1
    with (run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert all(row["val_snr"] for row in rows)
    assert "val_sdr" not in rows[0]
    for column, value in THIRD[name].items():
        assert float(rows[2][column]) == pytest.approx(value, rel=2e-4)
