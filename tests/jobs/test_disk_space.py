"""A full disk is known by what errors say."""

import errno
import os
import resource

import pytest

from mss_keras.jobs.disk_space import want_of_space
from mss_keras.jobs.memory import want_of_memory
from mss_keras.jobs.processes import Job


class ResourceExhaustedError(Exception):
    """TensorFlow's, for want of memory and of space alike."""


FULL = ResourceExhaustedError("{{function_node}} out/part-0; No space left on device [Op:SaveV2]")


def test_errors_that_say_so():
    assert want_of_space(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "out")) is not None
    assert want_of_space(FULL) == "No space left on device"
    assert want_of_memory(FULL) is None
    behind = ValueError("no weights")
    behind.__cause__ = FULL
    assert want_of_space(behind) == "No space left on device"


def test_errors_that_do_not():
    assert want_of_space(FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "out")) is None
    memory = ResourceExhaustedError("OOM when allocating tensor")
    assert want_of_space(memory) is None
    assert want_of_memory(memory) is not None


def chatter(lines: int, limit: int) -> int:
    """Says more than its log may hold."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    for number in range(lines):
        print(f"step {number}")
    return lines


@pytest.mark.parametrize(("lines", "told"), [(3, None), (10000, "File too large")])
def test_a_log_that_cannot_be_written(lines, told, tmp_path, capfd):
    job = Job(chatter, lines, 10, log=tmp_path / "job.log")
    result = job.result()
    job.wait()
    assert result.failure == told
    assert (result.value == lines) == (told is None)
    assert not capfd.readouterr().err
