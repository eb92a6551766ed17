"""Files and folders that appear whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A temporary name beside a path, for a file or a folder that takes its name when whole.

    Args:
        path: the final name; its parents are made, what is there is replaced.

    Yields:
        The temporary name, with the same suffix; nothing is there. It is gone
        afterwards whatever happens, and so is what a killed process left of it.
    """
    partial = path.with_name(f".partial-{path.name}")
    _remove(partial)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield partial
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(partial, path)
    finally:
        _remove(partial)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
