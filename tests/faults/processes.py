"""Commands in sessions of their own, which are killed and waited for."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

SECONDS = 300  # at most, for a command


@contextlib.contextmanager
def started(
    words: list[str], place: Path, environment: dict[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """A process at work in a folder; in the end none of its session is left.

    Args:
        words: list of str. The command.
        place: Path. Its working directory.
        environment: dict. All of its environment.
    """
    process = subprocess.Popen(
        words,
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill_all(process.pid)
        process.communicate()


def kill_all(session: int) -> None:
    """Kills a process and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(session, signal.SIGKILL)


def alive(session: int) -> list[int]:
    """The processes of a session that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, own = path.read_text().rpartition(")")[2].split()[:4]
            if int(own) == session and state != "Z":
                found.append(int(path.parent.name))
    return found


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Waits for a condition; whether it came true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True
