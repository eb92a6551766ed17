"""Folders in which one process at a time is at work.

The lock is on the folder itself, and the kernel takes it back however a process ends. On a file
system without locks nobody is kept out.
"""

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from mss_keras.config import UserError

# NFS locks files that are open for writing, which no folder can be.
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.EINVAL})


@contextlib.contextmanager
def locked(
    folder: Path, *, waiting: Callable[[str], None] | None = None, field: str = "output"
) -> Iterator[None]:
    """Keeps other processes out of a folder.

    Args:
        folder: Path. The folder, which has to exist.
        waiting: Callable. Is called with a line about the process that is in the folder, and
            then its end is waited for. Defaults to none: the folder is refused at once.
        field: str. Name of the argument that the folder is, for the error.

    Raises:
        UserError: if another process is in the folder, and its end is not waited for.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if taken(descriptor) is False:
            found = f"{folder}, where {holder(folder)} is at work"
            if waiting is None:
                raise UserError(field, found, "another folder, or to wait for its end")
            waiting(f"waiting for {found}")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def taken(descriptor: int) -> bool | None:
    """Locks an open folder if nobody has; None where there are no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return None
    return True


def holder(folder: Path) -> str:
    """The process that has locked a folder, in words, as far as the kernel tells."""
    inode = folder.stat().st_ino
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/locks").read_text().splitlines():
            _, kind, *rest = line.split()
            if kind == "FLOCK" and rest[3].endswith(f":{inode}"):
                return f"process {rest[2]}"
    return "another process"
