"""The key of a listening test: what each stimulus is. It stays with the experimenter."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mss_keras.config import UserError
from mss_keras.config.listening import SCALES, STIMULI
from mss_keras.jobs.files import appearing

FORMAT = "mss_keras-listening-1"
FILE = "key.json"


@dataclass(frozen=True)
class Trial:
    """A trial of a test: an excerpt, and what its stimuli are.

    Args:
        trial: str. Name of the trial.
        track: str. Name of the excerpt.
        song: str. Name of the song.
        source: str. The source that is rated.
        start: float. Where the excerpt begins in the song, seconds.
        seconds: float. Its length.
        lufs: float. Loudness of the stimuli.
        stimuli: mapping of str to str. `reference`, `anchor`, `mixture` or a system, by the ids
            that listeners' ratings have.
    """

    trial: str
    track: str
    song: str
    source: str
    start: float
    seconds: float
    lufs: float
    stimuli: Mapping[str, str]


@dataclass(frozen=True)
class Key:
    """The key of a listening test.

    Args:
        test: str. What tells the test from others.
        scale: str. A key of `SCALES`.
        secret: str. What ids are made of.
        systems: tuple of str. Names of the systems.
        trials: tuple of Trial. The trials.
        simulated: bool. Whether its ratings are made up. Defaults to `False`.
        demonstration: bool. Whether it is a demonstration. Defaults to `False`.
    """

    test: str
    scale: str
    secret: str
    systems: tuple[str, ...]
    trials: tuple[Trial, ...]
    simulated: bool = False
    demonstration: bool = False

    @property
    def range(self) -> tuple[int, int]:
        """The least and the greatest rating; all are whole numbers."""
        return SCALES[self.scale]

    @property
    def sources(self) -> list[str]:
        """The sources that are rated, in the order of the trials."""
        return list(dict.fromkeys(trial.source for trial in self.trials))

    def write(self, folder: Path) -> None:
        """Writes the key to the folder of its test."""
        with appearing(folder / FILE) as partial:
            text = json.dumps({"format": FORMAT, **dataclasses.asdict(self)}, indent=1)
            partial.write_text(text + "\n", encoding="utf-8")


def read_key(folder: Path) -> Key:
    """Inverse of `Key.write`.

    Args:
        folder: Path. The folder of a test.

    Raises:
        UserError: if it holds no test, or the file is damaged or of another format.
    """
    path = folder / FILE
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(path, error.strerror or str(error), "the key of a listening test") from None
    except (ValueError, RecursionError):
        raise UserError(path, "no JSON", "the key of a listening test") from None
    found = values.get("format") if isinstance(values, dict) else type(values).__name__
    if found != FORMAT:
        raise UserError(path, f"the format {found!r}", FORMAT)
    try:
        trials = tuple(Trial(**trial) for trial in values["trials"])
        rest = {name: value for name, value in values.items() if name not in ("format", "trials")}
        key = Key(**{**rest, "systems": tuple(values["systems"]), "trials": trials})
        _check(key, path)
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(path, f"another content ({error})", "the key of a listening test") from None
    return key


def _check(key: Key, path: Path) -> None:
    if key.scale not in SCALES:
        raise UserError.unknown(path, key.scale, SCALES)
    kinds = [*STIMULI, *key.systems]
    for trial in key.trials:
        for kind in trial.stimuli.values():
            if kind not in kinds:
                raise UserError.unknown(path, kind, kinds)
    ids = [stimulus for trial in key.trials for stimulus in trial.stimuli]
    if not ids or len(set(ids)) < len(ids):
        found = "one id for two stimuli" if ids else "no stimuli"
        raise UserError(path, found, "the key of a listening test")


def id_of(secret: str, *place: str) -> str:
    """The id of a stimulus, which tells nobody what it is who does not know the secret.

    Args:
        secret: str. The secret of the test.
        *place: str. What the stimulus is.

    Example:
        >>> id_of("secret", "t01", "anchor")
        'a62bedb0283a'
    """
    return as_text(hashlib.sha256("\0".join([secret, *place]).encode()).hexdigest())[:12]


def as_text(digits: str) -> str:
    """Hexadecimal digits that no table's program takes for a number, as it would 54700000e123.

    Example:
        >>> as_text("54700000e123")
        'a54700000e123'
    """
    return f"a{digits}"
