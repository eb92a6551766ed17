"""Jobs in separate processes: a crash or a kill ends one job alone, and memory is given back."""

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
    """A function at work in a process of its own, which ends when this process ends.

    Args:
        function: Callable. It has to be importable, as `multiprocessing` wants.
        *arguments: Any. Its arguments, which are pickled.
        log: Path. File that gets what the function prints, at its end. Defaults to none: the
            function prints where this process prints.
    """

    def __init__(self, function: Callable[..., Any], *arguments: Any, log: Path | None = None):
        context = get_context("spawn")
        self._end, other = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_work, args=(function, arguments), kwargs={"log": log, "answer": other}
        )
        self._process.start()
        other.close()
        self._answer: tuple[Any, str | None] | None = None

    @property
    def alive(self) -> bool:
        """Whether the process is still at work."""
        return self._process.is_alive()

    def wait(self, seconds: float | None = None) -> None:
        """Waits until the process ends, at most for a number of seconds. Defaults to any time."""
        self._process.join(seconds)

    def stop(self) -> None:
        """Ends the process, if it has not ended."""
        self._process.terminate()
        self._process.join()

    def result(self) -> tuple[Any, str | None]:
        """Waits for the outcome of the function.

        Returns:
            What the function returned, and None; or None, and a line that says what went
            wrong: `INTERRUPTED` after Ctrl-C, the exception's message, or how the process
            was killed.
        """
        if self._answer is None:
            try:
                self._answer = self._end.recv()
            except EOFError:  # the process ended without an answer
                self._process.join()
                self._answer = (None, f"killed, exit code {self._process.exitcode}")
        return self._answer


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
        except Exception as error:  # whatever it is, it ends this job alone
            if log is not None:
                traceback.print_exc()
            failure = " ".join(str(error).split()) or type(error).__name__
    answer.send((value, failure))
