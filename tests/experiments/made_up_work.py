"""Work for processes of their own, which import nothing else."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Try(NamedTuple):
    """One try of a piece of work: its GPU, and when it began and ended, s."""

    name: str
    begin: float
    end: float
    gpu: str


class ResourceExhaustedError(Exception):
    """Called as TensorFlow's is."""


def succeed(number: int) -> None:
    """Does nothing."""


def lack_memory_once(number: int) -> None:
    """Fails at the first try as TensorFlow does where memory is short."""
    if number == 1:
        raise ResourceExhaustedError("too large")


def be_killed_once(number: int) -> None:
    """Is killed at the first try, as the kernel does where memory is short."""
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)


def be_killed(number: int) -> None:
    """Is killed at each try."""
    os.kill(os.getpid(), signal.SIGKILL)


def diverge(number: int) -> None:
    """Fails as a run does whose loss is NaN."""
    raise FloatingPointError("the loss is nan")


def take_long(number: int) -> None:
    """Ends when it is ended."""
    time.sleep(600)


@dataclass(frozen=True)
class MadeUpWork:
    """Takes half a second, and then does what `does` names, given the number of the try."""

    name: str
    folder: Path
    does: str = "succeed"

    @property
    def log(self) -> Path:
        """As `Work` wants it."""
        return self.folder / "logs" / f"{self.name}.log"

    @property
    def finished(self) -> bool:
        """As `Work` wants it."""
        return (self.folder / f"{self.name}.done").exists()

    def run(self) -> None:
        """Notes the try, and fails or succeeds."""
        begin, path = time.monotonic(), self.folder / f"{self.name}.tries"
        time.sleep(0.5)
        with path.open("a") as file:
            file.write(f"{begin} {time.monotonic()} {os.environ['CUDA_VISIBLE_DEVICES']}\n")
        globals()[self.does](len(path.read_text().splitlines()))
        (self.folder / f"{self.name}.done").touch()


def tries(folder: Path) -> list[Try]:
    """All tries, in the order in which they began."""
    return sorted(
        (
            Try(path.stem, float(begin), float(end), gpu)
            for path in folder.glob("*.tries")
            for begin, end, gpu in map(str.split, path.read_text().splitlines())
        ),
        key=lambda each: each.begin,
    )
