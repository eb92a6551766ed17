"""Many runs at a time on one machine, each in a process of its own and on one GPU."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from mss_keras.experiments.shared import TimeLeft, ending, result_of
from mss_keras.jobs.gpus import Gpus
from mss_keras.jobs.processes import Job, Result

_POLL = 0.2  # s


class Work(Protocol):
    """What is done in one process, such as the run of one loss."""

    @property
    def name(self) -> str:
        """Name by which the result is told."""

    @property
    def log(self) -> Path:
        """File that gets what the work prints."""

    def run(self) -> None:
        """Does the work; raises what goes wrong."""


def run_all(
    todo: Sequence[Work],
    at_a_time: int,
    say: Callable[[str], None],
    *,
    gpus: Sequence[str] = (),
) -> dict[str, str]:
    """Does each piece of work in a process of its own.

    Work that fails for want of memory is tried once more when all other work has ended, with
    nothing else beside it.

    Args:
        todo: what is to be done, in order.
        at_a_time: number of processes at a time.
        say: called with a line for each piece of work that has ended.
        gpus: names for CUDA_VISIBLE_DEVICES, among which the processes are shared out. Defaults
            to none: each process sees what this one sees.

    Returns:
        What went wrong, in a line, by the name of the work; it holds the failed work alone.
    """
    again: list[Work] = []
    failures: dict[str, str] = {}
    done, time_left, shared_out = 0, TimeLeft(len(todo)), Gpus(gpus)

    def end(work: Work, result: Result) -> None:
        nonlocal done
        if result.out_of_memory and work not in again:
            again.append(work)
            say(f"{work.name}: {result.failure}; it will be tried again, alone, after the others")
            return
        done += 1
        if result.failure:
            failures[work.name] = result.failure
        told = result.failure or "done"
        say(f"{done}/{len(todo)} {work.name}: {told}, {time_left.after(done)}")

    _run(todo, at_a_time, end, gpus=shared_out)
    _run(again, 1, end, gpus=shared_out)
    return failures


def _run(
    todo: Sequence[Work], at_a_time: int, end: Callable[[Work, Result], None], *, gpus: Gpus
) -> None:
    waiting = list(todo)
    running: dict[Job, tuple[Work, dict[str, str]]] = {}  # with the environment of each
    with ending(running):
        while waiting or running:
            while waiting and len(running) < at_a_time:
                work, environment = waiting.pop(0), gpus.take()
                job = Job(work.run, log=work.log, environment=environment)
                running[job] = work, environment
            time.sleep(_POLL)
            for job in [job for job in running if not job.alive]:
                work, environment = running.pop(job)
                gpus.give_back(environment)
                end(work, result_of(job))
