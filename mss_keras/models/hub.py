"""VGGish's weights out of its TF-Hub module, which has to agree with them.

The module is a SavedModel that is called with a waveform at 16 kHz and gives embeddings; it
has no intermediate output, so its variables are taken by name into `VGGish`.
"""

import socket
import tarfile
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
from mss_keras.models.vggish import KERNELS, VGGish, Weights
from mss_keras.signal.mel import SAMPLE_RATE, waveform_patches

_TOLERANCE = 1e-4  # of embeddings, whose standard deviation is about 0.4
_SILENCE_SECONDS = 60.0  # of a server, after which it is given up

# Mean and standard deviation of the embeddings of 3 s of a 1 kHz sine, as published: with
# the module, of a sine that a resampler had made; later, of one made at 16 kHz.
_PUBLISHED = ((-0.0333, 0.380), (0.000657, 0.343))
_SHARE = 0.1  # of the standard deviation, by which both may be off


def load(handle: str, note: Callable[[str], None] = warnings.warn) -> dict[str, Any]:
    """Weights of a VGGish module, after the checks that they are understood.

    Args:
        handle: TF-Hub handle or URL, fetched once into TFHUB_CACHE_DIR; or the folder of
            the SavedModel; or a .tar.gz archive of it, the form in which the hub serves it.
        note: called with a line where the module loads but is not the published one.

    Returns:
        Kernel and bias of each layer, float32, by the names of `KERNELS`, in their order.

    Raises:
        UserError: if it cannot be had, is something else, or its embeddings of a fixed
            signal are not those of our network with its weights.
    """
    check_handle(handle)
    with _fetched(handle) as source, ThreadPoolExecutor(1) as thread:
        # Under a distribution strategy the module's variables would be mirrored, and it could
        # not be called. The strategy's scope is the thread's.
        return thread.submit(_load, source, handle, note).result()


def _load(source: str, handle: str, note: Callable[[str], None]) -> dict[str, Any]:
    try:
        module = _hub().load(source)
    except Exception as error:  # TensorFlow raises whatever is at hand
        raise _wrong(handle, f"cannot be loaded: {_line(error)}") from error
    weights = _weights(module, handle)
    _check(module, weights, handle, note)
    return weights


def _hub() -> Any:
    # Late, as it imports a second Keras; quietly, as it uses what setuptools deprecates.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow_hub
    return tensorflow_hub


def check_handle(handle: str) -> None:
    """Tells a wrong path without loading anything.

    Raises:
        UserError: if the handle is no URL and nothing is there.
    """
    if not _is_url(handle) and not Path(handle).exists():
        raise _wrong(handle, "no such file or folder")


def _is_url(handle: str) -> bool:
    return "://" in handle


def _wrong(handle: str, found: str) -> UserError:
    return UserError(
        f"--vggish: {handle}: {found}; wanted a TF-Hub handle, or the SavedModel of "
        "google/vggish/1 as a folder or a .tar.gz archive"
    )


def _line(error: Exception) -> str:
    text = " ".join(str(getattr(error, "reason", None) or error).split())
    return text[:200] or type(error).__name__


@contextmanager
def _fetched(handle: str) -> Iterator[str]:
    # What hub.load is given: a URL whose module is in the cache, or a SavedModel's folder.
    if _is_url(handle):
        _fetch(handle)
        yield handle
    elif Path(handle).is_dir():
        yield _saved_model(Path(handle), handle)
    else:
        with tempfile.TemporaryDirectory() as folder:
            _extract(handle, Path(folder))
            yield _saved_model(Path(folder), handle)


def _fetch(handle: str) -> None:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SILENCE_SECONDS)  # the hub would wait for ever
    try:
        _hub().resolve(handle)
    except Exception as error:  # the hub raises whatever is at hand
        raise UserError(
            f"--vggish: {handle} cannot be fetched: {_line(error)}; where there is a network, "
            f"fetch {handle}?tf-hub-format=compressed and give the file's path here"
        ) from error
    finally:
        socket.setdefaulttimeout(before)


def _saved_model(folder: Path, handle: str) -> str:
    # The archive may hold the files at its top or in one folder.
    found = [path.parent for path in sorted(folder.rglob("saved_model.pb"))]
    if len(found) != 1:
        raise _wrong(handle, f"{len(found)} files saved_model.pb found in it")
    return str(found[0])


def _extract(handle: str, folder: Path) -> None:
    try:
        with tarfile.open(handle) as archive:
            for member in archive:
                target = (folder / member.name).resolve()
                if not member.isfile() or not target.is_relative_to(folder.resolve()):
                    continue  # tarfile's own filter is not in every Python 3.11
                target.parent.mkdir(parents=True, exist_ok=True)
                content = archive.extractfile(member)
                assert content is not None  # a file
                with target.open("wb") as file:
                    while block := content.read(1 << 20):
                        file.write(block)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise _wrong(handle, f"cannot be unpacked: {_line(error)}") from error


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
        raise _wrong(handle, f"lacks the variables {', '.join(missing)}")
    if not callable(module):
        raise _wrong(handle, "lacks a __call__ that takes a waveform")
    return weights


def _scope(name: str) -> str:
    block, _, number = name.partition("_")
    return f"{block}/{name}" if number else name


def _check(module: Any, weights: Weights, handle: str, note: Callable[[str], None]) -> None:
    time = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    noise = np.random.default_rng(0).standard_normal(time.size)
    signal = np.float32(0.4 * np.sin(2000 * time * (1 + time)) + 0.05 * noise)
    try:
        theirs = np.asarray(module(tf.constant(signal)))
    except Exception as error:  # a signature of something else, in TensorFlow's words
        raise _wrong(handle, f"cannot be called with a waveform: {_line(error)}") from error
    ours = VGGish(weights)(waveform_patches(tf.constant(signal))).numpy()
    if theirs.shape != ours.shape:
        raise _wrong(handle, f"gives shape {theirs.shape}, our network {ours.shape}")
    difference = float(np.max(np.abs(theirs - ours)))
    if not difference < _TOLERANCE:
        raise _wrong(
            handle,
            f"its embeddings and those of our network with its weights differ by {difference:.2g}, "
            f"more than {_TOLERANCE:g}",
        )
    sine = np.asarray(module(tf.constant(np.sin(2000 * np.pi * time), tf.float32)))
    mean, deviation = float(sine.mean()), float(sine.std())
    if not any(
        abs(mean - m) <= _SHARE * s and abs(deviation - s) <= _SHARE * s for m, s in _PUBLISHED
    ):
        published = " or ".join(f"{m:g} and {s:g}" for m, s in _PUBLISHED)
        note(
            f"--vggish: {handle}: its embeddings of a 1 kHz sine have mean {mean:.3g} and standard "
            f"deviation {deviation:.3g}, published are {published}: not the published weights?"
        )
