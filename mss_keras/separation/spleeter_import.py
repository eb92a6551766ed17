"""Published checkpoints of Spleeter as models of ours, read by TensorFlow without Spleeter.

    Spleeter, of its source number k         UNet
    conv2d_{7k + 0..5}                       downs
    batch_normalization_{12k + 0..4}         down_norms
    batch_normalization_{12k + 5}            nothing: its output is not used
    conv2d_transpose_{6k + 0..5}             ups
    batch_normalization_{12k + 6..11}        up_norms
    conv2d_{7k + 6}                          last

A number 0 has no suffix. Kernels have the same axes in both. What an optimiser left in the
checkpoint is passed over.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from mss_keras.config import AudioConfig, ModelConfig, UserError
from mss_keras.jobs.files import appearing
from mss_keras.models.masking import MaskingModel
from mss_keras.models.spleeter import DEFAULTS

_LAYERS = {"conv2d": 7, "batch_normalization": 12, "conv2d_transpose": 6}  # of a source
_CONV, _NORM = ("kernel", "bias"), ("gamma", "beta", "moving_mean", "moving_variance")
_DOWNS = 6


class Configuration(NamedTuple):
    """What is published beside a checkpoint of Spleeter."""

    sources: tuple[str, ...]
    type: str
    activations: tuple[str, str]  # on the way down and on the way up
    bins: int = 1024  # that are read; 11 kHz


_TWO = Configuration(("vocals", "accompaniment"), "unet", ("leaky_relu", "relu"))
_FOUR = Configuration(("vocals", "drums", "bass", "other"), "unet", ("elu", "elu"))
_FIVE = Configuration(("vocals", "piano", "drums", "bass", "other"), "softmax_unet", ("elu", "elu"))

# By Spleeter's names. Those of 16 kHz take the same checkpoints.
CONFIGURATIONS: dict[str, Configuration] = {
    "2stems": _TWO,
    "4stems": _FOUR,
    "5stems": _FIVE,
    "2stems-16kHz": _TWO._replace(bins=1536),
    "4stems-16kHz": _FOUR._replace(bins=1536),
    "5stems-16kHz": _FIVE._replace(bins=1536),
}
# 4096 points with a hop of 1024 at 44.1 kHz, in stereo, as all of them have it.
AUDIO = AudioConfig()


def import_spleeter(folder: Path, name: str) -> MaskingModel:
    """A model of ours from the folder of a published model of Spleeter.

    Args:
        folder: holds a TensorFlow checkpoint.
        name: a key of `CONFIGURATIONS`, with or without `spleeter-` ahead of it.

    Returns:
        The model, of the network `spleeter`.

    Raises:
        UserError: if the name is unknown, or the folder has no checkpoint of that configuration.
    """
    short = name.removeprefix("spleeter-")
    if short not in CONFIGURATIONS:
        raise UserError.unknown("configuration", name, CONFIGURATIONS)
    configuration = CONFIGURATIONS[short]
    arrays = _read(folder)
    found = sum(name.startswith("conv2d_transpose") for name in arrays) // 2 // 6
    if found != len(configuration.sources):
        wanted = f"the {len(configuration.sources)} of {short}"
        raise UserError(folder, f"a checkpoint of {found} sources", wanted)
    filters = [arrays[_name("conv2d", depth, "bias")].shape[0] for depth in range(_DOWNS)]
    model = _build(configuration, filters)
    pairs = [pair for k, body in enumerate(model.network.bodies) for pair in _pairs(body, k)]
    for name, variable in pairs:
        array = arrays.get(name)
        if array is None or array.shape != variable.shape:
            seen = f"no {name}" if array is None else f"{name} of shape {array.shape}"
            raise UserError(folder, seen, f"{name} of shape {tuple(variable.shape)}")
    for name, variable in pairs:
        variable.assign(arrays[name])
    return model


def import_to(folder: Path, output: Path, name: str | None = None) -> MaskingModel:
    """`import_spleeter`, written to a file.

    Args:
        folder: as in `import_spleeter`.
        output: the `.keras` file to write.
        name: as in `import_spleeter`. Defaults to the folder's name.

    Returns:
        The model.

    Raises:
        UserError: as `import_spleeter`, and if the file cannot be written to.
    """
    if output.suffix != ".keras" or output.exists():
        raise UserError("output", output.as_posix(), "a new path that ends with .keras")
    model = import_spleeter(folder, name or folder.resolve().name)
    with appearing(output) as partial:
        model.save(partial)
    return model


def _read(folder: Path) -> dict[str, np.ndarray]:
    wanted = "the folder of a model of Spleeter, which holds a TensorFlow checkpoint"
    if not folder.is_dir():
        raise UserError(folder, "no folder", wanted)
    # Not `._model.index`, which macOS puts beside a file in an archive.
    indices = sorted(folder.glob("[!.]*.index"))
    here = {path.stem: path.with_suffix("") for path in indices}
    if not here:
        raise UserError(folder, "no checkpoint", wanted)
    # The file `checkpoint` names the last one, if it came along, perhaps with a folder of before.
    state = tf.train.get_checkpoint_state(str(folder))
    last = Path(state.model_checkpoint_path).name if state else ""
    try:
        reader = tf.train.load_checkpoint(str(here.get(last) or [*here.values()][-1]))
        names = [x for x in reader.get_variable_to_shape_map() if _is_of_a_layer(x)]
        arrays = {name: reader.get_tensor(name) for name in names}
    except Exception as error:  # TensorFlow raises whatever it finds
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(folder, f"a broken checkpoint ({reason})", wanted) from error
    biases = [arrays.get(_name("conv2d", depth, "bias")) for depth in range(_DOWNS)]
    if not all(x is not None and x.ndim == 1 and x.size for x in biases):
        raise UserError(folder, "a checkpoint of something else", wanted)
    return arrays


def _is_of_a_layer(name: str) -> bool:
    # `conv2d_3/kernel` and not `conv2d_3/kernel/Adam`
    return name.count("/") == 1 and name.split("/")[-1] in (*_CONV, *_NORM)


def _name(kind: str, index: int, variable: str) -> str:
    return f"{kind}_{index}/{variable}" if index else f"{kind}/{variable}"


def _pairs(body: Any, source: int) -> Iterator[tuple[str, keras.Variable]]:
    # Names in the checkpoint of all variables of a source's UNet; see the module.
    table = [
        ("conv2d", 0, body.downs, _CONV),
        ("batch_normalization", 0, body.down_norms, _NORM),
        ("conv2d_transpose", 0, body.ups, _CONV),
        ("batch_normalization", 6, body.up_norms, _NORM),
        ("conv2d", 6, [body.last], _CONV),
    ]
    for kind, first, layers, names in table:
        for index, layer in enumerate(layers, first + source * _LAYERS[kind]):
            for name in names:
                yield _name(kind, index, name), getattr(layer, name)


def _build(configuration: Configuration, filters: list[int]) -> MaskingModel:
    down, up = configuration.activations
    own = {
        "type": configuration.type,
        "conv_n_filters": filters,
        "conv_activation": down,
        "deconv_activation": up,
    }
    # What is Spleeter's by default is left out, as whoever trains on leaves it out.
    arguments = {name: value for name, value in own.items() if value != DEFAULTS[name]}
    bandwidth = (configuration.bins - 0.5) * AUDIO.sample_rate / AUDIO.nfft
    config = ModelConfig(network="spleeter", network_args=arguments, bandwidth=bandwidth)
    model = MaskingModel(configuration.sources, AUDIO, config)
    model.build()
    return model
