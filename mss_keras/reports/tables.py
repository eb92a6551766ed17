"""Rows as CSV, Markdown, LaTeX or plain text."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from mss_keras.jobs.files import appearing

Row = Mapping[str, Any]

# Where a larger value is the better one; of losses it is the smaller one.
RATIOS = ("sdr", "isr", "sir", "sar", "si_sdr", "sd_sdr", "snr")


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Writes rows as CSV; a row may lack what others have."""
    with appearing(path) as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)))
        writer.writeheader()
        writer.writerows(rows)


def write_text(path: Path, text: str) -> None:
    """Writes a text, with a newline at its end."""
    with appearing(path) as partial:
        partial.write_text(text + "\n")


def as_text(table: Sequence[Row], form: str = "github") -> str:
    """Rows as `github` (Markdown), `latex_booktabs` or `simple` text."""
    # Decibels of ratios to two decimals; losses are of any size.
    kinds = [key.lower().removeprefix("val_").split()[0] for key in table[0]]
    formats = [".2f" if kind in RATIOS else ".3g" for kind in kinds]
    return tabulate(
        [list(row.values()) for row in table],
        headers=list(table[0]),
        tablefmt=form,
        floatfmt=tuple(formats),
        missingval="",
    )
