"""Sides of a comparison: processes that each use a Python of their own and work in turn.

A script of this folder has a function for each side, which prepares and gives back the work of
one round. `alternate` starts the script once for each side, with `--side`; `serve` is what that
process does: a round for each line that it reads, and a line of JSON with the figures.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[2]
Figures = dict[str, float]
Make = Callable[[argparse.Namespace], Callable[[], Any]]

# Whose versions are told, where a side has imported them.
_PACKAGES = ("auraloss", "keras", "museval", "numpy", "openunmix", "scipy", "soundfile",
             "tensorflow", "torch")  # fmt: skip
_PAUSE = 0.2  # seconds in which the threads of the side before come to rest


@dataclass
class Measured:
    """Medians over the rounds of what the sides measured.

    Attributes:
        sides: figures by the name of the side: `wall` and `cpu`, seconds, `peak`, GiB of the
            process, and `grown`, GiB of it that came with the rounds. Without sides that miss
            a package.
        rates: figures of `floor.py`, measured in the same rounds.
        versions: of the packages that the sides used.
    """

    sides: dict[str, Figures] = field(default_factory=dict)
    rates: Figures = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)


def parser(about: str | None, rounds: int) -> argparse.ArgumentParser:
    """A parser with what every comparison takes.

    Args:
        about: docstring of the script.
        rounds: number of rounds unless another is given.
    """
    made = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    made.add_argument("--rounds", type=int, default=rounds, help="of which medians are taken")
    made.add_argument("--json", action="store_true", help="print a line of JSON for each row")
    python = ROOT / ".bench/bin/python"
    made.add_argument("--peers", default=str(python), help="the Python that has the peers")
    made.add_argument("--side", help=argparse.SUPPRESS)
    return made


def serve(make: Make, options: argparse.Namespace) -> None:
    """Prepares, then works a round for each line of the standard input."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no answer
    try:
        work = make(options)
    except ImportError as error:
        print(json.dumps({"missing": str(error)}), file=answers)
        return
    before = _resident()
    used = {name: metadata.version(name) for name in _PACKAGES if name in sys.modules}
    print(json.dumps({"versions": used}), file=answers)
    for _ in sys.stdin:
        start, cpu = time.perf_counter(), _cpu()
        rates = work()
        figures = {"wall": time.perf_counter() - start, "cpu": _cpu() - cpu}
        figures |= {"peak": _peak(), "grown": _peak() - before}
        print(json.dumps({**figures, **(rates if options.side == "floor" else {})}), file=answers)


def _cpu() -> float:
    # Of all threads, and of the processes that have ended.
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


def _status(name: str) -> float:
    (line,) = (x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith(name))
    return int(line.split()[1]) / 2**20


def _resident() -> float:
    return _status("VmRSS:")


def _peak() -> float:
    # getrusage would count what the process that started this one used.
    return max(_status("VmHWM:"), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20)


def alternate(
    script: str,
    pythons: Mapping[str, str],
    arguments: Sequence[object],
    *,
    rounds: int,
    warm: int = 1,
) -> Measured:
    """Lets the sides of a script work in turn, and takes medians.

    The floor is measured at the end of each round. No side sees a GPU.

    Args:
        script: path of the script.
        pythons: the interpreter of each side.
        arguments: what the sides get besides `--side`.
        rounds: number of rounds that count.
        warm: number of rounds before them. Defaults to 1.
    """
    found = Measured()
    figures: dict[str, list[Figures]] = {}
    sides = {name: [python, script, *map(str, arguments)] for name, python in pythons.items()}
    sides["floor"] = [sys.executable, str(Path(__file__).parent / "floor.py")]
    with ExitStack() as stack:
        running: dict[str, _Process] = {}
        for name, command in sides.items():
            if Path(command[0]).exists():
                process = _Process([*command, "--side", name], stack)
                ready = process.answer()
                if "missing" in ready:
                    print(f"without {name}: {ready['missing']}", file=sys.stderr)
                    continue
                running[name] = process
                found.versions |= ready["versions"]
        for _ in range(warm + rounds):
            for name, process in running.items():
                time.sleep(_PAUSE)
                figures.setdefault(name, []).append(process.round())
    for name, each in figures.items():
        found.sides[name] = {key: median(x[key] for x in each[warm:]) for key in each[0]}
        found.sides[name] |= {key: max(x[key] for x in each) for key in ("peak", "grown")}
    found.rates = found.sides.pop("floor")
    return found


class _Process:
    # A side that is at work.

    def __init__(self, command: list[str], stack: ExitStack):
        quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        self.command = command
        self.process = stack.enter_context(
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=quiet
            )
        )
        stack.callback(self.process.kill)

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"ended with {self.process.wait()}: {' '.join(self.command)}")
        return json.loads(line)

    def round(self) -> Figures:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.answer()
