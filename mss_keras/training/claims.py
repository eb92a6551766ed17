"""Folders that belong to one evaluation, one benchmark, and are refused to another."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mss_keras.config import UserError
from mss_keras.files import appearing


def claim(folder: Path, kind: str, asked: Mapping[str, Any]) -> None:
    """Makes a folder this work's, by a file `KIND.yaml`, or finds that it is.

    Args:
        folder: made if it is missing.
        kind: of the work: `evaluation`, `benchmark`, `search`.
        asked: what its results depend on, of types that YAML knows.

    Raises:
        UserError: if the folder holds another such work, something else, or cannot be
            written.
    """
    path = folder / f"{kind}.yaml"
    if path.exists():
        check_claim(folder, kind, asked)
        return
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"--output: {folder} holds something else, wanted a new folder")
    try:
        with appearing(path) as partial:
            partial.write_text(yaml.safe_dump(dict(asked), sort_keys=False))
    except OSError as error:
        raise UserError(
            f"--output: {folder}: {error.strerror}, wanted a folder to write to"
        ) from None


def check_claim(folder: Path, kind: str, asked: Mapping[str, Any]) -> None:
    """Finds that a folder is this work's; arguments as in `claim`.

    Raises:
        UserError: if it holds another such work, or none.
    """
    path = folder / f"{kind}.yaml"
    if not path.exists():
        raise UserError(f"--output: {folder} holds no {kind}, wanted the folder of one")
    there = yaml.safe_load(path.read_text())
    for key in asked:
        if there.get(key) != asked[key]:
            raise UserError(
                f"--output: {folder} holds another {kind}: {key} {there.get(key)} (now "
                f"{asked[key]}); wanted the same or another folder"
            )
