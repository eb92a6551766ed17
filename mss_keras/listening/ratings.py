"""Ratings of listeners: files of any form become listeners, each stimulus rated once."""

import dataclasses
import glob
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

from mss_keras.config import UserError
from mss_keras.listening import rating_files
from mss_keras.listening.key import FILE, Key
from mss_keras.listening.rating_files import Rating, Record


@dataclasses.dataclass(frozen=True)
class Listener:
    """What a listener rated.

    Args:
        listener: str. The listener's id.
        ratings: tuple of Rating. One for each stimulus that was rated, the last of it.
        files: tuple of Path. The files that they are from.
        simulated: bool. Whether no person listened. Defaults to `False`.
        language: str or None. Language of the page. Defaults to `None`, unknown.
        headphones: tuple of int or None. How many questions of the check of headphones were
            answered rightly, of how many. Defaults to `None`, no check.
    """

    listener: str
    ratings: tuple[Rating, ...]
    files: tuple[Path, ...]
    simulated: bool = False
    language: str | None = None
    headphones: tuple[int, int] | None = None


@dataclasses.dataclass(frozen=True)
class Ratings:
    """What files of ratings hold.

    Args:
        listeners: list of Listener. In the order in which the files name them.
        skipped: list of tuple. What was left out, a file or a listener of it, and why.
        notes: list of str. What a reader has to know besides.
    """

    listeners: list[Listener]
    skipped: list[tuple[str, str]]
    notes: list[str]


def find_files(given: Sequence[str | Path]) -> list[Path]:
    """Files of ratings, of folders those that they hold themselves, in alphabetic order.

    Args:
        given: sequence of str or Path. Files, folders, and patterns as the shell's: *, ?, […], **.

    Raises:
        UserError: if one does not exist, or a folder or a pattern has none.
    """
    files: list[Path] = []
    for path in itertools.chain.from_iterable(map(_named, given)):
        if path.is_dir():
            inside = [x for x in sorted(path.iterdir()) if x.suffix.lower() in rating_files.FORMATS]
            found = [x for x in inside if x.name != FILE and not x.name.startswith(".")]
            if not found:
                wanted = f"{', '.join(rating_files.FORMATS)} in it"
                raise UserError("ratings", f"no files of ratings in {path}", wanted)
            files += found
        elif path.exists():
            files.append(path)
        else:
            raise UserError("ratings", f"no file {path}", "files of ratings, or folders of them")
    if not files:
        raise UserError("ratings", "nothing", "files of ratings, or folders of them")
    return list({path.resolve(): path for path in files}.values())


def _named(given: str | Path) -> list[Path]:
    # A pattern that the shell has not expanded, as where it is quoted.
    text = str(given)
    if Path(text).exists() or not glob.has_magic(text):
        return [Path(text)]
    return [Path(x) for x in sorted(glob.glob(text, recursive=True))] or [Path(text)]


def find_test(files: Sequence[Path]) -> Path:
    """The folder of the test that ratings belong to: one above the first that has a key.

    Raises:
        UserError: if there is none.
    """
    for folder in files[0].resolve().parents:
        if (folder / FILE).is_file():
            return folder
    raise UserError("test", f"no {FILE} above {files[0]}", "the folder of the listening test")


def read_ratings(files: Sequence[Path], key: Key) -> Ratings:
    """Reads ratings; what cannot be used is left out and named.

    A listener may be in several files, such as a download and what the server kept: each
    change of a rating has a number, and the last change of a stimulus counts. Two browsers of a
    listener may have given one number to two changes; the server then gave another one to the
    second. Where two files differ in a number and share no change, or differ in what was rated at
    one moment, they are of two listeners, and the first one's counts.

    Args:
        files: sequence of Path. The files.
        key: Key. The key of the test.

    Raises:
        UserError: if no listener is left.
    """
    found: dict[str, list[Record]] = {}
    skipped: list[tuple[str, str]] = []
    notes: list[str] = []
    for path in files:
        try:
            records, remarks = rating_files.read(path, key)
        except UserError as error:
            skipped.append((str(path), f"found {error.found}, wanted {error.wanted}"))
            continue
        notes += remarks
        for record in records:
            if record.flaw:
                reason = f"found {record.flaw.found}, wanted {record.flaw.wanted}"
                skipped.append((f"{path}: listener {record.listener}", reason))
                continue
            others = found.setdefault(record.listener, [])
            clash = next((other for other in others if _differ(record, other)), None)
            if clash:
                reason = f"found other ratings under the same numbers than in {clash.path}"
                skipped.append((f"{path}: listener {record.listener}", reason))
            else:
                others.append(record)
    listeners = [_merged(records, notes.append) for records in found.values() if records]
    if not listeners:
        where, reason = skipped[0] if skipped else (str(files[0]), "no rating")
        raise UserError("ratings", f"no listener ({where}: {reason})", f"ratings of {key.test}")
    return Ratings(listeners, skipped, notes)


def _differ(one: Record, other: Record) -> bool:
    known = {rating.number: rating for rating in other.ratings}
    clashes = [
        (rating, known[rating.number])
        for rating in one.ratings
        if rating.number in known and _value(rating) != _value(known[rating.number])
    ]
    if not clashes:
        return False
    if any((a.stimulus, a.at) == (b.stimulus, b.at) for a, b in clashes):
        return True
    shared = {(*_value(x), x.at) for x in one.ratings} & {(*_value(x), x.at) for x in other.ratings}
    return not any(at for _, _, at in shared)


def _value(rating: Rating) -> tuple[str, int]:
    return rating.stimulus, rating.rating


def _merged(records: Sequence[Record], note: Callable[[str], None]) -> Listener:
    first = records[0]
    last: dict[str, Rating] = {}
    for rating in sorted((x for record in records for x in record.ratings), key=_order):
        last[rating.stimulus] = rating
    if len(records) > 1:
        names = ", ".join(str(record.path) for record in records)
        note(f"listener {first.listener} is in {names}: the last rating of a stimulus counts")
    return Listener(
        first.listener,
        tuple(sorted(last.values(), key=_number)),
        files=tuple(record.path for record in records),
        simulated=any(record.simulated for record in records),
        language=next((x.language for x in records if x.language), None),
        headphones=next((x.headphones for x in records if x.headphones), None),
    )


def _order(rating: Rating) -> tuple[int, str]:
    return rating.number, rating.at.removesuffix("Z")


def _number(rating: Rating) -> int:
    return rating.number
