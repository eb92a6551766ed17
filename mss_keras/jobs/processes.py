"""Jobs in separate processes: a crash or a kill ends one job alone, and memory is given back."""

import contextlib
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

from mss_keras.config import UserError
from mss_keras.jobs.disk_space import want_of_space
from mss_keras.jobs.memory import want_of_memory

INTERRUPTED = "interrupted"
_LONGEST = 2000  # characters of a failure

_starting = threading.Lock()  # the environment belongs to all threads


@dataclass(frozen=True)
class Result:
    """What came of a job.

    Args:
        value: Any. What the function returned; None if it failed.
        failure: str. A line that says what went wrong: `INTERRUPTED` after Ctrl-C, the
            exception's message, or how the process was killed. Defaults to none.
        out_of_memory: bool. Whether memory was short, so that the job may succeed when nothing
            else is at work. Defaults to `False`.
    """

    value: Any
    failure: str | None = None
    out_of_memory: bool = False


class Job:
    """A function at work in a process of its own, which ends when this process ends.

    Args:
        function: Callable. It has to be importable, as `multiprocessing` wants.
        *arguments: Any. Its arguments, which are pickled.
        log: Path. File that gets what the function prints, at its end. Defaults to none: the
            function prints where this process prints.
        environment: mapping of str to str. Variables that the process has besides those of this
            process, from before it imports anything. Defaults to none.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        log: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ):
        context = get_context("spawn")
        self._end, other = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_work, args=(function, arguments), kwargs={"log": log, "answer": other}
        )
        with _environment(environment or {}):
            self._process.start()
        other.close()
        self._result: Result | None = None

    @property
    def alive(self) -> bool:
        """Whether the process is still at work."""
        if self._result is None and self._end.poll():
            # An answer larger than the pipe is taken while the process writes it, or neither ends.
            self._receive()
            self._process.join()
        return self._process.is_alive()

    def wait(self, seconds: float | None = None) -> None:
        """Waits until the process ends, at most for a number of seconds. Defaults to any time."""
        self._process.join(seconds)

    def stop(self) -> None:
        """Ends the process, if it has not ended."""
        self._process.terminate()
        self._process.join()

    def result(self) -> Result:
        """Waits for the outcome of the function, and tells it."""
        return self._result or self._receive()

    def _receive(self) -> Result:
        try:
            self._result = self._end.recv()
        except (EOFError, OSError):  # the process ended without an answer, or within it
            self._process.join()
            self._result = _killed(self._process.exitcode)
        return self._result


def end_with_parent() -> None:
    """Makes this worker process end when its parent ends, however the parent ended."""
    # The workers of a killed parent would wait for ever, and one that still decodes could
    # rename its files to those that the next run is writing.
    parent = parent_process()
    if parent is not None:

        def end() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=end, daemon=True).start()


def _work(function: Callable[..., Any], arguments: tuple, *, log: Path | None, answer) -> None:
    end_with_parent()
    result: Result | None = None
    try:
        with contextlib.ExitStack() as stack:
            if log is not None:
                log.parent.mkdir(parents=True, exist_ok=True)
                file = stack.enter_context(log.open("a"))
                stack.enter_context(contextlib.redirect_stdout(file))
                stack.enter_context(contextlib.redirect_stderr(file))
            try:
                result = Result(function(*arguments))
            except KeyboardInterrupt:
                result = Result(None, INTERRUPTED)
            except Exception as error:  # whatever it is, it ends this job alone
                result = _failed(error)
                if log is not None:
                    traceback.print_exc()
    except OSError as error:  # of the log, as on a full disk
        result = result or _failed(error)
    answer.send(result)


def _failed(error: Exception) -> Result:
    if short := want_of_memory(error):
        return Result(None, f"out of memory: {short}", out_of_memory=True)
    text = error.quoted if isinstance(error, UserError) else want_of_space(error) or str(error)
    return Result(None, (" ".join(text.split()) or type(error).__name__)[:_LONGEST])


def _killed(code: int | None) -> Result:
    if code == -signal.SIGKILL:  # the kernel sends it to a process whose memory it needs
        return Result(None, "killed, perhaps for want of memory", out_of_memory=True)
    return Result(None, f"killed, exit code {code}")


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    # A spawned process imports modules before it runs anything: it has to inherit the values.
    with _starting:
        before = {name: os.environ.get(name) for name in values}
        os.environ.update(values)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
