"""SavedModel export."""

import contextlib
import os
from pathlib import Path

import keras
import tensorflow as tf

from mss_keras.files import appearing
from mss_keras.models.masking import MaskingModel


def export(model: MaskingModel, path: Path, *, overwrite: bool = False) -> None:
    """Writes a SavedModel whose `serving_default` turns a mixture into stems.

    The signature takes `waveform`, float32 `[batch, samples, channels]` at the
    model's sample rate, and gives one tensor of that shape for each source, by name.

    Args:
        model: the separator.
        path: folder of the SavedModel; it appears when it is whole.
        overwrite: replace what is there. Defaults to `False`.

    Raises:
        FileExistsError: if `path` exists and is not to be replaced.
    """
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path}: found a file or folder, wanted a path that does not exist")

    def separate(waveform: tf.Tensor) -> dict[str, tf.Tensor]:
        stems = tf.unstack(model.stems(waveform), len(model.source_names), axis=1)
        return dict(zip(model.source_names, stems, strict=True))

    shape = [None, None, model.audio.nb_channels]
    spec = tf.TensorSpec(shape, tf.float32, name="waveform")
    with (
        appearing(path) as partial,
        model.portable(),
        open(os.devnull, "w") as quiet,
        contextlib.redirect_stdout(quiet),
    ):
        # add_endpoint alone: track() would store the weights twice.
        archive = keras.export.ExportArchive()
        archive.add_endpoint("serving_default", separate, input_signature=[spec])
        archive.write_out(str(partial))
