"""Writes PyTorch's files without it, and pickles that PyTorch would not write."""

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np


class Storage:
    """What a pickle of tensors has for a storage."""

    def __init__(self, kind, key, size, *rest):
        self.told = ("storage", kind, key, "cpu", size, *rest)


class Call:
    """A call of something with arguments, and attributes for what it returns."""

    def __init__(self, function, arguments, state=None):
        self.reduced = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.reduced


def named(name):
    """Something that a pickle has by its name alone, whether there is such a thing or not."""
    module, _, last = name.rpartition(".")
    return type(last, (), {"__module__": module})


_Base: Any = pickle._Pickler  # the one in Python, which may be told what to write


class _Pickler(_Base):
    def persistent_id(self, value):
        return value.told if isinstance(value, Storage) else None

    def save_global(self, value, name=None):
        if value.__module__.split(".")[0] == "torch":
            self.write(f"c{value.__module__}\n{value.__qualname__}\n".encode())
        else:
            super().save_global(value, name)

    dispatch: ClassVar = {**_Base.dispatch, type: save_global}


def pickled(value: Any) -> bytes:
    """A pickle as PyTorch has it."""
    file = io.BytesIO()
    _Pickler(file, 2).dump(value)
    return file.getvalue()


FLOAT = named("torch.FloatStorage")
REBUILD = named("torch._utils._rebuild_tensor_v2")


def save(path: Path, arrays: Mapping[str, np.ndarray], inside: str | None = None) -> None:
    """Writes float32 arrays as `torch.save` writes a state dictionary, which may lie in another."""
    state: Any = OrderedDict()
    with zipfile.ZipFile(path, "w") as archive:
        for number, (name, array) in enumerate(arrays.items()):
            strides = tuple(stride // 4 for stride in np.empty(array.shape, "<f4").strides)
            storage = Storage(FLOAT, str(number), array.size)
            state[name] = Call(REBUILD, (storage, 0, array.shape, strides, False, OrderedDict()))
            archive.writestr(f"{path.stem}/data/{number}", array.astype("<f4").tobytes())
        value = {"epoch": 3, inside: state} if inside else state
        archive.writestr(f"{path.stem}/data.pkl", pickled(value))
