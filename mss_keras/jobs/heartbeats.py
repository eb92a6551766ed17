"""Pieces of work that machines share out among themselves, through a folder that all of them see.

FOLDER/
    NAME.0         the claim of the first that took it; changes while that one is alive
    NAME.0.ended   it has given the work back, done or failed
    NAME.1         the claim of the next, which supersedes it

Locks are not what holds here: some network file systems refuse them, and some keep them from other
machines. What every file system of today grants is that of all who make a file of a new name
one alone succeeds. So a claim is never changed by another; it is superseded by one of the next
number, and who made that has the work. Who is superseded finds the next number there and stops.
"""

import contextlib
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_BEAT, _SILENT = 10.0, 90.0  # s
_ENDED = ".ended"


@dataclass
class SharedClaims:
    """Claims of this process, beside those of others, on work in a folder.

    The clocks of machines are not compared: a claim is one of the dead if it has not changed for
    `silent` seconds of this process.

    Args:
        folder: Path. The folder of the claims; made if it is missing.
        beat: float. Seconds from one sign of life to the next. Defaults to `10`.
        silent: float. Seconds without one, after which others take the work. Defaults to `90`.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> mine, theirs = SharedClaims(folder), SharedClaims(folder)
        >>> mine.take("psa"), theirs.take("psa")
        (True, False)
        >>> mine.give_back("psa")
        >>> theirs.take("psa")
        True
    """

    folder: Path
    beat: float = _BEAT
    silent: float = _SILENT
    _own: dict[str, Path] = field(default_factory=dict, init=False)
    _seen: dict[Path, tuple[bytes, float]] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _closed: threading.Event = field(default_factory=threading.Event, init=False)

    def __post_init__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        threading.Thread(target=self._live, daemon=True).start()

    def take(self, name: str) -> bool:
        """Takes a piece of work, unless somebody who is alive has it."""
        last = self._last(name)
        if last is not None and not self._free(last):
            return False
        number = 0 if last is None else _number(last) + 1
        path = self.folder / f"{name}.{number}"
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:  # another was faster
            return False
        os.close(descriptor)
        with self._lock:
            self._own[name] = path
        self._sign(path)
        return True

    @contextlib.contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Within, this process has a piece of work, for which it waits if another has it."""
        while not self.take(name):
            time.sleep(min(self.beat, 1.0))
        try:
            yield
        finally:
            self.give_back(name)

    def lost(self, name: str) -> bool:
        """Whether another has taken work of this process, which seemed dead."""
        with self._lock:
            path = self._own.get(name)
        return path is not None and (self.folder / f"{name}.{_number(path) + 1}").exists()

    def give_back(self, name: str) -> None:
        """Ends the claim of this process on a piece of work, if it has one."""
        with self._lock:
            path = self._own.pop(name, None)
        if path is not None:
            with contextlib.suppress(FileExistsError):
                os.close(os.open(f"{path}{_ENDED}", os.O_CREAT | os.O_EXCL | os.O_WRONLY))

    def holder(self, name: str) -> str:
        """Who has a piece of work, in words."""
        last = self._last(name)
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if last is not None:
                return last.read_text().partition(",")[0] or "another machine"
        return "nobody"

    def close(self) -> None:
        """Gives all back, and gives no more signs of life."""
        self._closed.set()
        for name in list(self._own):
            self.give_back(name)

    def _last(self, name: str) -> Path | None:
        found = [x for x in self.folder.glob(f"{name}.*") if re.fullmatch(r"\.\d+", x.suffix)]
        own = [x for x in found if x.stem == name]
        return max(own, key=_number, default=None)

    def _free(self, path: Path) -> bool:
        if Path(f"{path}{_ENDED}").exists():
            return True
        try:
            says = path.read_bytes()
        except OSError:
            return False
        if _is_dead_here(says):
            return True
        now = time.monotonic()
        before, since = self._seen.get(path, (b"", now))
        if says != before or path not in self._seen:
            self._seen[path] = says, now
            return False
        return now - since > self.silent

    def _live(self) -> None:
        while not self._closed.wait(self.beat):
            with self._lock:
                paths = list(self._own.values())
            for path in paths:
                self._sign(path)

    def _sign(self, path: Path) -> None:
        text = f"process {os.getpid()} on {socket.gethostname()}, {_boot()}, {time.time_ns()}"
        with contextlib.suppress(OSError):  # of a full disk: who gives no sign loses the work
            path.write_text(text)


def _number(path: Path) -> int:
    return int(path.suffix[1:])


def _boot() -> str:
    # Machines of one name, as containers have it, differ in this.
    with contextlib.suppress(OSError):
        namespace = os.readlink("/proc/self/ns/pid")
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {namespace}"
    return "unknown"


def _is_dead_here(says: bytes) -> bool:
    # Of a process of this machine it is known at once.
    found = re.match(rb"process (\d+) on [^,]*, ([^,]*), ", says)
    if found is None or found[2].decode() != _boot() or found[2] == b"unknown":
        return False
    try:
        os.kill(int(found[1]), 0)  # /proc may hide the processes of others
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
