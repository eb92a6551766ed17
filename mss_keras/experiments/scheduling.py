"""Many runs at a time, each in a process of its own and on one GPU."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from mss_keras.experiments.shared import TimeLeft, ending, result_of
from mss_keras.jobs.gpus import Gpus
from mss_keras.jobs.heartbeats import SharedClaims
from mss_keras.jobs.processes import Job, Result

_POLL = 0.2  # s
_ASK = 3.0  # s; what other machines do is asked this often


class Work(Protocol):
    """What is done in one process, such as the run of one loss."""

    @property
    def name(self) -> str:
        """Name by which the result is told."""

    @property
    def log(self) -> Path:
        """File that gets what the work prints."""

    @property
    def finished(self) -> bool:
        """Whether the work is done, by whichever machine."""

    def run(self) -> None:
        """Does the work; raises what goes wrong."""


def run_all(
    todo: Sequence[Work],
    at_a_time: int,
    say: Callable[[str], None],
    *,
    gpus: Sequence[str] = (),
    claims: SharedClaims | None = None,
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
        claims: of this machine and others on the work, which share it out so. What another machine
            has is waited for. Defaults to none: all work is this machine's.

    Returns:
        What went wrong, in a line, by the name of the work; it holds the failed work alone, and
        none that another machine has done since.
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

    run = partial(_run, end=end, gpus=shared_out, turns=Turns(claims, say))
    run(todo, at_a_time)
    run(again, 1)
    return failures


class Turns:
    """What of the work is this machine's turn.

    Args:
        claims: SharedClaims or None. None where there is no other machine.
        say: Callable. Is called with each line that a user would want to know.
    """

    def __init__(self, claims: SharedClaims | None, say: Callable[[str], None]):
        self._claims, self._say = claims, say
        self._asked = -_ASK
        self._told: set[str] = set()

    def next(self, waiting: list[Work]) -> Work | None:
        """Takes out of a list what this machine is to do next, and what another one has done.

        None if there is nothing to do at the moment.
        """
        if self._claims is None:
            return waiting.pop(0) if waiting else None
        if time.monotonic() - self._asked < _ASK:
            return None
        for work in list(waiting):
            if not work.finished and not self._claims.take(work.name):
                if work.name not in self._told:
                    self._told.add(work.name)
                    self._say(f"{work.name}: {self._claims.holder(work.name)} is at it")
                continue
            waiting.remove(work)
            if not work.finished:  # still, now that it is this machine's
                return work
            self._claims.give_back(work.name)
            self._say(f"{work.name}: done by another machine")
        self._asked = time.monotonic()
        return None

    def lost(self, work: Work) -> bool:
        """Whether another machine has taken work that this one is at."""
        return self._claims is not None and self._claims.lost(work.name)

    def end(self, work: Work) -> None:
        """Tells other machines that this one is no longer at the work."""
        if self._claims is not None:
            self._claims.give_back(work.name)


def _run(
    todo: Sequence[Work],
    at_a_time: int,
    end: Callable[[Work, Result], None],
    *,
    gpus: Gpus,
    turns: Turns,
) -> None:
    waiting = list(todo)
    running: dict[Job, tuple[Work, dict[str, str]]] = {}  # with the environment of each
    with ending(running):
        while waiting or running:
            while len(running) < at_a_time and (work := turns.next(waiting)):
                environment = gpus.take()
                job = Job(work.run, log=work.log, environment=environment)
                running[job] = work, environment
            time.sleep(_POLL)
            for job in [job for job in running if not job.alive or turns.lost(running[job][0])]:
                work, environment = running.pop(job)
                gpus.give_back(environment)
                if turns.lost(work):
                    job.stop()
                    waiting.append(work)  # until the other has done it
                    continue
                turns.end(work)
                end(work, result_of(job))
