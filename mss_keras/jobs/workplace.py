"""A workplace that processes share, until one of them wants to be alone in it."""

import contextlib
import errno
import fcntl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP})


@dataclass(frozen=True)
class Workplace:
    """Processes that know of each other by locks on a file.

    The kernel takes the locks back however a process ends. On a file system without locks nobody
    waits.

    Args:
        file: Path. The file, with a second one beside it. They are made if they are missing.
    """

    file: Path

    def with_others(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Calls a function, once nobody is alone in the workplace or waits to be."""
        with self._place(fcntl.LOCK_SH):
            return function(*arguments)

    def alone(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Calls a function, once all that are at work have ended; others wait until it returns."""
        with self._place(fcntl.LOCK_EX):
            return function(*arguments)

    @contextlib.contextmanager
    def _place(self, kind: int) -> Iterator[None]:
        # Locks alone are not fair: who wants to be alone would wait as long as others come.
        # Therefore everybody queues for the turn first, and keeps it until they have a place.
        self.file.parent.mkdir(parents=True, exist_ok=True)
        turn_file = self.file.with_name(f"{self.file.name}.turn")
        with turn_file.open("a+") as turn, self.file.open("a+") as place:
            _lock(turn, fcntl.LOCK_EX)
            _lock(place, kind)
            _lock(turn, fcntl.LOCK_UN)
            yield


def _lock(file: IO[str], kind: int) -> None:
    try:
        fcntl.flock(file, kind)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
