"""What commands leave: whole files, damaged ones, and litter."""

import csv
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import soundfile
import tensorflow as tf
import yaml
from tensorflow.core.protobuf import saved_model_pb2

# What names the moment, the process or the work before it, under a name that stays.
_EVENTS = re.compile(r"events\.out\.tfevents\.[^/]*")
# Names in a listening test are secret, so that nobody tells stimuli apart by them.
_STIMULUS = re.compile(r"a[0-9a-f]{11}(?=\.(js|wav)$)")
_TEMPORARY = "tmp"  # where the commands have their temporary files


def content(place: Path) -> dict[str, Any]:
    """Each file by its path, with what a command that was never stopped would have written, too.

    Args:
        place: Path. Working directory of the command.

    Raises:
        Exception: of the file's reader, if a file is not whole.
    """
    return {name: _reader(path)(path) for name, path in _named(place)}


def names(place: Path) -> set[str]:
    """The keys of `content`, of files that may not be whole."""
    return {name for name, _ in _named(place)}


def damaged(place: Path) -> list[str]:
    """The files under final names that are not whole, with what is wrong."""
    found = []
    for path in _files(place):
        parts = path.relative_to(place).parts
        if parts[0] != _TEMPORARY and not any(part.startswith(".") for part in parts):
            try:
                _reader(path)(path)
            except Exception as error:  # whatever its reader raises
                found.append(f"{path}: {type(error).__name__}: {error}")
    return found


def litter(place: Path) -> list[Path]:
    """Hidden and temporary files and folders."""
    hidden = [path for path in place.rglob("*") if path.name.startswith(".")]
    # TensorFlow's, of a few kilobytes: a process that is killed cannot remove them.
    kept = "__autograph_generated_file"
    temporary = [path for path in _files(place / _TEMPORARY) if not path.name.startswith(kept)]
    return [*hidden, *temporary]


def _named(place: Path) -> Iterable[tuple[str, Path]]:
    for number, path in enumerate(_files(place)):
        name = path.relative_to(place).as_posix()
        if not name.startswith(f"{_TEMPORARY}/"):
            yield _STIMULUS.sub(f"stimulus {number}", _EVENTS.sub("events", name)), path


def _files(place: Path) -> Iterable[Path]:
    return sorted(path for path in place.rglob("*") if path.is_file())


def _reader(path: Path) -> Callable[[Path], Any]:
    if path.parent.name == "oracle" or path.parent.name.startswith("trial_"):
        return _parsed  # KerasTuner's state counts tries and holds the times of trials
    if _STIMULUS.match(path.name) or path.parent.name == "webmushra":
        return _SECRET[path.suffix]
    return _READERS.get(path.suffix, _anything)


def _anything(path: Path) -> str:
    return ""


def _parsed(path: Path) -> str:
    json.loads(path.read_text())
    return ""


def _samples(path: Path) -> tuple[int, str]:
    # Not the bytes: libsndfile writes the time.
    samples, rate = soundfile.read(path, dtype="float32")
    assert len(samples)
    return rate, _digest([samples])


def _arrays(path: Path) -> str:
    with np.load(path) as file:
        return _digest([file[name] for name in file.files])


def _model(path: Path) -> tuple[str, str]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        weights: list[np.ndarray] = []
        with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
            file.visititems(
                lambda name, item: weights.append(item[()]) if hasattr(item, "dtype") else None
            )
        return archive.read("config.json").decode(), _digest(weights)


def _graph(path: Path) -> int:
    return len(saved_model_pb2.SavedModel.FromString(path.read_bytes()).meta_graphs)


def _variables(path: Path) -> list[str]:
    # Of a SavedModel; their order is not that of another one.
    reader = tf.train.load_checkpoint(str(path.with_suffix("")))
    names = [name for name in reader.get_variable_to_shape_map() if "OBJECT_GRAPH" not in name]
    return sorted(_digest([reader.get_tensor(name)]) for name in names)


def _rows(path: Path) -> list[list[str]]:
    rows = list(csv.reader(path.read_text().splitlines()))
    assert len({len(row) for row in rows}) == 1
    assert path.read_text().endswith("\n")
    return rows


def _json(path: Path) -> Any:
    values = json.loads(path.read_text())
    if isinstance(values, dict):
        values.pop("exported", None)  # when
    if path.name == "key.json":
        del values["test"], values["secret"]
        for trial in values["trials"]:
            trial["stimuli"] = sorted(trial["stimuli"].values())
    return values


def _yaml(path: Path) -> Any:
    text = path.read_text()
    assert text.endswith("\n")
    return yaml.safe_load(text)


def _picture(path: Path) -> str:
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG")
    assert data.endswith(b"IEND\xaeB`\x82")
    return hashlib.sha256(data).hexdigest()


def _page(path: Path) -> str:
    # Not what it says: the time of a run is that of all its sessions.
    assert path.read_text().rstrip().endswith("</html>")
    return ""


def _text(path: Path) -> str:
    text = path.read_text()
    assert text.endswith("\n")
    return text


def _script(path: Path) -> str:
    assert path.read_text().rstrip().endswith(";")
    return ""


_SECRET: dict[str, Callable[[Path], Any]] = {
    ".js": _script,
    ".wav": lambda path: soundfile.info(path).frames,
    ".yaml": lambda path: sorted(_yaml(path)),
}
_READERS: dict[str, Callable[[Path], Any]] = {
    ".wav": _samples,
    ".npz": _arrays,
    ".keras": _model,
    ".pb": _graph,
    ".index": _variables,
    ".csv": _rows,
    ".json": _json,
    ".yaml": _yaml,
    ".png": _picture,
    ".html": _page,
    ".md": _text,
    ".tex": _text,
}


def _digest(arrays: Iterable[Any]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
