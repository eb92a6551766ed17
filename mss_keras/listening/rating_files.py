"""Files of ratings: downloads as JSON or CSV, webMUSHRA's, and what the server kept, by lines."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mss_keras.config import UserError
from mss_keras.listening import webmushra_results
from mss_keras.listening.key import Key

FORMAT = "mss_keras-ratings-1"
# Of a file of CSV; of a line that the server kept, but for `simulated`.
COLUMNS = ("test", "listener", "scale", "simulated", "number", "trial", "stimulus", "rating", "at")

# Whether something is so; Excel writes it in the language of its user.
_YES = (
    "true 1 wahr vrai verdadero verdadeiro vero waar sant sann sand tosi prawda pravda igaz doğru"
)
_NO = "false 0 falsch faux falso onwaar falskt usann falsk epätosi fałsz nepravda hamis yanliş"
_SAID = {
    **dict.fromkeys([*_YES.split(), "истина", "αληθεσ"], True),
    **dict.fromkeys([*_NO.split(), "ложь", "ψευδεσ", ""], False),
}


@dataclass(frozen=True)
class Rating:
    """A rating of a stimulus.

    Args:
        number: int. Which of a listener's changes it is, from 1.
        trial: str. Name of the trial.
        stimulus: str. Id of the stimulus.
        rating: int. The rating.
        at: str. When it was made.
    """

    number: int
    trial: str
    stimulus: str
    rating: int
    at: str = ""


@dataclass(frozen=True)
class Record:
    """What a file says of a listener.

    Args:
        listener: str. The listener's id.
        path: Path. The file.
        ratings: sequence of Rating. None where there is a flaw.
        flaw: UserError or None. What is wrong with the ratings. Defaults to `None`.
        simulated: bool. Whether no person listened. Defaults to `False`.
        language: str or None. Language of the page. Defaults to `None`.
        headphones: tuple of int or None. Right answers, of how many. Defaults to `None`.
    """

    listener: str
    path: Path
    ratings: Sequence[Rating]
    flaw: UserError | None = None
    simulated: bool = False
    language: str | None = None
    headphones: tuple[int, int] | None = None


def read(path: Path, key: Key) -> tuple[list[Record], list[str]]:
    """Reads a file of ratings.

    Args:
        path: Path. The file; its form is told by its suffix, one of `FORMATS`.
        key: Key. The key of the test.

    Returns:
        What it says of each listener, and what a reader has to know of the file.

    Raises:
        UserError: if the whole file cannot be used.
    """
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        raise UserError(path, f"the suffix {path.suffix!r}", f"one of {', '.join(FORMATS)}")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(path, error.strerror or "no file", "a file of ratings") from None
    except UnicodeDecodeError:
        raise UserError(path, "another encoding", "UTF-8") from None
    if not text.strip():
        raise UserError(path, "an empty file", "ratings")
    return form(text, path, key)


def _json(text: str, path: Path, key: Key) -> tuple[list[Record], list[str]]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        place = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise UserError(path, f"broken JSON{place}", "the ratings of a listener") from None
    if not isinstance(given, dict) or given.get("format") != FORMAT:
        found = given.get("format") if isinstance(given, dict) else None
        raise UserError(path, f"the format {found!r}", FORMAT)
    listener = _checked_head(given, path, key)
    simulated = given.get("simulated", False)
    if not isinstance(simulated, bool):
        raise UserError(path, f"simulated {simulated!r}", "true or false")
    rows = given.get("ratings")
    if not isinstance(rows, list) or not rows:
        raise UserError(path, f"ratings {rows!r:.40}", "a list of ratings")
    ratings, flaw = _ratings(rows, path, key)
    record = Record(
        listener,
        path,
        ratings,
        flaw=flaw,
        simulated=simulated or key.simulated,
        language=_text(given.get("language"), "[A-Za-z-]{2,20}") or None,
        headphones=_headphones(given.get("headphones")),
    )
    return [record], []


def _csv(text: str, path: Path, key: Key) -> tuple[list[Record], list[str]]:
    # As Excel may write it: with other delimiters, a line that names it, and rows of nothing.
    first, _, rest = text.partition("\n")
    if named := re.fullmatch(r"\W*sep=(.)\W*", first):
        text, delimiter = rest, named[1]
    else:
        delimiter = max(",;\t", key=first.count)
    try:
        table = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
        rows = [row for row in table if any(row.values())]
    except csv.Error as error:
        raise UserError(path, f"broken CSV ({error})", "a row for each rating") from None
    if rows and webmushra_results.TEST in rows[0]:
        rows = webmushra_results.translated(rows, path, key)
    missing = [name for name in COLUMNS if name not in (rows[0] if rows else {})]
    if missing:
        raise UserError(path, f"no column {missing[0]}", f"the columns {', '.join(COLUMNS)}")
    return _by_listener(rows, path, key), []


def _jsonl(text: str, path: Path, key: Key) -> tuple[list[Record], list[str]]:
    rows, notes = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            rows.append(row)
        else:
            notes.append(f"{path}: line {number} is no whole rating; it does not count")
    if not rows:
        raise UserError(path, "no whole line", "a rating a line")
    return _by_listener(rows, path, key), notes


def _by_listener(rows: Sequence[Mapping[str, Any]], path: Path, key: Key) -> list[Record]:
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(_checked_head(row, path, key), []).append(row)
    records = []
    for listener, own in groups.items():
        flags = {str(row.get("simulated") or "").strip().casefold() for row in own}
        ratings, flaw = _ratings(own, path, key)
        if unknown := flags - set(_SAID):
            flaw = UserError(path, f"simulated {min(unknown)!r}", "true or false")
        simulated = key.simulated or any(_SAID.get(flag) for flag in flags)
        records.append(Record(listener, path, ratings, flaw=flaw, simulated=simulated))
    return records


def _checked_head(given: Mapping[str, Any], path: Path, key: Key) -> str:
    # The listener, of ratings that are of this test.
    listener = given.get("listener")
    if not isinstance(listener, str) or not re.fullmatch("[0-9a-f]{32}", listener):
        raise UserError(path, f"the listener {listener!r:.40}", "32 hexadecimal digits")
    if given.get("test") != key.test:
        raise UserError(path, f"ratings of the test {given.get('test')!r:.40}", key.test)
    if given.get("scale") != key.scale:
        raise UserError(path, f"the scale {given.get('scale')!r:.40}", key.scale)
    return listener


def _ratings(rows: Iterable[Any], path: Path, key: Key) -> tuple[list[Rating], UserError | None]:
    # A listener with one wrong rating is no source of others: whatever wrote it is at fault.
    stimuli = {stimulus: trial.trial for trial in key.trials for stimulus in trial.stimuli}
    found: dict[int, Rating] = {}
    try:
        for row in rows:
            rating = _rating(row, path, key=key, stimuli=stimuli)
            if found.setdefault(rating.number, rating) != rating:
                wanted = "a number for each change"
                raise UserError(path, f"the number {rating.number} of two ratings", wanted)
    except UserError as error:
        return [], error
    return list(found.values()), None


def _rating(row: Any, path: Path, *, key: Key, stimuli: Mapping[str, str]) -> Rating:
    if not isinstance(row, Mapping):
        raise UserError(path, f"the rating {row!r:.40}", "number, trial, stimulus and rating")
    stimulus, trial = row.get("stimulus"), row.get("trial")
    if not isinstance(stimulus, str) or stimulus not in stimuli:
        raise UserError(path, f"the stimulus {stimulus!r:.40}", "one of the test's")
    if trial != stimuli[stimulus]:
        found = f"the stimulus {stimulus} in the trial {trial!r:.40}"
        raise UserError(path, found, stimuli[stimulus])
    low, high = key.range
    rating, number = _whole(row.get("rating")), _whole(row.get("number"))
    if rating is None or not low <= rating <= high:
        found = f"the rating {row.get('rating')!r:.40}"
        raise UserError(path, found, f"a whole number, {low} to {high}")
    if number is None or number < 1:
        raise UserError(path, f"the number {row.get('number')!r:.40}", "a whole number from 1 on")
    return Rating(
        number, str(trial), stimulus, rating, at=_text(row.get("at"), r"[\d:.TZ+-]{1,40}")
    )


def _whole(value: Any) -> int | None:
    # A whole number, given as one or as the text of one (a table's program may write 83.0).
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,9}(\.0*)?\s*", value):
        return int(float(value))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if abs(value) < 1e9 and value == int(value) else None


def _text(value: Any, pattern: str) -> str:
    # Nothing else: a table's program takes a text such as =1+1 for a formula.
    return value if isinstance(value, str) and re.fullmatch(pattern, value) else ""


def _headphones(given: Any) -> tuple[int, int] | None:
    if not isinstance(given, Mapping):
        return None
    correct, of = _whole(given.get("correct")), _whole(given.get("of"))
    return None if correct is None or of is None else (correct, of)


# How files are read, by their suffix.
FORMATS: Mapping[str, Callable[[str, Path, Key], tuple[list[Record], list[str]]]] = {
    ".json": _json,
    ".csv": _csv,
    ".jsonl": _jsonl,
}
