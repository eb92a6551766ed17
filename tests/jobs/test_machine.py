"""Processors and memory that a process may use."""

import os
import subprocess
import sys

import pytest

from mss_keras.jobs.machine import at_once, cores


def test_cores_are_those_that_the_process_may_use():
    code = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
    code += "from mss_keras.jobs.machine import cores; print(cores())"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "1\n", result.stderr
    assert cores() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("bytes_each", "cores_each", "gpus", "expected"),
    [
        (1000, 1, 0, 8),
        (1000, 3, 0, 2),
        (3000, 1, 0, 3),
        (10**9, 1, 0, 1),
        (1, 100, 0, 1),
        (1000, 100, 4, 4),
        (3000, 1, 4, 3),
        (10**9, 1, 4, 1),
    ],
)
def test_as_many_as_memory_and_gpus_or_cores_allow(
    monkeypatch, bytes_each, cores_each, gpus, expected
):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: range(8))
    monkeypatch.setattr(
        "os.sysconf", lambda name: {"SC_AVPHYS_PAGES": 10, "SC_PAGE_SIZE": 1000}[name]
    )
    assert at_once(bytes_each, cores_each, gpus) == expected
