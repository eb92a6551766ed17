"""Folders that belong to one run, evaluation, benchmark or search, and are refused to another."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mss_keras.config import UserError
from mss_keras.jobs.files import appearing


@dataclass(frozen=True)
class Claim:
    """What a folder is wanted for.

    Args:
        kind: str. `run`, `evaluation`, `benchmark` or `search`.
        file: str. Name of the YAML file in the folder that says so.
        asked: mapping. All that was asked for, of types that YAML knows.
        free: collection of str. Keys of `asked` that may change when the work is resumed.
            Defaults to none.
        defaults: mapping. Values of keys that a file from before them lacks. Defaults to none.
    """

    kind: str
    file: str
    asked: Mapping[str, Any]
    free: Collection[str] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def take(self, folder: Path) -> None:
        """Makes a folder this work's, or finds that it is.

        Args:
            folder: Path. It is made if it is missing.

        Raises:
            UserError: if the folder holds other work, something else, or cannot be written.
        """
        if (folder / self.file).exists():
            self.check(folder)
        elif folder.exists() and any(folder.iterdir()):
            raise UserError("output", f"something else in {folder}", "a new or empty folder")
        try:
            with appearing(folder / self.file) as partial:
                partial.write_text(yaml.safe_dump(dict(self.asked), sort_keys=False))
        except OSError as error:
            raise UserError(
                "output", f"{error.strerror} at {folder}", "a folder to write to"
            ) from None

    def check(self, folder: Path) -> None:
        """Finds that a folder is this work's.

        Raises:
            UserError: if it holds other work of the kind, or none.
        """
        path = folder / self.file
        if not path.exists():
            raise UserError("output", f"no {self.kind} in {folder}", f"the folder of a {self.kind}")
        there = {**self.defaults, **read_mapping(path, f"the file of a {self.kind}")}
        different = [
            f"`{key}` {there.get(key)} (now {value})"
            for key, value in self.asked.items()
            if key not in self.free and there.get(key) != value
        ]
        if different:
            raise UserError(
                "output",
                f"another {self.kind} in {folder}: {', '.join(different)}",
                "the same or another folder",
            )


def read_mapping(path: Path, wanted: str) -> dict[str, Any]:
    """Reads a YAML file that holds a mapping.

    Raises:
        UserError: if it cannot be read or holds something else; says what was `wanted`.
    """
    try:
        values = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(path, getattr(error, "strerror", None) or "no YAML", wanted) from None
    if not isinstance(values, dict):
        raise UserError(path, type(values).__name__, wanted)
    return values
