"""Rows as CSV, Markdown, LaTeX or plain text."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from mss_keras.jobs.files import appearing
from mss_keras.metrics import bsseval
from mss_keras.metrics.whole_track import WHOLE_TRACK

Row = Mapping[str, Any]

# Metrics of which the larger value is the better one; of losses the smaller one is.
RATIOS = (*bsseval.RATIOS, *WHOLE_TRACK)


def counted(number: int, thing: str) -> str:
    """A number of things, in words.

    Example:
        >>> counted(1, "song"), counted(2, "song")
        ('1 song', '2 songs')
    """
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def write_csv(path: Path, rows: Sequence[Row], columns: Sequence[str] | None = None) -> None:
    """Writes rows as CSV; the file appears when it is whole.

    Args:
        path: the file.
        rows: values by column. A row may lack columns of others; its cells are then empty.
        columns: names of the columns. Defaults to `None`: those of the rows.
    """
    names = list(columns or dict.fromkeys(key for row in rows for key in row))
    with appearing(path) as partial, partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def write_text(path: Path, text: str) -> None:
    """Writes a text and a newline at its end; the file appears when it is whole."""
    with appearing(path) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def as_text(table: Sequence[Row], form: str = "github") -> str:
    """Rows as a table.

    Ratios have two decimals, losses three digits: their values are of any size.

    Args:
        table: rows of the same columns.
        form: `github` (Markdown), `latex_booktabs` or `simple`. Defaults to `github`.

    Example:
        >>> print(as_text([{"source": "bass", "sdr": 5.071, "l1_time": 0.012345}]))
        | source   |   sdr |   l1_time |
        |----------|-------|-----------|
        | bass     |  5.07 |    0.0123 |
    """
    return tabulate(
        [list(row.values()) for row in table],
        headers=list(table[0]),
        tablefmt=form,
        floatfmt=tuple(map(_form, table[0])),
        missingval="",
    )


def as_cells(table: Sequence[Row]) -> list[list[str]]:
    """The cells of rows of the same columns as text, with the digits that `as_text` gives them.

    Example:
        >>> as_cells([{"source": "bass", "sdr": 5.071, "l1_time": None, "NaN frames": 3}])
        [['bass', '5.07', '', '3']]
        >>> as_cells([{"source": "bass", "sdr": float("nan")}])
        [['bass', '–']]
    """
    return [[_cell(key, x) for key, x in row.items()] for row in table]


def _cell(column: str, value: Any) -> str:
    if value is None or value != value:
        return "" if value is None else "–"
    return format(value, _form(column)) if isinstance(value, float) else str(value)


def _form(column: str) -> str:
    # A column may be `val_snr` or `SDR bass`.
    metric = column.lower().removeprefix("val_").split()[0]
    return ".2f" if metric in RATIOS else ".3g"
