"""VGGish's weights out of its TF-Hub module.

The module is a SavedModel that is called with a waveform at 16 kHz and gives embeddings. It has no
intermediate output, so its variables are taken by name into `VGGish`, whose embeddings have to
agree with those of the module.
"""

import socket
import tempfile
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from mss_keras.config import UserError
from mss_keras.jobs.archives import BROKEN, unpack
from mss_keras.models.vggish import KERNELS, VGGish, Weights
from mss_keras.signal.mel import SAMPLE_RATE, waveform_patches

_TOLERANCE = 1e-4  # of embeddings, whose standard deviation is about 0.4
_SILENCE_SECONDS = 60.0  # a server that sends nothing for that long is given up

# Mean and standard deviation of the embeddings of 3 s of a 1 kHz sine, as published: first for
# a sine that had been resampled, later for a sine that was made at 16 kHz.
_PUBLISHED = ((-0.0333, 0.380), (0.000657, 0.343))
_SHARE = 0.1  # both may differ by this share of the standard deviation


def load(handle: str, note: Callable[[str], None] = warnings.warn) -> dict[str, Any]:
    """Weights of a VGGish module, once it has been checked that they are understood.

    Args:
        handle: TF-Hub handle or URL, fetched once into TFHUB_CACHE_DIR; or the folder of
            the SavedModel; or a .tar.gz archive of it, the form in which the hub serves it.
        note: is called with a line if the module loads but is not the published one. Defaults
            to a warning.

    Returns:
        Kernel and bias of each layer, float32, by the names of `KERNELS`, in their order.

    Raises:
        UserError: if the module cannot be loaded, is something else, or gives embeddings of a
            fixed signal that our network does not give with its weights.
    """
    check_handle(handle)
    with _fetched(handle) as source, ThreadPoolExecutor(1) as thread:
        # Under a distribution strategy the module's variables would be mirrored, and it could
        # not be called. The scope of a strategy is that of its thread.
        return thread.submit(_load, source, handle, note).result()


def _load(source: str, handle: str, note: Callable[[str], None]) -> dict[str, Any]:
    # Not on a GPU: TF32, in which GPUs multiply by default, is 4e-4 off, more than is allowed.
    with tf.device("CPU:0"):
        try:
            module = _hub().load(source)
        except Exception as error:  # TensorFlow raises exceptions of any kind
            raise _wrong(handle, f"which cannot be loaded ({_line(error)})") from error
        weights = _weights(module, handle)
        _check(module, weights, handle=handle, note=note)
    return weights


def _hub() -> Any:
    # Imported late, as it imports a second Keras; quietly, as it uses what setuptools deprecates.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow_hub
    return tensorflow_hub


def check_handle(handle: str) -> None:
    """Refuses a wrong path without loading anything.

    Raises:
        UserError: if the handle is no URL, and no file or folder has this path.
    """
    if not _is_url(handle) and not Path(handle).exists():
        raise _wrong(handle, "which is no file or folder")


def _is_url(handle: str) -> bool:
    return "://" in handle


def _wrong(handle: str, found: str) -> UserError:
    wanted = "a TF-Hub handle, or the SavedModel of google/vggish/1, a folder or a .tar.gz archive"
    return UserError("vggish", f"{handle}, {found}", wanted)


def _line(error: Exception) -> str:
    text = " ".join(str(getattr(error, "reason", None) or error).split())
    return text[:200] or type(error).__name__


@contextmanager
def _fetched(handle: str) -> Iterator[str]:
    # A URL whose module is in the cache, or the folder of a SavedModel, for the hub to load.
    if _is_url(handle):
        _fetch(handle)
        yield handle
    elif Path(handle).is_dir():
        yield _saved_model(Path(handle), handle)
    else:
        with tempfile.TemporaryDirectory() as folder:
            try:
                unpack(Path(handle), Path(folder))
            except BROKEN as error:
                found = f"which cannot be unpacked ({_line(error)})"
                raise _wrong(handle, found) from error
            yield _saved_model(Path(folder), handle)


def _fetch(handle: str) -> None:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SILENCE_SECONDS)  # the hub would wait for ever
    try:
        _hub().resolve(handle)
    except Exception as error:  # the hub raises exceptions of any kind
        raise UserError(
            "vggish",
            f"{handle}, which cannot be fetched ({_line(error)})",
            f"a network, or the path of a file fetched from {handle}?tf-hub-format=compressed",
        ) from error
    finally:
        socket.setdefaulttimeout(before)


def _saved_model(folder: Path, handle: str) -> str:
    # The archive may hold the files at its top or in one folder.
    found = [path.parent for path in sorted(folder.rglob("saved_model.pb"))]
    if len(found) != 1:
        raise _wrong(handle, f"which holds {len(found)} files saved_model.pb")
    return str(found[0])


def _weights(module: Any, handle: str) -> dict[str, Any]:
    variables = {
        node.name.split(":")[0]: node
        for node in tf.train.TrackableView(module).descendants()
        if isinstance(node, tf.Variable)
    }
    weights, missing = {}, []
    for name, shape in KERNELS.items():
        pair = []
        for kind, wanted in (("weights", shape), ("biases", shape[-1:])):
            path = f"vggish/{_scope(name)}/{kind}"
            if path not in variables:
                missing.append(path)
            elif tuple(variables[path].shape) != wanted:
                missing.append(f"{path} of shape {wanted} (found {variables[path].shape})")
            else:
                pair.append(variables[path].numpy().astype(np.float32))
        weights[name] = tuple(pair)
    if missing:
        raise _wrong(handle, f"which lacks the variables {', '.join(missing)}")
    if not callable(module):
        raise _wrong(handle, "which lacks a __call__ that takes a waveform")
    return weights


def _scope(name: str) -> str:
    block, _, number = name.partition("_")
    return f"{block}/{name}" if number else name


def _check(module: Any, weights: Weights, *, handle: str, note: Callable[[str], None]) -> None:
    time = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    noise = np.random.default_rng(0).standard_normal(time.size)
    signal = np.float32(0.4 * np.sin(2000 * time * (1 + time)) + 0.05 * noise)
    try:
        theirs = np.asarray(module(tf.constant(signal)))
    except Exception as error:  # TensorFlow's, of a signature that takes something else
        raise _wrong(handle, f"which cannot be called with a waveform ({_line(error)})") from error
    ours = VGGish(weights)(waveform_patches(tf.constant(signal))).numpy()
    if theirs.shape != ours.shape:
        raise _wrong(handle, f"which gives shape {theirs.shape}, our network {ours.shape}")
    difference = float(np.max(np.abs(theirs - ours)))
    if not difference < _TOLERANCE:
        raise _wrong(
            handle,
            f"whose embeddings and those of our network with its weights differ by "
            f"{difference:.2g}, more than {_TOLERANCE:g}",
        )
    sine = np.asarray(module(tf.constant(np.sin(2000 * np.pi * time), tf.float32)))
    mean, deviation = float(sine.mean()), float(sine.std())
    if not any(
        abs(mean - m) <= _SHARE * s and abs(deviation - s) <= _SHARE * s for m, s in _PUBLISHED
    ):
        published = " or ".join(f"{m:g} and {s:g}" for m, s in _PUBLISHED)
        note(
            f"{handle}: its embeddings of a 1 kHz sine have mean {mean:.3g} and standard "
            f"deviation {deviation:.3g}, published are {published}: not the published weights?"
        )
