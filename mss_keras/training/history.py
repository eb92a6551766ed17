"""The history of a run as CSV."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from mss_keras.files import appearing


def write_csv(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Writes one row an epoch.

    Args:
        path: the CSV file.
        rows: `{"epoch": …, "loss": …, …}`, all with the same keys.
    """
    with appearing(path) as partial, partial.open("w", newline="") as file:
        # Phases of a run measure different things.
        names = dict.fromkeys(name for row in rows for name in row) or ["epoch"]
        writer = csv.DictWriter(file, fieldnames=list(names))
        writer.writeheader()
        writer.writerows(rows)


def best_row(path: Path) -> dict[str, float] | None:
    """The row with the lowest validation loss, of a file by `write_csv`; None if there is none."""
    if not path.is_file():
        return None
    with path.open(newline="") as file:
        rows = [
            {key: float(value) for key, value in row.items() if value}  # a phase may lack some
            for row in csv.DictReader(file)
        ]
    finite = [row for row in rows if math.isfinite(row.get("val_loss", math.nan))]
    return min(finite, key=lambda row: row["val_loss"], default=None)
