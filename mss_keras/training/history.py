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
        # Phases of a run measure different things.
        names = dict.fromkeys(name for row in rows for name in row) or ["epoch"]
        writer = csv.DictWriter(file, fieldnames=list(names))
        writer.writeheader()
        writer.writerows(rows)
