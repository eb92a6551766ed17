"""The history of a run as CSV."""

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path


def write_csv(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Writes one row an epoch, under a temporary name first.

    Args:
        path: the CSV file.
        rows: `{"epoch": …, "loss": …, …}`, all with the same keys.
    """
    temporary = path.with_name(f".{path.name}.partial")
    with temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else ["epoch"])
        writer.writeheader()
        writer.writerows(rows)
    os.replace(temporary, path)


def read_csv(path: Path) -> list[dict[str, float]]:
    """Inverse of `write_csv`."""
    with path.open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
