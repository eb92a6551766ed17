"""Work in processes of its own: a crash or a kill is its alone, and memory is given back."""

import contextlib
import os
import threading
import traceback
from collections.abc import Callable
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

INTERRUPTED = "interrupted"


class Job:
    """A function at work in a process of its own, which ends with this one.

    Args:
        function: importable, as `multiprocessing` wants it.
        *arguments: for it.
        log: file that gets what it prints. Defaults to none: it prints as this one does.
    """

    def __init__(self, function: Callable[..., Any], *arguments: Any, log: Path | None = None):
        context = get_context("spawn")
        self._end, other = context.Pipe(duplex=False)
        self._process = context.Process(target=_work, args=(function, arguments, log, other))
        self._process.start()
        other.close()
        self._answer: tuple[Any, str | None] | None = None

    @property
    def alive(self) -> bool:
        """Whether it is at work still."""
        return self._process.is_alive()

    def wait(self, seconds: float | None = None) -> None:
        """Waits until it ends, for so many seconds at most."""
        self._process.join(seconds)

    def stop(self) -> None:
        """Ends it, if it has not ended."""
        self._process.terminate()
        self._process.join()

    def result(self) -> tuple[Any, str | None]:
        """What the function returned, and None; or None, and in a line what went wrong."""
        if self._answer is None:
            try:
                self._answer = self._end.recv()
            except EOFError:  # it ended without one
                self._process.join()
                self._answer = (None, f"killed, exit code {self._process.exitcode}")
        return self._answer


def end_with_parent() -> None:
    """Makes a worker process end when its parent does, however that ended."""
    # Where the parent is killed, its workers would wait for ever, and one that still
    # decodes could give its name to a folder that the next run is writing.
    parent = parent_process()
    if parent is not None:

        def end() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=end, daemon=True).start()


def _work(function: Callable[..., Any], arguments: tuple, log: Path | None, answer) -> None:
    end_with_parent()
    with contextlib.ExitStack() as stack:
        if log is not None:
            log.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(log.open("a"))
            stack.enter_context(contextlib.redirect_stdout(file))
            stack.enter_context(contextlib.redirect_stderr(file))
        value, failure = None, None
        try:
            value = function(*arguments)
        except KeyboardInterrupt:
            failure = INTERRUPTED
        except Exception as error:  # whatever it is, it is this piece of work's
            if log is not None:
                traceback.print_exc()
            failure = " ".join(str(error).split()) or type(error).__name__
    answer.send((value, failure))
