"""Jobs in processes of their own: what they return, how they fail, how they end."""

import operator
import os
import signal
import subprocess
import sys
import time

import pytest

from mss_keras.config import UserError
from mss_keras.jobs.processes import INTERRUPTED, Job, Result


def test_what_the_function_returns_is_there_to_be_asked_for_twice():
    job = Job(operator.add, [1], [2])
    assert job.result() == Result([1, 2])
    assert job.result() == Result([1, 2])
    job.wait(60)
    assert not job.alive


def test_what_it_prints_goes_to_the_end_of_its_log(tmp_path):
    log = tmp_path / "logs/job.log"
    log.parent.mkdir()
    log.write_text("before\n")
    assert Job(print, "hello", log=log).result() == Result(None)
    assert log.read_text() == "before\nhello\n"


def test_an_exception_is_a_line_and_stands_in_the_log(tmp_path):
    log = tmp_path / "logs/job.log"
    assert Job(operator.truediv, 1, 0, log=log).result() == Result(None, "division by zero")
    assert "ZeroDivisionError" in log.read_text()


def test_ctrl_c_is_told_from_a_failure():
    assert Job(signal.raise_signal, signal.SIGINT).result() == Result(None, INTERRUPTED)


def test_an_answer_larger_than_the_pipe_ends_the_job():
    for function, length in ((bytes, 1 << 20), (long_failure, 2000)):
        job = Job(function, 1 << 20)
        deadline = time.monotonic() + 60
        while job.alive:
            assert time.monotonic() < deadline
            job.wait(0.05)
        result = job.result()
        assert len(result.failure or result.value) == length


def fail_with(error):
    raise error


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            UserError("nhop", 3, "a divisor of `nfft`"),
            "`nhop`: found 3, wanted a divisor of `nfft`",
        ),
        (ValueError("two\nlines"), "two lines"),
        (ValueError(), "ValueError"),
    ],
)
def test_a_failure_is_a_line_that_can_be_spelled_for_its_reader(error, line):
    assert Job(fail_with, error).result() == Result(None, line)


def long_failure(length):
    raise ValueError("x" * length)


def test_a_process_that_is_killed_says_so():
    assert Job(os._exit, 7).result() == Result(None, "killed, exit code 7")


def test_want_of_memory_is_told_from_other_failures(tmp_path):
    log = tmp_path / "job.log"
    result = Job(operator.mul, [None], sys.maxsize // 8, log=log).result()
    assert result == Result(None, "out of memory: MemoryError", out_of_memory=True)
    assert "MemoryError" in log.read_text()
    result = Job(signal.raise_signal, signal.SIGKILL).result()
    assert result == Result(None, "killed, perhaps for want of memory", out_of_memory=True)


@pytest.mark.parametrize("before", [None, "0,1"])
def test_the_environment_is_there_before_imports(tmp_path, monkeypatch, before):
    """And this process's own stays as it is."""
    module = (
        "import os\nseen = os.environ['CUDA_VISIBLE_DEVICES']\n\n\ndef get():\n    return seen\n"
    )
    (tmp_path / "module_of_a_job.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "of this process")
    import module_of_a_job

    if before is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", before)
    job = Job(module_of_a_job.get, environment={"CUDA_VISIBLE_DEVICES": "2"})
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == before
    assert job.result() == Result("2")


def test_a_job_can_be_stopped():
    job = Job(time.sleep, 600)
    assert job.alive
    job.wait(0.1)
    assert job.alive
    job.stop()
    assert not job.alive
    assert job.result() == Result(None, f"killed, exit code {-signal.SIGTERM}")


def test_a_job_ends_with_its_parent():
    code = (
        "import time\nfrom mss_keras.jobs.processes import Job\n"
        "if __name__ == '__main__':\n    Job(time.sleep, 600)\n    print('started', flush=True)\n"
        "    time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "started\n"
    parent.kill()
    parent.communicate(timeout=60)  # returns when the job has closed its standard output, too
