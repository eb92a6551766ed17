"""Whether a search finds: β of dissimilarity_freq in 0 to 10, where most of it does harm.

Two searches on the 6 s of music that stempeg ships, by the command line: KerasTuner's
Bayesian optimisation, and random choice to compare with.

    python tests/benchmarks/search.py [--trials 12] [--epochs 6] [--output DIR]
"""

import argparse
import csv
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--output", type=Path, default=None, help="kept; a temporary folder if not")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        output = options.output or Path(temporary)
        scores = {}
        for tuner in ("bayesian", "random"):
            command = [
                *(sys.executable, "-m", "trainer", "tune", "--demo"),
                *("--loss", "dissimilarity_freq", "--range", "beta=0:10", "--tuner", tuner),
                *("--trials", str(options.trials), "--trial-epochs", str(options.epochs)),
                *("--output", str(output / tuner)),
            ]
            subprocess.run(command, check=True)
            with (output / tuner / "trials.csv").open() as file:
                rows = [row for row in csv.DictReader(file) if row["val_si_sdr"]]
            scores[tuner] = {row["trial"]: float(row["val_si_sdr"]) for row in rows}
    print("val_si_sdr, dB          best   median   worst")
    for tuner, found in scores.items():
        values = sorted(found.values())
        print(f"{tuner:<20}{values[-1]:>8.2f}{median(values):>9.2f}{values[0]:>8.2f}")
    late = [v for name, v in scores["bayesian"].items() if int(name) >= 3]
    print(f"bayesian, after its 3 random trials: median {median(late):.2f}")


if __name__ == "__main__":
    main()
