"""A folder belongs to one run, evaluation, benchmark or search, and is refused to another."""

import contextlib
import dataclasses
import errno
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mss_keras.config import (
    GROUPS,
    EvaluationConfig,
    ListeningConfig,
    SearchConfig,
    SeparationConfig,
    UserError,
    renewed,
)
from mss_keras.jobs.files import appearing, is_hidden
from mss_keras.jobs.locks import locked


@dataclass(frozen=True)
class Claim:
    """What a folder is wanted for, and how the folder says so.

    Args:
        kind: str. Word for the work: `run`, `evaluation`, `benchmark`, `search`,
            `listening test` or `correlation`.
        file: str. Name of the YAML file in the folder that keeps the settings.
        settings: mapping. All settings of the work, of types that YAML knows.
        may_change: collection of str. Keys of `settings` that may differ when the work is
            resumed. Defaults to none.
        defaults: mapping. Values of keys that the files of earlier versions lack. Defaults to
            none.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp()) / "run"
        >>> Claim("run", "config.yaml", {"nhop": 256}).take(folder)
        >>> (folder / "config.yaml").read_text()
        'nhop: 256\\n'
        >>> Claim("run", "config.yaml", {"nhop": 512}).check(folder)
        Traceback (most recent call last):
        mss_keras.config.errors.UserError: output: found another run in ...
    """

    kind: str
    file: str
    settings: Mapping[str, Any]
    may_change: Collection[str] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def take(self, folder: Path) -> None:
        """Makes a folder this work's, or finds that the folder is this work's already.

        Args:
            folder: Path. It is made if it is missing.

        Raises:
            UserError: if the folder holds other work or something else, or cannot be written.
        """
        self.check_free(folder)
        if (folder / self.file).exists() and not self.may_change:
            return
        try:
            with appearing(folder / self.file) as partial:
                text = yaml.safe_dump(dict(self.settings), sort_keys=False)
                partial.write_text(text, encoding="utf-8")
        except OSError as error:
            raise _unwritable(folder, error) from None

    def check_free(self, folder: Path) -> None:
        """Finds that a folder may become this work's, or is this work's already.

        Raises:
            UserError: as `take`; the folder is left as it is.
        """
        if (folder / self.file).exists():
            self.check(folder)
            return
        here = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if not here.is_dir() or not os.access(here, os.W_OK):
            code = errno.EACCES if here.is_dir() else errno.ENOTDIR
            raise _unwritable(here, OSError(code, os.strerror(code)))
        if here == folder and not all(map(is_hidden, folder.iterdir())):
            if (folder / self.file).exists():  # since a moment: others do the same work
                self.check(folder)
                return
            raise UserError("output", f"something else in {folder}", "a new or empty folder")

    @contextlib.contextmanager
    def alone(self, folder: Path) -> Iterator[None]:
        """Takes a folder, and keeps other processes out of it.

        Args:
            folder: Path. It is made if it is missing.

        Raises:
            UserError: as `take`, and if the same work goes on in the folder already.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(folder, error) from None
        with locked(folder):
            self.take(folder)
            yield

    def check(self, folder: Path) -> None:
        """Finds that a folder is this work's.

        Raises:
            UserError: if the folder holds no work of this kind, or work of other settings.
        """
        path = folder / self.file
        if not path.exists():
            raise UserError("output", f"no {self.kind} in {folder}", f"the folder of a {self.kind}")
        there = {**self.defaults, **read_mapping(path, f"the file of a {self.kind}")}
        fixed = {x: y for x, y in self.settings.items() if x not in self.may_change}
        known = {name: there.get(name) for name in fixed}
        if different := _differences(known, fixed, named=_named):
            raise UserError(
                "output",
                f"another {self.kind} in {folder}: {', '.join(different)}",
                "the same or another folder",
            )


def _unwritable(folder: Path, error: OSError) -> UserError:
    return UserError("output", f"{error.strerror} at {folder}", "a folder to write to")


def _differences(
    there: Mapping[str, Any], now: Mapping[str, Any], *, named: Callable[[str], str]
) -> list[str]:
    # Of settings that have settings of their own, those.
    lines = []
    for key in dict.fromkeys([*there, *now]):
        old, new = there.get(key), now.get(key)
        if old and new and isinstance(old, Mapping) and isinstance(new, Mapping):
            lines += [f"{named(key)}: {line}" for line in _differences(old, new, named=str)]
        elif old != new:
            lines.append(f"{named(key)} {old} (now {new})")
    return lines


def _named(key: str) -> str:
    # In backticks where it is an argument of a command: some settings are made of several.
    groups = (*GROUPS.values(), EvaluationConfig, ListeningConfig, SearchConfig, SeparationConfig)
    known = {field.name for group in groups for field in dataclasses.fields(group)}
    return f"`{key}`" if key in known else key


def read_mapping(path: Path, wanted: str) -> dict[str, Any]:
    """Reads a YAML file that holds a mapping; keys get the names that they have today.

    Args:
        path: Path. The file.
        wanted: str. What the file should have been, for the error.

    Raises:
        UserError: if the file cannot be read or holds something else.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise UserError(path, getattr(error, "strerror", None) or "no YAML", wanted) from None
    if not isinstance(values, dict):
        raise UserError(path, type(values).__name__, wanted)
    return renewed(values)
