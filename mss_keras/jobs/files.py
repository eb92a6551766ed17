"""Files and folders that appear whole or not at all, and hidden ones to work in."""

import contextlib
import errno
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mss_keras.jobs.locks import taken

_PREFIX = ".partial-"


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A temporary name for a file or a folder, which takes its own name when it is whole.

    Several processes may do so for one path at a time: the last one's stays.

    Args:
        path: Path. The name in the end. Its parents are made, and a file or folder of that
            name is replaced; only a folder replaces a folder.

    Yields:
        The temporary name: the same name in a hidden folder beside `path`, which is this call's
        own and is gone afterwards. What killed processes left beside `path` goes, too.

    Raises:
        IsADirectoryError: if a folder has the name of a file.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "scores.csv"
        >>> with appearing(path) as partial:
        ...     _ = partial.write_text("sdr,6.3")
        ...     path.exists()
        False
        >>> path.read_text()
        'sdr,6.3'
    """
    with working_folder(path.parent) as own:
        yield own / path.name
        _replace(own / path.name, path, own)


@contextmanager
def working_folder(parent: Path) -> Iterator[Path]:
    """A hidden folder that is this call's own and is gone afterwards.

    Args:
        parent: Path. Where it lies; made if it is missing. What killed processes left there goes.

    Example:
        >>> import tempfile
        >>> parent = Path(tempfile.mkdtemp())
        >>> with working_folder(parent) as own:
        ...     _ = (own / "mixture.wav").write_text("")
        >>> list(parent.iterdir())
        []
    """
    parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(parent)
    own, descriptor = _own_folder(parent)
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)
        os.close(descriptor)


def is_hidden(path: Path) -> bool:
    """Whether a path is a hidden folder of `appearing` or `working_folder`."""
    return path.name.startswith(_PREFIX)


def _own_folder(parent: Path) -> tuple[Path, int]:
    # A new folder that is locked, by which others see that it is no leftover.
    while True:
        own = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(own, os.O_RDONLY)
            if taken(descriptor) is not False and own.exists():
                return own, descriptor
            os.close(descriptor)  # it was taken for a leftover before it was locked


def _remove_leftovers(parent: Path) -> None:
    for path in parent.iterdir():
        if is_hidden(path):
            with contextlib.suppress(OSError):
                descriptor = os.open(path, os.O_RDONLY)
                try:
                    if taken(descriptor):
                        shutil.rmtree(path)
                finally:
                    os.close(descriptor)


def _replace(new: Path, path: Path, own: Path) -> None:
    for number in itertools.count():
        # No folder takes the place of another that is not empty, and no file that of a folder.
        if new.is_dir() and path.is_dir():
            with contextlib.suppress(FileNotFoundError):
                os.rename(path, own / f".replaced-{number}")
        try:
            os.replace(new, path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        else:
            return
