"""Small separators, exported, and how to run them natively."""

import subprocess
import sys
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tensorflow as tf
from tensorflow.python.saved_model import loader_impl

from mss_keras import Separator
from mss_keras.config import AudioConfig, ModelConfig, SeparationConfig

HERE = Path(__file__).parent
Signature = Literal["serving_default", "separate_wav", "spectrogram", "fixed_length"]
ALL: tuple[Signature, ...] = typing.get_args(Signature)


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
