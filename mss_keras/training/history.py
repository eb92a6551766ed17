"""The history of a run as CSV."""

import csv
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
        writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else ["epoch"])
        writer.writeheader()
        writer.writerows(rows)
