"""Small separators, exported once for all tests; how to run them natively; a stand-in server."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.saved_model import loader_impl

from mss_keras import Separator
from mss_keras.config import AudioConfig, ModelConfig, SeparationConfig, ServingConfig

HERE = Path(__file__).parent
ALL = ("serving_default", "separate_wav", "spectrogram", "fixed_length")


@dataclass
class Exported:
    """A separator and its SavedModel."""

    separator: Separator
    options: SeparationConfig
    folder: Path  # of the served model
    path: Path  # of its version

    def separate(self, waveform):
        return self.separator.separate(waveform, self.options)

    def native(self, signature, value, work):
        """The outputs by name, or the process that failed, of the C++ loader."""
        info = signature_of(self.path, signature)
        ((_, feed),) = info.inputs.items()
        feeds, out = work / "feeds.npz", work / "out.npz"
        np.savez(feeds, **{feed.name.split(":")[0]: value})
        fetches = ",".join(f"{name}={fetch.name}" for name, fetch in info.outputs.items())
        library = Path(tf.sysconfig.get_lib()) / "libtensorflow_cc.so.2"
        command = [sys.executable, HERE / "native.py", library, self.path, feeds, fetches, out]
        result = subprocess.run(
            [*map(str, command)], capture_output=True, text=True, timeout=120, cwd=work
        )
        if result.returncode:
            return result
        with np.load(out, allow_pickle=True) as found:
            return {name: found[name] for name in found}


def make_separator(seed: int = 0, audio: AudioConfig | None = None) -> Separator:
    """Random weights."""
    tf.keras.utils.set_random_seed(seed)
    audio = audio or AudioConfig(nfft=512, nhop=128)
    separator = Separator(("vocals", "rest"), audio, ModelConfig(hidden_size=8))
    separator.build()
    return separator


def signature_of(path, name):
    """The SignatureDef."""
    (graph,) = loader_impl.parse_saved_model(str(path)).meta_graphs
    return graph.signature_def[name]


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> Exported:
    """Of all signatures, with the Wiener filter; several rounds within seconds."""
    separator = make_separator()
    options = SeparationConfig(niter=1, wiener_win_len=100, chunk_dur=0.6, context_dur=1.0)
    limits = ServingConfig(ALL, max_seconds=20.0, fixed_seconds=0.5)
    folder = tmp_path_factory.mktemp("models") / "open_unmix"
    path = separator.export(folder, options, limits)
    return Exported(separator, options, folder, path)


@pytest.fixture(scope="session")
def quick(tmp_path_factory) -> Exported:
    """A second model, for long songs: at 8 kHz, with rounds of 8 s, and two versions."""
    audio = AudioConfig(sample_rate=8000, nfft=512, nhop=256)
    options = SeparationConfig(chunk_dur=2.0, context_dur=1.0, wiener_win_len=30)
    limits = ServingConfig(("serving_default", "separate_wav"), max_seconds=2000.0)
    folder = tmp_path_factory.mktemp("models") / "quick"
    separators = [make_separator(seed, audio) for seed in (1, 2)]
    first, _ = [separator.export(folder, options, limits) for separator in separators]
    return Exported(separators[0], options, folder, first)


@pytest.fixture(scope="session")
def stand_in(exported, quick):
    """See `stand_in.StandIn`: two models, one of two versions and a label."""
    from stand_in import StandIn

    models = {"open_unmix": exported.folder, "quick": quick.folder}
    server = StandIn(models, {("quick", "stable"): 1})
    yield server
    server.stop()
