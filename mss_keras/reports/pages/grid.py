"""The grid in which an example's sounds stand: a row for each source, a column for each method."""

from collections.abc import Sequence
from typing import NamedTuple

from mss_keras.reports.pages.parts import Stimulus


class Row(NamedTuple):
    """A row of a grid.

    Attributes:
        name: its name.
        cells: indices of the stimuli of each column.
    """

    name: str
    cells: list[list[int]]


def columns_of(stimuli: Sequence[Stimulus]) -> list[str]:
    """Names of the columns, in the order in which stimuli name them; one at least.

    Example:
        >>> import numpy as np
        >>> silence = np.zeros([1, 1])
        >>> columns_of([Stimulus("mixture", "", silence), Stimulus("bass", "l1", silence)])
        ['l1']
        >>> columns_of([Stimulus("mixture", "", silence)])
        ['']
    """
    named = [stimulus.column for stimulus in stimuli if stimulus.column]
    return list(dict.fromkeys(named)) or [""]


def rows_of(stimuli: Sequence[Stimulus]) -> list[Row]:
    """The rows, in the order in which stimuli name them.

    A stimulus of no column, such as a mixture, stands in the first.

    Example:
        >>> import numpy as np
        >>> silence = np.zeros([1, 1])
        >>> places = [("mixture", ""), ("bass", "target"), ("bass", "l1"), ("other", "l1")]
        >>> for row in rows_of([Stimulus(*place, silence) for place in places]):
        ...     print(row.name, row.cells)
        mixture [[0], []]
        bass [[1], [2]]
        other [[], [3]]
    """
    columns = columns_of(stimuli)
    rows = {stimulus.row: Row(stimulus.row, [[] for _ in columns]) for stimulus in stimuli}
    for index, stimulus in enumerate(stimuli):
        column = columns.index(stimulus.column) if stimulus.column else 0
        rows[stimulus.row].cells[column].append(index)
    return list(rows.values())
