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

    Only one process may do so at a time; `serving.export` has a lock for it, and calls
    `restore` first.

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
    restore(path.parent)
    try:
        for left in (partial, old):
            _remove(left)
        yield partial
        if not path.exists():
            os.rename(partial, path)
        elif not _exchange(partial, path):
            os.rename(path, old)
            os.rename(partial, path)
    finally:
        _remove(partial)
        if path.exists():
            _remove(old)


def restore(folder: Path) -> None:
    """Gives folders their names back whose process was killed between two renames.

    Those of which the new one has the name already are removed.

    Args:
        folder: Path. What has the folders.
    """
    for old in folder.glob(".old-*"):
        path = old.with_name(old.name.removeprefix(".old-"))
        if os.path.lexists(path):
            _remove(old)
        else:
            os.rename(old, path)


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    # Two names change places in one step. False where the file system or the library of C
    # cannot do it; a folder cannot be renamed to that of another one that is not empty.
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    names = os.fsencode(one), os.fsencode(other)
    return rename(_HERE, names[0], _HERE, names[1], ctypes.c_uint(_EXCHANGE)) == 0
