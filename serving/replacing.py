"""Folders that take the place of others at once: a reader finds the old or the new one, whole."""

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HERE = -100  # AT_FDCWD: paths are relative to the working directory
_EXCHANGE = 2  # RENAME_EXCHANGE


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name for a folder, which takes its own name when it is whole.

    Only one process may do so at a time; `serving.export` has a lock for it.

    Args:
        path: Path. The name in the end. A folder of that name is there until the moment when
            the new one takes its place.

    Yields:
        The temporary name, beside `path`. Nothing has it at the beginning and afterwards.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "1"
        >>> for text in ("old", "new"):
        ...     with replacing(path) as partial:
        ...         partial.mkdir()
        ...         _ = (partial / "weights").write_text(text)
        >>> (path / "weights").read_text(), len(list(path.parent.iterdir()))
        ('new', 1)
    """
    partial, old = (path.with_name(f".{word}-{path.name}") for word in ("partial", "old"))
    if old.exists() and not path.exists():  # a process was killed between two renames
        os.rename(old, path)
    try:
        for left in (partial, old):
            shutil.rmtree(left, ignore_errors=True)
        yield partial
        if not path.exists():
            os.rename(partial, path)
        elif not _exchange(partial, path):
            os.rename(path, old)
            os.rename(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    # Two names change places in one step. False where the file system or the library of C
    # cannot do it; a folder cannot be renamed to that of another one that is not empty.
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    names = os.fsencode(one), os.fsencode(other)
    return rename(_HERE, names[0], _HERE, names[1], ctypes.c_uint(_EXCHANGE)) == 0
