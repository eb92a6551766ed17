"""One process at a time in a folder."""

import os
import subprocess
import sys
import threading

import pytest

from mss_keras.config import UserError
from mss_keras.jobs.claims import Claim
from mss_keras.jobs.locks import locked

HOLD = "import sys; from pathlib import Path; from mss_keras.jobs.locks import locked\n" + (
    "with locked(Path(sys.argv[1])): print('in', flush=True); sys.stdin.read()"
)


@pytest.fixture
def other(tmp_path):
    """Another process that is at work in the folder."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"in\n"
        yield process
        process.kill()


def test_a_second_process_is_told_of_the_first(other, tmp_path):
    work = Claim("run", "config.yaml", {"nhop": 1})
    who = rf"(process {other.pid}|another process) is at work, wanted another folder"
    with pytest.raises(UserError, match=f"output: found .*, where {who}"), work.alone(tmp_path):
        pass
    assert not any(tmp_path.iterdir())
    other.kill()  # the kernel takes the lock back
    other.wait()
    with work.alone(tmp_path):
        assert (tmp_path / "config.yaml").exists()


def test_the_end_of_the_first_is_waited_for(other, tmp_path):
    lines: list[str] = []

    def say(line):
        lines.append(line)
        threading.Timer(0.2, other.kill).start()

    with locked(tmp_path, waiting=say):
        assert other.poll() is not None or other.wait(5)
    assert lines[0].startswith(f"waiting for {tmp_path}, where ")


def test_file_systems_without_locks(monkeypatch, tmp_path):
    def fail(*_):
        raise OSError(37, os.strerror(37))

    monkeypatch.setattr("fcntl.flock", fail)
    with locked(tmp_path), locked(tmp_path):
        pass
