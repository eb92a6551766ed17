"""The grid in which an example's sounds stand: a row for each source, a column for each method."""

from collections.abc import Sequence
from dataclasses import dataclass

from mss_keras.reports.pages.parts import Stimulus


@dataclass(frozen=True)
class Row:
    """A row of a grid.

    Args:
        name: str. Its name.
        cells: sequence of sequence of int. Indices of the stimuli of each column.
        wide: bool. Whether its stimuli belong to no column, as a mixture does.
    """

    name: str
    cells: Sequence[Sequence[int]]
    wide: bool = False


def columns_of(stimuli: Sequence[Stimulus]) -> list[str]:
    """Names of the columns, in the order in which stimuli name them."""
    return list(dict.fromkeys(s.column for s in stimuli if not _wide(s)))


def rows_of(stimuli: Sequence[Stimulus]) -> list[Row]:
    """The rows, in the order in which stimuli name them.

    Example:
        >>> import numpy as np
        >>> silence = np.zeros([1, 1])
        >>> places = [("mixture", ""), ("bass", "target"), ("bass", "l1"), ("other", "l1")]
        >>> for row in rows_of([Stimulus(*place, silence) for place in places]):
        ...     print(row.name, row.cells, row.wide)
        mixture [[0]] True
        bass [[1], [2]] False
        other [[], [3]] False
    """
    rows = []
    for name in dict.fromkeys(stimulus.row for stimulus in stimuli):
        own = [(index, s) for index, s in enumerate(stimuli) if s.row == name]
        if wide := [index for index, s in own if _wide(s)]:
            rows.append(Row(name, [wide], wide=True))
        cells = [[i for i, s in own if s.column == c and not _wide(s)] for c in columns_of(stimuli)]
        if any(cells):
            rows.append(Row(name, cells))
    return rows


def _wide(stimulus: Stimulus) -> bool:
    return stimulus.column in ("", stimulus.row)
