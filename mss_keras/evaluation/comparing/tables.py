"""Scores side by side as tables of a page, with the best ones marked in words."""

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from mss_keras import losses
from mss_keras.evaluation.comparing.scores import MEAN, SDR, Board
from mss_keras.reports.pages import Table
from mss_keras.reports.tables import RATIOS

NONE = "–"  # stands where there is no score
_WIDE = 6  # methods beyond which each has a row instead of a column, where that makes fewer columns
_TITLES = {SDR: "SDR, dB", "si_sdr": "SI-SDR, dB"}


def tables(board: Board, competing: Collection[str], *, of: Callable[[str], str]) -> list[Table]:
    """SDR, SI-SDR, and the losses that were read.

    Args:
        board: Board. The scores.
        competing: collection of str. Names of the methods that may be called the best.
        of: Callable. Returns what the scores of a metric are of, for the captions.
    """
    made = {
        f"{title}: {of(metric)}": _ratio(board, competing, metric)
        for metric, title in _TITLES.items()
        if metric in board.values
    }
    if read := [name for name in board.metrics if name in losses.names()]:
        caption = f"Losses (less is better): {of(read[0])}"
        made[caption] = _losses(board, competing, read)
    return [dataclasses.replace(table, caption=caption) for caption, table in made.items()]


def rounded(value: float, form: str = ".2f") -> str:
    """A score as text.

    Example:
        >>> rounded(5.071), rounded(float("inf")), rounded(float("nan"))
        ('5.07', '∞', '–')
    """
    return NONE if np.isnan(value) else "∞" if value == np.inf else format(value, form)


def marked(values: Sequence[float], competing: Sequence[bool], *, ratio: bool) -> list[str]:
    """Numbers as text, the best of those that compete with the word for it.

    Args:
        values: sequence of float. The numbers; NaN where there is none.
        competing: sequence of bool. Which of them may be the best.
        ratio: bool. Whether they are in dB, and the largest is the best; else the smallest is.

    Returns:
        A text for each. None is marked where less than two compete, or all that do are alike.

    Example:
        >>> marked([5.02, 6.0, 9.0, float("nan")], [True, True, False, True], ratio=True)
        ['5.02', 'best 6.00', '9.00', '–']
        >>> marked([0.1, 0.1], [True, True], ratio=False)
        ['0.1', '0.1']
    """
    texts = [rounded(x, ".2f" if ratio else ".3g") for x in values]
    places = [place for place, x in enumerate(values) if competing[place] and not np.isnan(x)]
    if len({texts[place] for place in places}) < 2:
        return texts
    best = texts[(max if ratio else min)(places, key=lambda place: values[place])]
    return [
        f"best {text}" if place in places and text == best else text
        for place, text in enumerate(texts)
    ]


def _ratio(board: Board, competing: Collection[str], metric: str) -> Table:
    names = [*board.sources, MEAN]
    columns = [*board.values[metric].T, board.mean(metric)]
    lines = dict(zip(names, columns, strict=True))
    if len(board.sources) == 1:  # a mean of one says nothing more
        del lines[MEAN]
    own = [method in competing for method in board.methods]
    texts = {x: marked(y.tolist(), own, ratio=metric in RATIOS) for x, y in lines.items()}
    return _turned(texts, "source", board.methods)


def _losses(board: Board, competing: Collection[str], names: Sequence[str]) -> Table:
    own = [method in competing for method in board.methods]
    texts = {name: marked(board.mean(name).tolist(), own, ratio=False) for name in names}
    return _turned(texts, "loss", board.methods)


def _turned(lines: Mapping[str, Sequence[str]], kind: str, methods: Sequence[str]) -> Table:
    # A line for each name with a column for each method, or the other way round.
    if len(methods) <= max(_WIDE, len(lines)):
        return Table("", [kind, *methods], [[name, *line] for name, line in lines.items()])
    columns = zip(*lines.values(), strict=True)
    rows = [[method, *line] for method, line in zip(methods, columns, strict=True)]
    return Table("", ["method", *lines], rows)
