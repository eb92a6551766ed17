"""The SavedModel gives what the separator gives, in a process without Keras."""

import subprocess
import sys

import numpy as np
import pytest

from mss_keras import Separator
from mss_keras.config import AudioConfig, ModelConfig

CODE = """
import sys, numpy as np, tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
waveform = np.load(sys.argv[2])
stems = model.signatures["serving_default"](waveform=tf.constant(waveform))
np.savez(sys.argv[3], **{name: stem.numpy() for name, stem in stems.items()})
assert not any(name.split(".")[0] == "mss_keras" for name in sys.modules)
"""


@pytest.fixture
def separator():
    model = Separator(
        ("vocals", "rest"), AudioConfig(nfft=512, nhop=128), ModelConfig(hidden_size=8)
    )
    model.build()
    return model


@pytest.mark.parametrize("samples", [1, 9000])
def test_stems_are_those_of_the_separator(separator, tmp_path, excerpt, samples):
    separator.export(tmp_path / "model")
    waveform = np.stack([excerpt["mixture"][:samples], excerpt["mixture"][5000 : 5000 + samples]])
    np.save(tmp_path / "in.npy", waveform)
    command = [sys.executable, "-c", CODE, "model", "in.npy", "out.npz"]
    subprocess.run(command, check=True, cwd=tmp_path, timeout=120)
    with np.load(tmp_path / "out.npz") as found:
        assert set(found) == {"vocals", "rest"}
        for index in range(2):
            for name, stem in separator.separate(waveform[index]).items():
                np.testing.assert_allclose(found[name][index], stem, atol=1e-5)


def test_weights_are_stored_once(separator, tmp_path):
    separator.export(tmp_path / "model")
    stored = sum(p.stat().st_size for p in (tmp_path / "model/variables").iterdir())
    held = sum(v.numpy().nbytes for v in separator.variables)
    assert held <= stored < 1.2 * held + 20000


def test_what_is_there_is_left_alone_or_replaced_whole(separator, tmp_path):
    (tmp_path / "model").mkdir()
    with pytest.raises(FileExistsError, match="wanted a path that does not exist"):
        separator.export(tmp_path / "model")
    separator.export(tmp_path / "model", overwrite=True)
    assert (tmp_path / "model/saved_model.pb").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_an_export_is_portable(separator, tmp_path):
    """Traced with GPUs in sight Keras would bake cuDNN in; afterwards it may again."""
    with separator.portable():
        assert all(not lstm.use_cudnn for lstm in lstms(separator))
    assert all(lstm.use_cudnn for lstm in lstms(separator))


def lstms(separator):
    found = [x for x in separator._flatten_layers() if type(x).__name__ == "LSTM"]
    assert len(found) >= 6
    return found
