"""Writes SavedModels for TensorFlow Serving, checks and tries them, and then publishes them.

FOLDER/
    1/  2/  ...                           versions; the server takes the highest
        saved_model.pb  variables/
        assets.extra/model_card.json      what the model is and what it was trained on
        assets.extra/tf_serving_warmup_requests
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from mss_keras.config import SeparationConfig, ServingConfig
from mss_keras.models.model import SeparationModel
from serving import card, checks, warmup
from serving.replacing import replacing, restore
from serving.signatures import Signatures


def export(
    model: SeparationModel,
    folder: Path,
    options: SeparationConfig = SeparationConfig(),
    *,
    limits: ServingConfig = ServingConfig(),
    version: int | None = None,
    about: Mapping[str, Any] | None = None,
) -> Path:
    """Publishes a separator as the next version of a served model.

    The folder of the version appears once the model was loaded as a server loads it and has
    answered a request on each signature.

    Args:
        model: SeparationModel. The separator.
        folder: Path. The served model; it has a folder for each version.
        options: SeparationConfig. What to separate and how; the graphs keep it as it is.
        limits: ServingConfig. The signatures, and the longest song; see `serving.signatures`.
        version: int. Number of the version; a version of that number is replaced at once. Defaults
            to the next number.
        about: mapping. What the model card says besides; see `serving.card`. Defaults to nothing.

    Returns:
        The folder of the version.

    Raises:
        UserError: if the options do not go with the model.
        ExportError: if a server could not run the SavedModel.
    """
    signatures = Signatures(model, options, limits)
    with _locked(folder):
        restore(folder)  # before its versions are counted
        number = version or 1 + max([0, *versions(folder)])
        with replacing(folder / str(number)) as partial:  # .partial-N is no number: not served
            _write(signatures, partial)
            checks.check_ops(partial)
            warmup.write(partial, warmup.requests(signatures, folder.resolve().name))
            checks.replay(partial, warmup.read(partial))
            card.write(partial, signatures, about or {})
    return folder / str(number)


def versions(folder: Path) -> list[int]:
    """Lists the versions in the folder of a served model, in order."""
    return sorted(int(p.name) for p in folder.iterdir() if p.name.isdecimal() and p.is_dir())


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    # Otherwise two exports at the same time would take the same number.
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(signatures: Signatures, folder: Path) -> None:
    with (
        signatures.model.portable(),
        open(os.devnull, "w") as quiet,
        contextlib.redirect_stdout(quiet),
    ):
        # track() beside add_endpoint() would store the weights twice.
        archive = keras.export.ExportArchive()
        for name, (function, spec, _) in signatures.endpoints().items():
            archive.add_endpoint(name, function, input_signature=[spec])
        archive.write_out(str(folder))
    _show_shapes(signatures, folder)


def _show_shapes(signatures: Signatures, folder: Path) -> None:
    # The graph's inputs have no shape, because the graph asserts it (see serving/inputs.py).
    # Clients read in the signatures which shape is wanted.
    path = folder / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    (graph,) = saved.meta_graphs
    for name, (_, spec, shape) in signatures.endpoints().items():
        info = graph.signature_def[name].inputs[spec.name]
        info.tensor_shape.CopyFrom(tf.TensorShape([None if x < 0 else x for x in shape]).as_proto())
    path.write_bytes(saved.SerializeToString(deterministic=True))
    (folder / "fingerprint.pb").unlink(missing_ok=True)  # it belongs to the file before
