"""What is made once for all workers of a test run."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path


def once(name: str, make: Callable[[Path], object]) -> Path:
    """A file or folder that the first worker makes while the others wait."""
    path = Path(os.environ["MSS_KERAS_SHARED"]) / name
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = path.with_suffix(".done")
        if not done.exists():
            make(path)
            done.touch()
    return path
