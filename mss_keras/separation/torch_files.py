"""Tensors out of PyTorch's files, without PyTorch.

A `.pth` file is a pickle that says how tensors lie in storages, and the storages' bytes: in a zip
archive since PyTorch 1.6, one after the other before that. The pickle is followed and not run, see
`pickles.py`: the names of `_KNOWN` are all that it may have.
"""

import io
import math
import mmap
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from mss_keras.config import UserError
from mss_keras.separation.pickles import Name, RefusedError, dictionary, follow

_WANTED = "a file of tensors that PyTorch saved"
_ZIP = b"PK\x03\x04"
_BEFORE_ZIP = (0x1950A86A20F9469CFC6C, 1001)  # what such files begin with, each a pickle
_MOST_AXES = 16
_MOST_TIMES = 16  # that the tensors may be larger than the file: some share a storage

# NumPy's types of PyTorch's storages. bfloat16 is the upper half of a float32.
_STORAGES = {
    "torch.FloatStorage": "f4",
    "torch.DoubleStorage": "f8",
    "torch.HalfStorage": "f2",
    "torch.BFloat16Storage": "u2",
    "torch.LongStorage": "i8",
    "torch.IntStorage": "i4",
    "torch.ShortStorage": "i2",
    "torch.CharStorage": "i1",
    "torch.ByteStorage": "u1",
    "torch.BoolStorage": "?",
}

# What the parsers of zip archives and pickles raise of damaged files.
_BROKEN = (
    *(RefusedError, zipfile.BadZipFile, zlib.error, struct.error, EOFError, LookupError),
    *(MemoryError, OSError, OverflowError, RuntimeError, TypeError, ValueError),
)


def read(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a state dictionary.

    Args:
        path: Path. What `torch.save` wrote: a state dictionary, or a dictionary that has one as
            `state_dict`.

    Returns:
        Arrays by name; bfloat16 becomes float32. Values that are no tensors are left out.

    Raises:
        UserError: if the file cannot be read, is damaged, or holds something else.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            saved = _zipped(file) if data[:4] == _ZIP else _in_a_row(data)
            state = saved.value
            if isinstance(state, dict):
                state = state.get("state_dict", state)
            if not isinstance(state, dict):
                raise RefusedError("no dictionary of tensors")
            tensors = {str(x): y for x, y in state.items() if isinstance(y, _Tensor)}
            if sum(x.nbytes for x in tensors.values()) > _MOST_TIMES * len(data):
                raise RefusedError("more numbers in the tensors than the file can have")
            return {name: tensor.array(saved) for name, tensor in tensors.items()}
    except _BROKEN as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        if isinstance(error, LookupError):
            reason = "a damaged pickle"
        shown = "".join(x if x.isprintable() else " " for x in reason)  # it may be the file's
        raise UserError(path, " ".join(shown.split())[:200], _WANTED) from error


class _Saved(NamedTuple):
    """The value of a file, the bytes of its storages by their keys, and their byte order."""

    value: Any
    content: Callable[[str], bytes]
    order: Literal["<", ">"]


class _Storage(NamedTuple):
    """Numbers in the file: their type, a key of `_STORAGES`, their key in the file, their count."""

    kind: str
    key: str
    size: int

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(_STORAGES[self.kind])


@dataclass(frozen=True)
class _Tensor:
    """A view of a storage; offset and strides in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def __post_init__(self):
        axes = (self.shape, self.strides)
        if not isinstance(self.storage, _Storage) or not all(type(x) is tuple for x in axes):
            raise RefusedError("a tensor without storage, shape or strides")
        numbers = (self.offset, *self.shape, *self.strides)
        if not all(type(number) is int and 0 <= number < 2**62 for number in numbers):
            raise RefusedError("a tensor whose shape or strides are no numbers")
        if len(self.shape) != len(self.strides) or len(self.shape) > _MOST_AXES:
            raise RefusedError(f"a tensor of {len(self.shape)} axes, {len(self.strides)} strides")
        steps = zip(self.shape, self.strides, strict=True)
        last = self.offset + sum((length - 1) * stride for length, stride in steps)
        # With strides of 0 a few bytes could stand for more than any memory has.
        if self.size > self.storage.size or (self.size and last >= self.storage.size):
            raise RefusedError(f"a tensor of shape {self.shape} that its storage does not hold")

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The bytes of an array of them."""
        return self.size * self.storage.dtype.itemsize

    def array(self, saved: _Saved) -> np.ndarray:
        """The elements, in an array of its own."""
        dtype = self.storage.dtype.newbyteorder(saved.order)
        content = saved.content(self.storage.key)
        if len(content) != self.storage.size * dtype.itemsize:
            raise RefusedError(f"{len(content)} bytes for {self.storage.size} numbers")
        whole = np.frombuffer(content, dtype)[self.offset :]
        strides = [stride * dtype.itemsize for stride in self.strides]
        array = as_strided(whole, self.shape, strides).astype(dtype.newbyteorder("="))
        if self.storage.kind == "torch.BFloat16Storage":
            return (array.astype(np.uint32) << 16).view(np.float32)
        return array


def _tensor(*arguments: Any) -> _Tensor:
    # Behind these are whether it takes part in gradients, hooks, and metadata.
    if len(arguments) < 4:
        raise RefusedError("a tensor without storage, shape or strides")
    return _Tensor(*arguments[:4])


def _parameter(tensor: Any, *rest: Any) -> Any:
    return tensor


def _no_call(*arguments: Any) -> Any:
    raise RefusedError("a storage that is made by a call")


_KNOWN: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": dictionary,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    **dict.fromkeys(_STORAGES, _no_call),
}


def _storage(found: Any) -> _Storage:
    match found:
        case ("storage", Name() as kind, str(key), str(_), int(size), *rest) if size >= 0:
            if kind.name in _STORAGES and not any(rest):  # what is left would be a part of it
                return _Storage(kind.name, key, size)
    raise RefusedError("a storage that is told otherwise")


def _zipped(file: BinaryIO) -> _Saved:
    archive = zipfile.ZipFile(file)
    sizes = {info.filename: info.file_size for info in archive.infolist()}
    # PyTorch compresses nothing, and a few bytes could become more than any memory has.
    if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
        raise RefusedError("an archive whose files are compressed")
    if sum(info.file_size for info in archive.infolist()) > file.seek(0, 2):
        raise RefusedError("more in the archive than its size")
    tops = [name.removesuffix("data.pkl") for name in sizes if name.endswith("/data.pkl")]
    if len(tops) != 1:
        raise RefusedError(f"an archive with {len(tops)} files data.pkl")

    def member(name: str) -> bytes:
        if tops[0] + name not in sizes:
            raise RefusedError(f"an archive without {name[:80]}")
        return archive.read(tops[0] + name)

    @cache  # tensors may share a storage
    def content(key: str) -> bytes:
        return member(f"data/{key}")

    # Files from before there was a choice do not say.
    order = member("byteorder") if f"{tops[0]}byteorder" in sizes else b"little"
    if order not in (b"little", b"big"):
        raise RefusedError(f"the byte order {order[:20]!r}")
    value = follow(io.BytesIO(member("data.pkl")), _KNOWN, _storage)
    return _Saved(value, content, "<" if order == b"little" else ">")


def _in_a_row(data: mmap.mmap) -> _Saved:
    storages: dict[str, _Storage] = {}

    def storage(found: Any) -> _Storage:
        made = _storage(found)
        if storages.setdefault(made.key, made) != made:
            raise RefusedError("a storage that is told in two ways")
        return made

    def following() -> Any:
        return follow(data, _KNOWN, storage)  # type: ignore[arg-type]

    if data[:1] != b"\x80" or (following(), following()) != _BEFORE_ZIP:
        raise RefusedError("another beginning")
    following()  # of the machine: numbers are in little-endian order on any
    value, keys = following(), following()
    places = {}
    for key in keys:
        if type(key) is not str:  # others could be nested so that to hash one takes for ever
            raise RefusedError("the key of a storage that is no text")
        (count,), start = struct.unpack("<q", data.read(8)), data.tell()
        if count != storages[key].size:
            raise RefusedError(f"{count} numbers for {storages[key].size}")
        places[key] = slice(start, start + count * storages[key].dtype.itemsize)
        data.seek(places[key].stop)
    return _Saved(value, lambda key: data[places[key]], "<")
