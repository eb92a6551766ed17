"""Checkpoints of open-unmix by way of their files."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
from checkpoints import state
from pth import save

from mss_keras.config import UserError
from mss_keras.separation.importing import import_openunmix
from mss_keras.training import runs

SIZES: dict[str, Any] = {"hidden": 8, "channels": 2, "bins": 65, "max_bin": 40}
CONFIG = {"sample_rate": 8000, "nfft": 128, "nhop": 32, "nb_channels": 2}


@pytest.fixture
def folder(tmp_path):
    """A model of two targets as open-unmix and torch.hub name them."""
    for seed, name in enumerate(("drums-0a1b2c3d", "vocals")):
        save(tmp_path / f"{name}.pth", {**state(seed, **SIZES), "stft.window": np.zeros(3)})
    (tmp_path / "separator.json").write_text(json.dumps(CONFIG))
    return tmp_path


def test_an_import_is_a_model(folder, tmp_path):
    imported = import_openunmix([str(folder)], tmp_path / "out/model.keras")
    assert imported.source_names == ("vocals", "drums")
    assert vars(imported.audio) == {
        "sample_rate": 8000, "nb_channels": 2, "nfft": 128, "nhop": 32,
    }  # fmt: skip
    encode = imported.network.networks[1].encode.kernel.numpy()
    np.testing.assert_array_equal(encode, state(0, **SIZES)["fc1.weight"].T)
    mixture = np.random.default_rng(0).uniform(-1, 1, (5000, 2)).astype(np.float32)
    loaded = runs.load(tmp_path / "out/model.keras")
    for name, stem in imported.separate(mixture).items():
        assert np.abs(stem).max() > 0.01
        np.testing.assert_array_equal(loaded.separate(mixture)[name], stem)


def test_single_files_and_training_checkpoints(folder, tmp_path):
    save(folder / "other.pth", state(2, **SIZES), inside="state_dict")
    paths = [str(folder / "other.pth"), str(folder / "vocals.pth")]
    assert import_openunmix(paths, tmp_path / "m.keras").source_names == ("vocals", "other")


def test_without_separator_json_the_published_sizes_hold(folder, tmp_path):
    (folder / "separator.json").unlink()
    with pytest.raises(UserError, match=r"separator.json: found no such file, wanted it for"):
        import_openunmix([str(folder)], tmp_path / "m.keras")
    speech = state(0, hidden=8, channels=1, bins=513, max_bin=513)
    save(tmp_path / "speech_f5e0d9f9.pth", speech)
    model = import_openunmix([str(tmp_path / "speech_f5e0d9f9.pth")], tmp_path / "m.keras")
    assert model.source_names == ("speech",)
    assert (model.audio.sample_rate, model.audio.nhop) == (16000, 512)


def test_wrong_files_are_named_and_nothing_is_written(folder, tmp_path):
    def error(inputs, output=tmp_path / "m.keras"):
        with pytest.raises(UserError) as caught:
            import_openunmix([str(x) for x in inputs], output)
        return str(caught.value)

    (folder / "text.pth").write_text("hello")
    assert "text.pth: " in error([folder / "text.pth"])
    save(folder / "text.pth", {"a": np.zeros(1)})
    assert "text.pth: found no fc1.weight" in error([folder / "text.pth"])
    assert "gone: found nothing, wanted .pth files" in error([tmp_path / "gone"])
    for name, shape in {"fc1.weight": (), "output_mean": (0,), "fc2.weight": (8, 8)}.items():
        save(folder / "text.pth", {**state(1, **SIZES), name: np.zeros(shape)})
        assert f"text.pth: found {name} of shape {shape}" in error([folder / "text.pth"])
    save(folder / "text.pth", {**state(1, **SIZES), "lstm.bias_hh_l0": np.zeros(3)})
    assert "found lstm.bias_hh_l0 of shape (3,), wanted (16,)" in error([folder / "text.pth"])
    sizes = {**SIZES, "hidden": 12}
    save(folder / "text.pth", state(1, **sizes))
    assert f"{folder}: found targets of different sizes" in error([folder])
    assert "ends with .keras" in error([folder / "vocals.pth"], tmp_path / "model")
    (folder / "separator.json").write_text(json.dumps({**CONFIG, "nfft": 256}))
    assert "found nfft 256, wanted 128" in error([folder / "vocals.pth"])
    (folder / "separator.json").write_text("{}")
    assert "wanted sample_rate, nfft and nhop" in error([folder / "vocals.pth"])
    (folder / "bass.pth").write_bytes((folder / "vocals.pth").read_bytes())
    (folder / "bass-01234567.pth").write_bytes((folder / "vocals.pth").read_bytes())
    assert "found the target bass of" in error([folder / "bass.pth", folder / "bass-01234567.pth"])
    assert not list(tmp_path.glob("*.keras"))
