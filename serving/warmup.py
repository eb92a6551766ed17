"""Requests that a server replays when it loads a model; the first user need not wait."""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from serving import protos
from serving.signatures import Signatures

# TensorFlow Serving looks for them here. It refuses a model if one of them fails.
PATH = "assets.extra/tf_serving_warmup_requests"
_SECONDS = 1.0


def requests(signatures: Signatures, model_name: str) -> list[Any]:
    """Makes a `PredictRequest` for each signature: a second of silence, or the fixed length.

    Args:
        signatures: Signatures. What is exported.
        model_name: str. The name by which the server knows the model.
    """
    audio = signatures.audio
    silence = np.zeros([1, int(_SECONDS * audio.sample_rate), audio.nb_channels], np.float32)
    frames = 1 + silence.shape[1] // audio.nhop
    fixed = np.zeros([1, signatures.fixed_samples, audio.nb_channels], np.float32)
    values: dict[str, np.ndarray | list[bytes]] = {
        "serving_default": silence,
        "separate_wav": [tf.audio.encode_wav(silence[0], audio.sample_rate).numpy()],
        "spectrogram": np.zeros([1, frames, audio.nb_channels, audio.bins], np.float32),
        "fixed_length": fixed,
        "describe": [b""],
    }
    return [
        protos.predict_request(
            {"name": model_name, "signature_name": name}, {spec.name: values[name]}
        )
        for name, (_, spec, _) in signatures.endpoints().items()
    ]


def write(folder: Path, chosen: list[Any]) -> None:
    """Writes requests into a SavedModel, in the file that TensorFlow Serving reads.

    Args:
        folder: Path. The SavedModel.
        chosen: list of `PredictRequest`. What the server replays.
    """
    path = folder / PATH
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in chosen:
            log = protos.PredictionLog()
            log.predict_log.request.CopyFrom(request)
            writer.write(log.SerializeToString())


def read(folder: Path) -> list[Any]:
    """Reads the requests that `write` wrote.

    Args:
        folder: Path. The SavedModel.
    """
    logs = []
    for record in tf.data.TFRecordDataset(str(folder / PATH)).as_numpy_iterator():
        logs.append(protos.PredictionLog.FromString(record))
    return [log.predict_log.request for log in logs]
