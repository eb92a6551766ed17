"""Jobs in processes of their own: what they return, how they fail, how they end."""

import operator
import os
import signal
import subprocess
import sys
import time

from mss_keras.jobs.processes import INTERRUPTED, Job


def test_what_the_function_returns_is_there_to_be_asked_for_twice():
    job = Job(operator.add, [1], [2])
    assert job.result() == ([1, 2], None)
    assert job.result() == ([1, 2], None)
    job.wait(60)
    assert not job.alive


def test_what_it_prints_goes_to_the_end_of_its_log(tmp_path):
    log = tmp_path / "logs/job.log"
    log.parent.mkdir()
    log.write_text("before\n")
    assert Job(print, "hello", log=log).result() == (None, None)
    assert log.read_text() == "before\nhello\n"


def test_an_exception_is_a_line_and_stands_in_the_log(tmp_path):
    log = tmp_path / "logs/job.log"
    value, failure = Job(operator.truediv, 1, 0, log=log).result()
    assert (value, failure) == (None, "division by zero")
    assert "ZeroDivisionError" in log.read_text()


def test_ctrl_c_is_told_from_a_failure():
    assert Job(signal.raise_signal, signal.SIGINT).result() == (None, INTERRUPTED)


def test_a_process_that_is_killed_says_so():
    assert Job(os._exit, 7).result() == (None, "killed, exit code 7")


def test_a_job_can_be_stopped():
    job = Job(time.sleep, 600)
    assert job.alive
    job.wait(0.1)
    assert job.alive
    job.stop()
    assert not job.alive
    assert job.result() == (None, f"killed, exit code {-signal.SIGTERM}")


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
