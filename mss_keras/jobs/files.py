"""Files and folders that appear whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A temporary name for a file or a folder, which takes its own name when it is whole.

    Args:
        path: Path. The name in the end. Its parents are made, and a file or folder of that
            name is replaced; only a folder replaces a folder.

    Yields:
        The temporary name, beside `path` and with the same suffix. Nothing has that name at
        the beginning, even if a killed process left something, and nothing has it afterwards.

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
    partial = path.with_name(f".partial-{path.name}")
    _remove(partial)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield partial
        if path.is_dir() and partial.is_dir():  # a file takes the place of no folder
            shutil.rmtree(path)
        os.replace(partial, path)
    finally:
        _remove(partial)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
