"""Runs every comparison and writes BENCHMARKS.md, and the README's table by it.

    python tests/benchmarks/bench.py [--claims step losses ...] [--rounds 5] [--output FILE]
    python tests/benchmarks/bench.py --readme

`make bench` does, with peers in a virtual environment of their own. On a quiet machine with two
cores it takes a quarter of an hour. With --output the README stays as it is; with --readme nothing
is measured, and the README's table is made of BENCHMARKS.md anew.
"""

import argparse
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import machine
from rows import Row, text
from sides import ROOT
from table import updated, write

BENCHMARKS, README = ROOT / "BENCHMARKS.md", ROOT / "README.md"
# Scripts with their arguments. Rounds that are named here stay.
CLAIMS: dict[str, list[list[str]]] = {
    "step": [["training_step.py"]],
    "separation": [
        ["separate.py", "--seconds", "60", "--niter", "0", "1"],
        ["separate.py", "--seconds", "300", "--niter", "0", "--rounds", "1"],
    ],
    "loading": [["loading.py"]],
    "statistics": [["data_statistics.py"]],
    "losses": [["losses.py"]],
    "start": [["start_up.py"]],
    "bsseval": [["bsseval.py", "--rounds", "2"]],
}


def measure(script: list[str], options: argparse.Namespace) -> list[Row]:
    """Rows of a script; those of it are printed, too."""
    path = str(Path(__file__).parent / script[0])
    rounds = [] if options.rounds is None or "--rounds" in script else [f"{options.rounds}"]
    words = [*script[1:], "--json", *(["--rounds", *rounds] if rounds else [])]
    words += ["--peers", options.peers] if options.peers else []
    command = [sys.executable, path, *words]
    rows = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            rows.append(Row(**json.loads(line)))
            print(text(rows[-1]), flush=True)
    if process.returncode:
        raise SystemExit(f"exit code {process.returncode}: {' '.join(command)}")
    return rows


def main() -> None:
    made = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    made.add_argument("--claims", nargs="+", default=list(CLAIMS), choices=CLAIMS)
    made.add_argument("--rounds", type=int, help="of which medians are taken")
    made.add_argument("--peers", help="the Python that has the peers")
    made.add_argument("--output", type=Path, default=BENCHMARKS)
    made.add_argument("--readme", action="store_true", help="measure nothing")
    options = made.parse_args()
    if not options.readme:
        began, load = datetime.now(UTC), os.getloadavg()[0]
        scripts = [script for claim in options.claims for script in CLAIMS[claim]]
        rows = [row for script in scripts for row in measure(script, options)]
        facts = {
            **machine.description(),
            "load when it began": f"{load:.1f}",
            "date": f"{began:%Y-%m-%d}",
            "time it took": f"{(datetime.now(UTC) - began).total_seconds() / 60:.0f} minutes",
        }
        options.output.write_text(write(rows, facts))
    if options.output == BENCHMARKS:
        README.write_text(updated(README.read_text(), BENCHMARKS.read_text()))


if __name__ == "__main__":
    main()
