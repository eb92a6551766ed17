"""Ratings that a server keeps: a file for each listener, a line for each change.

A line is on the disk before the listener's browser is told that it is kept. What a killed server
or a full disk has left of a line is cut off before the next is written.
"""

import contextlib
import json
import os
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mss_keras.config import UserError, require
from mss_keras.config.listening import SCALES
from mss_keras.listening.key import Key

# Nobody rates more often, and numbers from which on a browser could not count are refused.
MOST_NUMBER = 1_000_000
MOST_LISTENERS = 10_000

_LISTENER = re.compile(r"[0-9a-f]{32}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
_FIELDS = ("number", "trial", "stimulus", "rating", "at")

Rating = dict[str, Any]


@dataclass
class _Listener:
    # What is kept of a listener: ratings by number, those that count by stimulus, all but numbers.
    ratings: dict[int, Rating] = field(default_factory=dict)
    last: dict[tuple[str, str], Rating] = field(default_factory=dict)
    contents: set[tuple] = field(default_factory=set)
    highest: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, rating: Rating) -> None:
        number, place = rating["number"], (rating["trial"], rating["stimulus"])
        self.ratings[number] = rating
        self.contents.add(_content(rating))
        self.highest = max(self.highest, number)
        if place not in self.last or self.last[place]["number"] <= number:
            self.last[place] = rating


class Keeping:
    """The ratings of a test, on disk.

    Args:
        folder: Path. Folder of the listeners' files. It is made if it is missing.
        key: Key. The key of the test.
        say: Callable. Is called with a line for each line of a file that cannot be read.

    Raises:
        UserError: if a file is another test's.
    """

    def __init__(self, folder: Path, key: Key, *, say: Callable[[str], None] = lambda line: None):
        self._folder, self._key = folder, key
        self._stimuli = {trial.trial: frozenset(trial.stimuli) for trial in key.trials}
        self._listeners: defaultdict[str, _Listener] = defaultdict(_Listener)
        self._lock = threading.Lock()  # of the table of listeners
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.jsonl")):
            if _LISTENER.fullmatch(path.stem):
                for rating in self._read(path, say):
                    self._listeners[path.stem].add(rating)

    @property
    def counts(self) -> tuple[int, int]:
        """Number of listeners, and of stimuli that they have rated."""
        rated = [len(self.latest(listener)) for listener in list(self._listeners)]
        return sum(count > 0 for count in rated), sum(rated)

    def latest(self, listener: str) -> list[Rating]:
        """The last rating of each stimulus, by a listener.

        Args:
            listener: str. The listener's id, 32 hexadecimal digits.

        Raises:
            UserError: if it is none.
        """
        _require_listener(listener)
        with self._lock:
            known = self._listeners.get(listener)
        if known is None:
            return []
        with known.lock:
            return sorted(known.last.values(), key=lambda rating: rating["number"])

    def keep(self, listener: str, ratings: Sequence[Mapping[str, Any]]) -> int:
        """Keeps ratings of a listener; those that are kept already are not written again.

        A number that another rating has got, from a second browser of the listener, say, is
        replaced by one above all others, unless the stimulus has been rated later than that:
        then the rating is out of date, and not kept.

        Args:
            listener: str. The listener's id.
            ratings: sequence of mappings. `number`, `trial`, `stimulus`, `rating` and `at` each.

        Returns:
            The highest number that is kept.

        Raises:
            UserError: if a rating is none of this test, or numbers end. Nothing is kept then.
            OSError: if they cannot be written. Nothing is kept then, either.
        """
        _require_listener(listener)
        checked = sorted((self._checked(x) for x in ratings), key=lambda x: x["number"])
        if not checked:
            return max((rating["number"] for rating in self.latest(listener)), default=0)
        with self._lock:
            full = listener not in self._listeners and len(self._listeners) >= MOST_LISTENERS
            require(not full, "listener", found=listener, wanted=f"{MOST_LISTENERS} at most")
            known = self._listeners[listener]
        with known.lock:
            new = _Listener()  # what there will be when it is on the disk
            new.highest = known.highest
            for rating in checked:
                number, content = rating["number"], _content(rating)
                if number in known.ratings or number in new.ratings:
                    place = (rating["trial"], rating["stimulus"])
                    last = new.last.get(place, known.last.get(place))
                    is_kept = content in known.contents or content in new.contents
                    if is_kept or (last is not None and _moment(last) > _moment(rating)):
                        continue
                    number = new.highest + 1
                    wanted = f"{MOST_NUMBER} at most"
                    require(number <= MOST_NUMBER, "number", found=number, wanted=wanted)
                new.add({**rating, "number": number})
            if new.ratings:
                self._append(listener, list(new.ratings.values()))
            for rating in new.ratings.values():
                known.add(rating)
            return known.highest

    def _checked(self, rating: Mapping[str, Any]) -> Rating:
        if not isinstance(rating, Mapping) or not set(_FIELDS) <= set(rating):
            raise UserError("ratings", repr(rating)[:200], f"{', '.join(_FIELDS)} of each")
        found = {name: rating[name] for name in _FIELDS}
        number, value, at = found["number"], found["rating"], found["at"]
        require(_whole(number, 1, MOST_NUMBER), "number", found=number, wanted="1, 2, 3, ...")
        trial = found["trial"]
        known = isinstance(trial, str) and trial in self._stimuli
        require(known, "trial", found=trial, wanted="a trial of this test")
        stimulus = found["stimulus"]
        known = isinstance(stimulus, str) and stimulus in self._stimuli[trial]
        require(known, "stimulus", found=stimulus, wanted=f"a stimulus of {trial}")
        low, high = SCALES[self._key.scale]
        wanted = f"a whole number, {low} to {high}"
        require(_whole(value, low, high), "rating", found=value, wanted=wanted)
        timely = isinstance(at, str) and _TIME.fullmatch(at) is not None
        require(timely, "at", found=at, wanted="a time such as 2026-01-31T12:00:00Z")
        return found

    def _append(self, listener: str, ratings: Sequence[Rating]) -> None:
        received = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        own = {"test": self._key.test, "listener": listener, "scale": self._key.scale}
        lines = [json.dumps({**own, **rating, "received": received}) for rating in ratings]
        path = self._folder / f"{listener}.jsonl"
        is_new = not path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            size = _without_torn_line(descriptor)
            try:
                _write(descriptor, "".join(f"{line}\n" for line in lines).encode())
                os.fsync(descriptor)
            except OSError:
                with contextlib.suppress(OSError):  # or else before the next line is written
                    os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)
        if is_new:
            _sync_folder(self._folder)

    def _read(self, path: Path, say: Callable[[str], None]) -> list[Rating]:
        descriptor = os.open(path, os.O_RDWR)
        try:
            before = os.fstat(descriptor).st_size
            if _without_torn_line(descriptor) < before:
                say(f"{path}: the last line was cut short, and is removed; it was not answered")
        finally:
            os.close(descriptor)
        ratings = []
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            try:
                found = json.loads(line)
                if found["test"] != self._key.test:
                    wanted = f"the ratings of {self._key.test}"
                    raise UserError(path, f"those of the test {found['test']!r}", wanted)
                rating = self._checked(found)
            except UserError as error:
                if error.field == path:
                    raise
                say(f"{path}, line {number}: {error}; the line is left alone")
            except (ValueError, KeyError, TypeError):
                say(f"{path}, line {number}: no rating; the line is left alone")
            else:
                ratings.append(rating)
        return ratings


def _content(rating: Rating) -> tuple:
    return tuple(rating[name] for name in _FIELDS if name != "number")


def _moment(rating: Rating) -> str:
    # In the order of time: a whole second comes before its parts.
    return rating["at"].removesuffix("Z")


def _require_listener(listener: Any) -> None:
    wanted = "32 hexadecimal digits"
    known = isinstance(listener, str) and _LISTENER.fullmatch(listener) is not None
    require(known, "listener", found=listener, wanted=wanted)


def _whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _without_torn_line(descriptor: int) -> int:
    # Cuts a file behind its last whole line, and returns its size.
    size = os.fstat(descriptor).st_size
    end = size
    while end:
        begin = max(0, end - 4096)
        place = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if place >= 0:
            end = begin + place + 1
            break
        end = begin
    if end < size:
        os.ftruncate(descriptor, end)
    return end


def _sync_folder(folder: Path) -> None:
    # A new file's name is on the disk when its folder is.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
