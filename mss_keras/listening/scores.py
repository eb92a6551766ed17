"""Scores of what was rated, from the folders that evaluate wrote."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mss_keras.config import LOSSES, UserError, named_folder
from mss_keras.listening.key import Key, Trial
from mss_keras.reports.tables import RATIOS

FILE = "tracks.csv"
_PLACE = ["method", "track", "source"]
_TOGETHER = "together"  # rows of metrics that look at all sources at once


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of what was rated.

    Args:
        table: DataFrame. A row for each trial and system that has scores: `trial`, `system`, and
            a column for each metric; NaN where it has no value.
        metrics: list of str. Names of the metrics, those of which more is better first.
        together: list of str. Those of them that look at all sources of an excerpt at once.
        notes: list of str. What a reader has to know.
    """

    table: pd.DataFrame
    metrics: list[str]
    together: list[str]
    notes: list[str]


def sign_of(metric: str) -> int:
    """1 for a metric of which more is better, -1 for a loss.

    Example:
        >>> sign_of("sdr"), sign_of("l1_time")
        (1, -1)
    """
    return 1 if metric in RATIOS else -1


def read_scores(given: Sequence[str], key: Key) -> Scores:
    """Reads scores and finds those of each trial.

    A row belongs to a trial where its track is the trial's excerpt; where no row is, those of
    the whole song count.

    Args:
        given: sequence of str. Folders that evaluate wrote. `NAME=DIR` renames the only system
            of a folder.
        key: Key. The key of the test.

    Raises:
        UserError: if a folder has no scores, two have scores of one system, or none has scores of
            what was rated.
    """
    if not given:
        raise UserError("scores", "nothing", "folders that evaluate wrote")
    kinds = {kind for trial in key.trials for kind in trial.stimuli.values()}
    rated = [kind for kind in ("mixture", *key.systems) if kind in kinds]
    notes: list[str] = []
    tables = {text: _read(text, rated) for text in given}
    for text, table in tables.items():
        for other, theirs in tables.items():
            both = (set(table["method"]) & set(theirs["method"])) - {"mixture"}
            if text != other and both & set(rated):
                raise UserError("scores", f"{min(both)} in {other} and {text}", "each system once")
    table = pd.concat(tables.values(), ignore_index=True)
    foreign = sorted(set(table["method"]) - set(rated))
    if foreign:
        notes.append(f"scores of {', '.join(foreign)} do not count: nobody rated them")
    table = table[table["method"].isin(rated)]
    metrics, unknown = _metrics(table)
    if unknown:
        notes.append(f"columns {', '.join(unknown)} are no metrics that are known here")
    alone, whole = _matched(table, key.trials, metrics)
    if alone.empty:
        found = f"scores of {', '.join(foreign) or 'other tracks'}"
        raise UserError("scores", found, f"scores of {', '.join(rated)} on the excerpts rated")
    without = [system for system in rated if system not in set(alone["system"])]
    if without:
        notes.append(f"without scores, and without part in correlations: {', '.join(without)}")
    if whole:
        notes.append(
            f"{whole} of {len(alone)} stimuli have scores of the whole song, not of "
            "the excerpt that was rated"
        )
    metrics = [name for name in metrics if alone[name].notna().any()]
    if not metrics:
        raise UserError("scores", "no metric that has a value", "folders that evaluate wrote")
    together = set(table.loc[table["source"] == _TOGETHER, metrics].dropna(axis=1, how="all"))
    return Scores(alone, metrics, [name for name in metrics if name in together], notes)


def _read(text: str, rated: Sequence[str]) -> pd.DataFrame:
    name, folder = named_folder(text)
    path = folder / FILE
    try:
        _check_whole(path)
        texts = dict.fromkeys(_PLACE, str)  # no types: a song or a system may be named NA
        table = pd.read_csv(
            path, encoding="utf-8-sig", converters=texts, float_precision="round_trip"
        )
    except FileNotFoundError:
        wanted = "a folder that evaluate wrote"
        raise UserError("scores", f"no {FILE} in {folder}", wanted) from None
    except (OSError, ValueError, csv.Error, pd.errors.ParserError) as error:
        found = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(path, found, "a table of scores") from None
    for column in _PLACE:
        if column not in table:
            raise UserError(path, f"no column {column}", "a table that evaluate wrote")
    if table.empty:
        raise UserError(path, "no scores", "a row for each track and source")
    if len(table.columns) == len(_PLACE):
        raise UserError(path, "no column of a metric", "a table that evaluate wrote")
    for column in table.columns.drop(_PLACE):
        try:
            table[column] = pd.to_numeric(table[column])
        except ValueError:
            raise UserError(path, f"words in the column {column}", "numbers") from None
    if name is not None:
        systems = [method for method in table["method"].unique() if method != "mixture"]
        if len(systems) != 1:
            found = f"{name} for {', '.join(systems) or 'no system'}"
            raise UserError("scores", found, "NAME=DIR of a folder with one system")
        if name == "mixture" or name not in rated:
            known = [system for system in rated if system != "mixture"]
            raise UserError.unknown("scores", name, known)
        table["method"] = table["method"].replace(systems[0], name)
    double = table.duplicated(_PLACE)
    if double.any():
        found = " ".join(map(str, table.loc[double, _PLACE].iloc[0]))
        raise UserError(path, f"two rows of {found}", "one")
    return table


def _check_whole(path: Path) -> None:
    # pandas takes the fields that a row lacks, as one that was cut off does, for missing scores.
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file)
        head = next(rows, [])
        for row in rows:
            if row and len(row) < len(head):
                found = f"{len(row)} fields in line {rows.line_num}"
                raise UserError(path, found, f"{len(head)}, as the first line has")


def _metrics(table: pd.DataFrame) -> tuple[list[str], list[str]]:
    names = [name for name in table.columns if name not in _PLACE]
    known = [name for name in (*RATIOS, *LOSSES) if name in names]
    return known, [name for name in names if name not in known]


def _matched(
    table: pd.DataFrame, trials: Sequence[Trial], metrics: list[str]
) -> tuple[pd.DataFrame, int]:
    # Scores of each trial's stimuli, and how many are of whole songs.
    # The mixture may be in several folders, with other metrics in each.
    first = table.groupby(_PLACE)[metrics].first()
    rows, whole = [], 0
    for trial in trials:
        for system in dict.fromkeys(trial.stimuli.values()):
            for track in dict.fromkeys((trial.track, trial.song)):
                own = _row(first, (system, track, trial.source))
                if own is not None:
                    together = _row(first, (system, track, _TOGETHER))
                    values = own if together is None else own.fillna(together)
                    rows.append({"trial": trial.trial, "system": system, **values})
                    whole += track != trial.track
                    break
    return pd.DataFrame(rows, columns=["trial", "system", *metrics]), whole


def _row(table: pd.DataFrame, place: Any) -> pd.Series | None:
    return table.loc[place] if place in table.index else None
