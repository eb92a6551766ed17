"""At work with others, or alone."""

import fcntl
import os
import signal
import time
from pathlib import Path

import pytest

from mss_keras.jobs.processes import Job
from mss_keras.jobs.workplace import Workplace


def hold(folder: Path, name: str) -> None:
    """Begins, and ends when it is let go."""
    (folder / f"{name}.begun").write_text(str(os.getpid()))
    while not (folder / f"{name}.go").exists():
        time.sleep(0.02)


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def locked(path: Path) -> bool:
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.mark.parametrize("killed", [False, True])
def test_who_wants_to_be_alone_waits_and_is_waited_for(tmp_path, killed):
    """Those that come after it do not pass it; who was killed is not waited for."""
    place = Workplace(tmp_path / "locks/here")

    def start(how, name):
        return Job(how, hold, tmp_path, name)

    def begun(name):
        return (tmp_path / f"{name}.begun").exists()

    def end(name):
        if killed:
            os.kill(int((tmp_path / f"{name}.begun").read_text()), signal.SIGKILL)
        else:
            (tmp_path / f"{name}.go").touch()

    jobs = [start(place.with_others, name) for name in ("one", "other")]
    until(lambda: begun("one") and begun("other"))
    jobs.append(start(place.alone, "alone"))
    until(lambda: locked(tmp_path / "locks/here.turn"))  # it waits for its place
    jobs.append(start(place.with_others, "late"))
    end("one")
    jobs[0].wait()
    time.sleep(0.3)
    assert not begun("alone")
    end("other")
    until(lambda: begun("alone"))
    time.sleep(0.3)
    assert not begun("late")
    end("alone")
    until(lambda: begun("late"))
    (tmp_path / "late.go").touch()
    assert jobs[3].result().failure is None


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    def flock(file, kind):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    assert Workplace(tmp_path / "here").alone(max, 1, 2) == 2


def test_a_lock_that_fails_otherwise_is_an_error(tmp_path, monkeypatch):
    def flock(file, kind):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(OSError, match="Input/output error"):
        Workplace(tmp_path / "here").alone(max, 1, 2)
